// Files that are wrong in one place: each gives a one-line error that names the file, the field and its byte offset.
#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "gguf/file.h"
#include "tests/gguf/allocations.h"
#include "tests/support/gguf_bytes.h"

namespace assay::test {
namespace {

using B = GgufBytes;

constexpr std::uint64_t kMax = UINT64_MAX;

struct Malformed {
  const char* name;
  GgufBytes file;       ///< marked where the wrong field begins
  std::string field;    ///< as the error names it
  std::string problem;  ///< a part of what it says
  ErrorKind kind = ErrorKind::input;
};

void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }

std::string letters(std::size_t count) { return std::string(count, 'a'); }

/// A file of one tensor; `info` is called to write it, and 256 bytes of data follow.
template <typename WriteInfo>
B one_tensor(WriteInfo write_info) {
  B file(1, 0);
  write_info(file);
  return file.pad().zeros(256);
}

/// A file of one pair whose value is written by the caller.
B one_key(std::uint32_t type) { return B(0, 1).key("some.key", type); }

const std::vector<Malformed>& headers() {
  static const std::vector<Malformed> kCases = {
      {"version_0", B(0, 0, 0), "version (byte 4)", "0, must be"},
      {"version_4", B(0, 0, 4), "version (byte 4)", "4, Assay reads", ErrorKind::unsupported},
      {"version_huge", B(0, 0, 0x7FFFFFFF), "version (byte 4)", "2147483647", ErrorKind::unsupported},
      {"big_endian", B(0, 0, 0x03000000), "version (byte 4)", "big-endian", ErrorKind::unsupported},
      {"tensor_count_huge", B(kMax, 0), "tensor_count (byte 8)", "18446744073709551615 items"},
      {"tensor_count_negative", B(static_cast<std::uint64_t>(-5), 0), "tensor_count (byte 8)", "cannot fit"},
      // count * 40 wraps to a small number.
      {"tensor_count_wraps", B(kMax / 40 + 2, 0).zeros(4096), "tensor_count (byte 8)", "cannot fit"},
      {"tensor_count_beyond_file", B(3, 0).zeros(64), "tensor_count (byte 8)", "cannot fit"},
      {"tensor_count_v1", B(0xFFFFFFFF, 0, 1), "tensor_count (byte 8)", "4294967295 items"},
      {"metadata_count_huge", B(0, kMax), "metadata_count (byte 16)", "18446744073709551615 items"},
      {"metadata_count_wraps", B(0, kMax / 16 + 2).zeros(4096), "metadata_count (byte 16)", "cannot fit"},
      {"metadata_count_v1", B(0, 0xFFFFFFFF, 1), "metadata_count (byte 12)", "cannot fit"},
      {"metadata_count_one_too_many", B(0, 2).key("k", B::kUint64).u64(7).mark().zeros(14), "metadata key", "is empty"},
  };
  return kCases;
}

const std::vector<Malformed>& pairs() {
  static const std::vector<Malformed> kCases = {
      {"key_length_huge", B(0, 1).mark().u64(kMax).zeros(64), "metadata key", "18446744073709551615 bytes long"},
      {"key_beyond_file", B(0, 1).mark().u64(100).raw(letters(50)), "metadata key", "only 50 bytes remain"},
      {"key_empty", B(0, 1).mark().string("").u32(B::kUint32).u32(1), "metadata key", "is empty"},
      {"key_too_long", B(0, 1).mark().string(letters(65536)).u32(B::kUint32).u32(1), "metadata key",
       "65536 bytes long"},
      {"key_too_long_v1", B(0, 1, 1).mark().string(letters(65536)).u32(B::kUint32).u32(1), "metadata key", "65536"},
      {"string_length_max", one_key(B::kString).mark().u64(kMax).zeros(8), "value of key 'some.key'", "bytes long"},
      {"string_length_negative", one_key(B::kString).mark().u64(1ULL << 63), "value of key 'some.key'", "bytes long"},
      {"string_beyond_file", one_key(B::kString).mark().u64(9).raw("12345678"), "value of key 'some.key'",
       "only 8 bytes"},
      {"value_type_13", B(0, 1).string("some.key").mark().u32(13).zeros(32), "type of key 'some.key'", "13 is no type"},
      {"value_type_negative", B(0, 1).string("some.key").mark().u32(0xFFFFFFFF).zeros(32), "type of key 'some.key'",
       "4294967295 is no type"},
      {"array_type_invalid", one_key(B::kArray).mark().array(99, 1).zeros(32), "element type of key 'some.key'", "99"},
      {"array_type_negative", one_key(B::kArray).mark().array(0x80000000, 1).zeros(32),
       "element type of key 'some.key'", "2147483648"},
      {"arrays_nested_too_deep",
       one_key(B::kArray)
           .array(B::kArray, 1)
           .array(B::kArray, 1)
           .array(B::kArray, 1)
           .mark()
           .array(B::kArray, 1)
           .array(B::kUint8, 0),
       "element type of key 'some.key'", "nested more than 4 deep"},
      {"array_count_huge", one_key(B::kArray).u32(B::kUint32).mark().u64(kMax).zeros(32),
       "array length of key 'some.key'", "cannot fit"},
      // count * 8 wraps to 16.
      {"array_count_wraps", one_key(B::kArray).u32(B::kUint64).mark().u64((1ULL << 61) + 2).zeros(32),
       "array length of key 'some.key'", "cannot fit"},
      {"array_of_strings_wraps", one_key(B::kArray).u32(B::kString).mark().u64((1ULL << 61) + 2).zeros(32),
       "array length of key 'some.key'", "cannot fit"},
      {"array_beyond_file", one_key(B::kArray).u32(B::kUint32).mark().u64(9).zeros(32),
       "array length of key 'some.key'", "9 items cannot fit into the 32 bytes"},
      {"array_string_beyond_file", one_key(B::kArray).array(B::kString, 2).string("a").mark().u64(kMax),
       "value of key 'some.key'", "bytes long"},
      {"boolean_of_2", one_key(B::kBool).mark().raw("\x02"), "value of key 'some.key'", "a boolean of 2"},
      {"boolean_of_255_in_array", one_key(B::kArray).array(B::kBool, 3).raw("\x01").mark().raw("\xFF\x01"),
       "value of key 'some.key'", "a boolean of 255"},
      {"duplicate_key", B(0, 2).key("k", B::kUint8).raw("x").u64(1).mark().raw("k").u32(B::kUint8).raw("x").zeros(2),
       "metadata key 'k'", "duplicate of the key at byte 32"},
      {"key_with_controls_stays_on_one_line", B(0, 1).string("a\nb\xFF").mark().u32(77).zeros(32),
       "type of key 'a\\nb\\xff'", "77"},
  };
  return kCases;
}

B alignment(std::uint32_t value) { return B(0, 1).u64(17).mark().raw("general.alignment").u32(B::kUint32).u32(value); }

const std::vector<Malformed>& alignments() {
  static const std::string kKey = "key 'general.alignment'";
  static const std::vector<Malformed> kCases = {
      {"alignment_0", alignment(0), kKey, "0, must be a power of two"},
      {"alignment_33", alignment(33), kKey, "33, must be a power of two"},
      {"alignment_4", alignment(4), kKey, "4, must be a power of two from 8"},
      {"alignment_huge", alignment(0x80000000), kKey, "2147483648, must be"},
      {"alignment_of_int32", B(0, 1).u64(17).mark().raw("general.alignment").u32(B::kInt32).u32(64), kKey,
       "of type int32, must be uint32"},
      {"alignment_of_uint64", B(0, 1).u64(17).mark().raw("general.alignment").u32(B::kUint64).u64(64), kKey,
       "of type uint64, must be uint32"},
      {"alignment_of_string", B(0, 1).u64(17).mark().raw("general.alignment").u32(B::kString).string("64"), kKey,
       "of type string, must be uint32"},
      {"alignment_of_array",
       B(0, 1).u64(17).mark().raw("general.alignment").u32(B::kArray).array(B::kUint32, 1).u32(64), kKey,
       "of type array of uint32, must be uint32"},
      {"alignment_changed",
       B(2, 1)
           .key("general.alignment", B::kUint32)
           .u32(64)
           .tensor("a", {8}, B::kF32, 0)
           .string("b")
           .u32(1)
           .u64(8)
           .u32(0)
           .mark()
           .u64(32)
           .pad(64)
           .zeros(128),
       "offset of tensor 'b'", "32 is no multiple of the alignment 64"},
  };
  return kCases;
}

const std::vector<Malformed>& tensors() {
  static const std::vector<Malformed> kCases = {
      {"name_empty", one_tensor([](B& b) { b.mark().tensor("", {8}, B::kF32, 0); }), "tensor name", "is empty"},
      {"name_too_long", one_tensor([](B& b) { b.mark().tensor(letters(65), {8}, B::kF32, 0); }), "tensor name",
       "65 bytes long"},
      {"name_length_huge", one_tensor([](B& b) { b.mark().u64(kMax).zeros(64); }), "tensor name",
       "bytes long, but only"},
      {"name_duplicate",
       B(2, 0).tensor("same", {8}, B::kF32, 0).u64(4).mark().raw("same").u32(1).u64(8).u32(0).u64(32).pad().zeros(64),
       "tensor name 'same'", "of that name before it"},
      {"no_dimensions", one_tensor([](B& b) { b.string("t").mark().u32(0).u32(B::kF32).u64(0); }),
       "n_dims of tensor 't'", "0 dimensions"},
      {"five_dimensions",
       one_tensor([](B& b) { b.string("t").mark().u32(5).u64(1).u64(1).u64(1).u64(1).u64(1).u32(B::kF32).u64(0); }),
       "n_dims of tensor 't'", "5 dimensions"},
      {"four_billion_dimensions", one_tensor([](B& b) { b.string("t").mark().u32(0xFFFFFFFF).zeros(64); }),
       "n_dims of tensor 't'", "4294967295 dimensions"},
      {"dimension_0_first", one_tensor([](B& b) { b.string("t").u32(2).mark().u64(0).u64(4).u32(B::kF32).u64(0); }),
       "dimensions of tensor 't'", "ne[0] is 0"},
      {"dimension_0_second", one_tensor([](B& b) { b.string("t").u32(2).u64(4).mark().u64(0).u32(B::kF32).u64(0); }),
       "dimensions of tensor 't'", "ne[1] is 0"},
      {"dimension_negative", one_tensor([](B& b) { b.string("t").u32(2).u64(4).mark().u64(kMax).u32(B::kF32).u64(0); }),
       "dimensions of tensor 't'", "ne[1] is -1"},
      {"dimensions_overflow", one_tensor([](B& b) {
         b.string("t").u32(4).mark().u64(1ULL << 32).u64(1ULL << 32).u64(1ULL << 32).u64(2).u32(B::kF32).u64(0);
       }),
       "dimensions of tensor 't'", "take 2^64 bytes or more"},
      // 2^62 values fit into 64 bits, their 2^64 bytes do not.
      {"bytes_overflow",
       one_tensor([](B& b) { b.string("t").u32(2).mark().u64(1ULL << 31).u64(1ULL << 31).u32(0).u64(0); }),
       "dimensions of tensor 't'", "take 2^64 bytes or more"},
      {"block_bytes_overflow",
       one_tensor([](B& b) { b.string("t").u32(2).mark().u64(1ULL << 62).u64(32).u32(B::kQ4_0).u64(0); }),
       "dimensions of tensor 't'", "take 2^64 bytes or more"},
      {"row_not_of_blocks", one_tensor([](B& b) { b.string("t").u32(1).mark().u64(33).u32(B::kQ8_0).u64(0); }),
       "dimensions of tensor 't'", "ne[0] is 33, no multiple of the 32 values in a block of Q8_0"},
      {"row_smaller_than_a_block",
       one_tensor([](B& b) { b.string("t").u32(2).mark().u64(8).u64(32).u32(B::kQ4_0).u64(0); }),
       "dimensions of tensor 't'", "ne[0] is 8, no multiple"},
      {"offset_max", one_tensor([](B& b) { b.string("t").u32(1).u64(8).u32(0).mark().u64(kMax); }),
       "offset of tensor 't'", "18446744073709551615 is no multiple"},
      {"offset_max_aligned", one_tensor([](B& b) { b.string("t").u32(1).u64(8).u32(0).mark().u64(kMax - 31); }),
       "offset of tensor 't'", "18446744073709551584 leaves a gap"},
      {"offset_unaligned", one_tensor([](B& b) { b.string("t").u32(1).u64(8).u32(0).mark().u64(8); }),
       "offset of tensor 't'", "8 is no multiple of the alignment 32"},
      {"offset_gap_at_begin", one_tensor([](B& b) { b.string("t").u32(1).u64(8).u32(0).mark().u64(32); }),
       "offset of tensor 't'", "32 leaves a gap"},
      {"offset_gap",
       B(2, 0).tensor("a", {8}, B::kF32, 0).string("b").u32(1).u64(8).u32(0).mark().u64(64).pad().zeros(128),
       "offset of tensor 'b'", "64 leaves a gap after the tensors before it, which end at 32"},
      {"offset_overlap",
       B(2, 0).tensor("a", {16}, B::kF32, 0).string("b").u32(1).u64(8).u32(0).mark().u64(32).pad().zeros(128),
       "offset of tensor 'b'", "32 overlaps the tensors before it, which end at 64"},
      {"offset_out_of_order",
       B(2, 0).string("a").u32(1).u64(8).u32(0).mark().u64(32).tensor("b", {8}, B::kF32, 0).pad().zeros(128),
       "offset of tensor 'a'", "32 leaves a gap"},
      // Each tensor claims 2^63 bytes: the running sum would wrap to 0.
      {"sum_of_sizes_wraps",
       B(3, 0)
           .string("a")
           .u32(1)
           .u64(1ULL << 61)
           .u32(B::kF32)
           .mark()
           .u64(0)
           .tensor("b", {1ULL << 61}, B::kF32, 1ULL << 63)
           .tensor("c", {8}, B::kF32, 0)
           .pad()
           .zeros(128),
       "offset of tensor 'a'", "9223372036854775808 bytes of data from 0 reach past the 128 bytes"},
      {"padding_of_size_wraps",
       one_tensor([](B& b) { b.string("t").u32(1).u64((1ULL << 62) - 1).u32(B::kF32).mark().u64(0); }),
       "offset of tensor 't'", "reach past"},
      {"data_one_byte_short", B(1, 0).string("t").u32(1).u64(8).u32(B::kF32).mark().u64(0).pad().zeros(31),
       "offset of tensor 't'", "32 bytes of data from 0 reach past the 31 bytes of tensor data in the file"},
      {"data_missing", B(1, 0).string("t").u32(1).u64(8).u32(B::kF32).mark().u64(0), "offset of tensor 't'",
       "reach past the 0 bytes"},
      {"dimension_v1", B(1, 0, 1).string("t").u32(1).mark().u32(0).u32(B::kF32).u64(0).pad().zeros(64),
       "dimensions of tensor 't'", "ne[0] is 0"},
  };
  return kCases;
}

/// Ids that the format has dropped, never had, or that are negative.
std::vector<Malformed> types() {
  std::vector<Malformed> cases;
  for (const std::uint32_t id : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U, 1000U, 0x80000000U, 0xFFFFFFFFU}) {
    cases.push_back({"unknown_type", one_tensor([&](B& b) { b.string("t").u32(1).u64(256).mark().u32(id).u64(0); }),
                     "type of tensor 't'", "unknown type id " + std::to_string(id), ErrorKind::unsupported});
  }
  return cases;
}

class MalformedFile : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedFile, IsRefusedByName) {
  const Malformed& malformed = GetParam();
  const std::size_t at = malformed.file.marked();
  const std::string field = at == 0 ? malformed.field : malformed.field + " (byte " + std::to_string(at) + ")";
  const auto start = std::chrono::steady_clock::now();
  const AllocationPeak peak;
  try {
    const gguf::File file = gguf::File::parse("folder/some.gguf", malformed.file.bytes());
    FAIL() << "was read";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find("folder/some.gguf: " + field + ": "), 0U) << message;
    EXPECT_NE(message.find(malformed.problem), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(error.kind(), malformed.kind) << message;
    EXPECT_FALSE(error.hint().empty()) << message;
  }
  EXPECT_LT(peak.bytes(), std::size_t{1} << 20);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

std::string case_name(const testing::TestParamInfo<Malformed>& info) {
  return std::to_string(info.index) + "_" + info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Header, MalformedFile, testing::ValuesIn(headers()), case_name);
INSTANTIATE_TEST_SUITE_P(Pairs, MalformedFile, testing::ValuesIn(pairs()), case_name);
INSTANTIATE_TEST_SUITE_P(Alignment, MalformedFile, testing::ValuesIn(alignments()), case_name);
INSTANTIATE_TEST_SUITE_P(Tensors, MalformedFile, testing::ValuesIn(tensors()), case_name);
INSTANTIATE_TEST_SUITE_P(Types, MalformedFile, testing::ValuesIn(types()), case_name);

}  // namespace
}  // namespace assay::test
