// gguf_file_seeds FOLDER: small good files of every version, with every type of value and some types of tensor.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "tests/support/gguf_bytes.h"

namespace {

using B = assay::test::GgufBytes;

B values(std::uint32_t version) {
  B b(0, 16, version);
  b.key("general.architecture", B::kString).string("llama");
  b.key("split.no", B::kUint16).number<std::uint16_t>(0);
  b.key("split.count", B::kUint16).number<std::uint16_t>(1);
  b.key("u8", B::kUint8).number<std::uint8_t>(1);
  b.key("i8", B::kInt8).number<std::int8_t>(-1);
  b.key("i16", B::kInt16).number<std::int16_t>(-1);
  b.key("u32", B::kUint32).u32(7);
  b.key("i32", B::kInt32).number<std::int32_t>(-1);
  b.key("f32", B::kFloat32).number(1.5F);
  b.key("yes", B::kBool).number<std::uint8_t>(1);
  b.key("u64", B::kUint64).u64(UINT64_MAX);
  b.key("i64", B::kInt64).number<std::int64_t>(-1);
  b.key("f64", B::kFloat64).number(1e300);
  b.key("words", B::kArray).array(B::kString, 3).string("one").string("").string("three");
  b.key("flags", B::kArray).array(B::kBool, 2).raw(std::string_view("\1\0", 2));
  b.key("nest", B::kArray)
      .array(B::kArray, 2)
      .array(B::kInt16, 1)
      .number<std::int16_t>(-1)
      .array(B::kString, 1)
      .string("");
  return b;
}

B tensors(std::uint32_t version) {
  B b(4, 1, version);
  b.key("general.alignment", B::kUint32).u32(64);
  b.tensor("token_embd.weight", {32, 2}, B::kQ8_0, 0);
  b.tensor("a", {3}, B::kF32, 128);
  b.tensor("b", {2, 1, 3}, B::kF16, 192);
  b.tensor("c", {256, 1, 1, 1}, 16, 256);
  return b.pad(64).zeros(256 + 66);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const std::filesystem::path folder = argv[1];
    const auto write = [&](const std::string& name, const B& bytes) {
      assay::OutputFile file(folder / name);
      file.write(bytes.bytes());
      file.commit();
    };
    for (const std::uint32_t version : {1U, 2U, 3U}) {
      write("empty-" + std::to_string(version), B(0, 0, version));
      write("values-" + std::to_string(version), values(version));
      write("tensors-" + std::to_string(version), tensors(version));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
