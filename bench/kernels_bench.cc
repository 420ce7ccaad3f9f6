// Matrix products of every type and instruction set, on one thread, beside a plain read of memory.
//
// decode: one token times a matrix of 256 MiB, far beyond the caches; bytes/s of weights. Compare with memory_read.
// cached: the same with a matrix that stays in the second-level cache: what the arithmetic alone allows.
// prompt: 512 tokens times 512 rows; items/s are multiply-adds.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "cli/ceilings.h"
#include "kernels/activations.h"
#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay {
namespace {

constexpr std::size_t kMatrixBytes = std::size_t{256} << 20;
constexpr std::size_t kCachedBytes = std::size_t{512} << 10;

/// Memory for all matrices. Random but for the exponents of whatever is read as f16, bf16 or f32, and of MXFP4: the
/// numbers are near 1.
const std::vector<std::uint64_t>& matrix() {
  static const std::vector<std::uint64_t> words = [] {
    std::vector<std::uint64_t> filled(kMatrixBytes / sizeof(std::uint64_t));
    std::mt19937_64 random(1);
    for (std::uint64_t& word : filled) word = (random() & 0x83CF83CF83CF83CFU) | 0x3C303C303C303C30U;
    return filled;
  }();
  return words;
}

struct Batch {
  std::vector<float> f32;
  std::vector<float> quantized;
  kernels::Activations view;

  Batch(const kernels::Kernels& kernels, std::size_t tokens, std::size_t width, std::size_t block_values)
      : f32(tokens * width) {
    std::mt19937_64 random(2);
    std::normal_distribution<float> normal;
    for (float& value : f32) value = normal(random);
    view.tokens = tokens;
    view.width = width;
    view.block_values = block_values;
    view.f32 = f32.data();
    if (block_values == 1) return;
    quantized.resize(tokens * kernels::QuantizedRows::row_bytes(width, block_values) / sizeof(float));
    const kernels::QuantizedRows rows(reinterpret_cast<std::byte*>(quantized.data()), tokens, width, block_values);
    for (std::size_t token = 0; token < tokens; ++token)
      kernels.quantize(f32.data() + token * width, width, block_values, rows.row(token));
    view = rows.view();
  }
};

void decode(benchmark::State& state, const kernels::Kernels& kernels, const quant::Type& type, std::size_t width,
            std::size_t matrix_bytes) {
  const Batch batch(kernels, 1, width, type.block_values);
  const std::size_t row_bytes = width / type.block_values * type.block_bytes;
  const std::size_t rows = matrix_bytes / row_bytes;
  std::vector<float> out(rows);
  while (state.KeepRunning()) {
    kernels.product[type.id](reinterpret_cast<const std::byte*>(matrix().data()), row_bytes, rows, batch.view,
                             out.data(), rows);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * rows * row_bytes));
}

void prompt(benchmark::State& state, const kernels::Kernels& kernels, const quant::Type& type, std::size_t width) {
  constexpr std::size_t kTokens = 512;
  constexpr std::size_t kRows = 512;
  const Batch batch(kernels, kTokens, width, type.block_values);
  const std::size_t row_bytes = width / type.block_values * type.block_bytes;
  std::vector<float> out(kTokens * kRows);
  while (state.KeepRunning()) {
    kernels.product[type.id](reinterpret_cast<const std::byte*>(matrix().data()), row_bytes, kRows, batch.view,
                             out.data(), kRows);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kTokens * kRows * width));
}

void memory_read(benchmark::State& state) {
  cli::MemoryReader reader(1);
  while (state.KeepRunning()) reader.read();
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * reader.bytes()));
}

void add_benchmarks(const kernels::Kernels& kernels) {
  for (const quant::Type* type : quant::all_types()) {
    if (type->id >= kernels::kMaxTypes || kernels.product[type->id] == nullptr) continue;
    const std::size_t width = type->block_values == 256 ? 2048 : 576;
    const std::string name = std::string(type->name) + "/" + kernels.isa + "/" + std::to_string(width);
    benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode, kernels, *type, width, kMatrixBytes);
    benchmark::RegisterBenchmark(("cached/" + name).c_str(), decode, kernels, *type, width, kCachedBytes);
    benchmark::RegisterBenchmark(("prompt/" + name).c_str(), prompt, kernels, *type, width);
  }
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  assay::matrix();  // not in anybody's first iteration
  benchmark::RegisterBenchmark("memory_read", assay::memory_read);
  for (const char* isa : {"avx512", "avx2", "i8mm", "neon", "scalar"})
    if (const assay::kernels::Kernels* kernels = assay::kernels::find_kernels(isa)) assay::add_benchmarks(*kernels);
  if (benchmark::RunSpecifiedBenchmarks() == 0) return 1;
  benchmark::Shutdown();
  return 0;
}
