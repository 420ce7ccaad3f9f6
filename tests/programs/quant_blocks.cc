// What the quant room makes of bytes, as raw little-endian arrays for numpy.
//
//   quant_blocks list                      id, name, values a block, bytes a block, decodable, encodable: a line a type
//   quant_blocks decode  TYPE IN OUT       blocks -> float32 values
//   quant_blocks exact   TYPE IN OUT       blocks -> float64 values
//   quant_blocks apart   TYPE IN OUT       blocks -> int32: group_values, scale[16], min[16], quant[256] a block
//   quant_blocks scales  TYPE IN OUT       blocks -> float32: d, dmin a block
//   quant_blocks encode  TYPE IN OUT [IMPORTANCE]   float32: width, values of rows; weights a column -> blocks
//   quant_blocks from-half|from-bfloat IN OUT    uint16 -> float32
//   quant_blocks to-half|to-bfloat IN OUT        float32 -> uint16
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "quant/half.h"
#include "quant/type.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a test program

template <typename T>
void write(const std::string& path, const std::vector<T>& values) {
  OutputFile out(path);
  out.write(std::as_bytes(std::span(values)));
  out.commit();
}

template <typename From, typename To, typename Convert>
void convert(const std::string& in, const std::string& out, Convert convert_one) {
  const MappedFile file = MappedFile::open(in);
  std::vector<From> from(file.bytes().size() / sizeof(From));
  std::memcpy(from.data(), file.bytes().data(), from.size() * sizeof(From));
  std::vector<To> to;
  to.reserve(from.size());
  for (const From value : from) to.push_back(convert_one(value));
  write(out, to);
}

void list() {
  for (const quant::Type* type : quant::all_types()) {
    std::printf("%u %s %u %u %d %d\n", type->id, std::string(type->name).c_str(), type->block_values, type->block_bytes,
                type->is_decodable() ? 1 : 0, type->is_encodable() ? 1 : 0);
  }
}

void dump_blocks(const std::string& what, const quant::Type& type, const std::string& in, const std::string& out) {
  const MappedFile file = MappedFile::open(in);
  const std::byte* blocks = file.bytes().data();
  const std::size_t count = file.bytes().size() / type.block_bytes;
  if (what == "decode") {
    std::vector<float> values(count * type.block_values);
    type.decode(blocks, count, values.data());
    write(out, values);
  } else if (what == "exact") {
    std::vector<double> values(count * type.block_values);
    quant::decode_exact(type, blocks, count, values.data());
    write(out, values);
  } else {
    std::vector<std::int32_t> integers;
    std::vector<float> scales;
    for (std::size_t block = 0; block < count; ++block) {
      quant::BlockIntegers apart;
      type.take_apart(blocks + block * type.block_bytes, apart);
      scales.insert(scales.end(), {apart.d, apart.dmin});
      integers.push_back(apart.group_values);
      integers.insert(integers.end(), std::begin(apart.scale), std::end(apart.scale));
      integers.insert(integers.end(), std::begin(apart.min), std::end(apart.min));
      integers.insert(integers.end(), std::begin(apart.quant), std::end(apart.quant));
    }
    if (what == "apart") write(out, integers);
    if (what == "scales") write(out, scales);
  }
}

void encode_rows(const quant::Type& type, const std::string& in, const std::string& out, const std::string& weights) {
  const MappedFile file = MappedFile::open(in);
  std::vector<float> values(file.bytes().size() / sizeof(float));
  std::memcpy(values.data(), file.bytes().data(), values.size() * sizeof(float));
  const auto width = static_cast<std::size_t>(values.at(0));
  std::vector<float> importance;
  if (!weights.empty()) {
    const MappedFile weights_file = MappedFile::open(weights);
    importance.resize(width);
    std::memcpy(importance.data(), weights_file.bytes().data(), width * sizeof(float));
  }
  const std::size_t rows = (values.size() - 1) / width;
  const std::size_t row_bytes = width / type.block_values * type.block_bytes;
  std::vector<std::byte> blocks(rows * row_bytes);
  for (std::size_t row = 0; row < rows; ++row) {
    type.encode(values.data() + 1 + row * width, width, importance.empty() ? nullptr : importance.data(),
                blocks.data() + row * row_bytes);
  }
  write(out, blocks);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 1 && arguments[0] == "list") {
      list();
    } else if (arguments.size() == 3 && arguments[0] == "from-half") {
      convert<std::uint16_t, float>(arguments[1], arguments[2], quant::half_to_float);
    } else if (arguments.size() == 3 && arguments[0] == "from-bfloat") {
      convert<std::uint16_t, float>(arguments[1], arguments[2], quant::bfloat_to_float);
    } else if (arguments.size() == 3 && arguments[0] == "to-half") {
      convert<float, std::uint16_t>(arguments[1], arguments[2], quant::float_to_half);
    } else if (arguments.size() == 3 && arguments[0] == "to-bfloat") {
      convert<float, std::uint16_t>(arguments[1], arguments[2], quant::float_to_bfloat);
    } else if (arguments.size() >= 4 && arguments[0] == "encode" && quant::find_type(arguments[1]) != nullptr) {
      encode_rows(*quant::find_type(arguments[1]), arguments[2], arguments[3],
                  arguments.size() > 4 ? arguments[4] : std::string());
    } else if (arguments.size() == 4 && quant::find_type(arguments[1]) != nullptr) {
      dump_blocks(arguments[0], *quant::find_type(arguments[1]), arguments[2], arguments[3]);
    } else {
      std::fputs("quant_blocks: wrong arguments\n", stderr);
      return 2;
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "quant_blocks: %s\n", error.what());
    return exit_code(error.kind());
  }
  return 0;
}
