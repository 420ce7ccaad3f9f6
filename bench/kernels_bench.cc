// Matrix products and attention of every type and instruction set, on one thread, beside a plain read of memory.
//
// decode: one token times a matrix of 256 MiB, far beyond the caches; bytes/s of weights. Compare with memory_read.
// cached: the same with a matrix that stays in the second-level cache: what the arithmetic alone allows.
// prompt: 512 tokens times 512 rows; items/s are multiply-adds.
// scores, weighted_sums: 1, 3 or 8 query heads with 2048 keys or values of 64 channels; items/s are pairs of both. A
// cache that comes from memory, and one that stays in the second-level cache.
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

/// As the engine's memory, cut at cache lines: vectors that cross them take twice as long to load.
struct alignas(64) Line {
  std::uint64_t words[8] = {};
};

struct Floats {
  std::vector<Line> lines;
  explicit Floats(std::size_t count) : lines((count * sizeof(float) + sizeof(Line) - 1) / sizeof(Line)) {}
  float* data() { return reinterpret_cast<float*>(lines.data()); }
};

/// Memory for all matrices. Random but for the exponents of whatever is read as f16, bf16 or f32, and of MXFP4: the
/// numbers are near 1.
const std::vector<Line>& matrix() {
  static const std::vector<Line> lines = [] {
    std::vector<Line> filled(kMatrixBytes / sizeof(Line));
    std::mt19937_64 random(1);
    for (Line& line : filled)
      for (std::uint64_t& word : line.words) word = (random() & 0x83CF83CF83CF83CFU) | 0x3C303C303C303C30U;
    return filled;
  }();
  return lines;
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

constexpr std::size_t kHeadWidth = 64;
constexpr std::size_t kKeys = 2048;

/// Scores or weighted sums of the query heads of one key/value head after the other, from `bytes` of memory.
void attention(benchmark::State& state, const kernels::Kernels& kernels, kernels::CacheFormat format, bool is_scores,
               std::size_t queries, std::size_t bytes) {
  const std::size_t head_bytes = kKeys * kHeadWidth * (format == kernels::CacheFormat::f32 ? 4 : 2);
  Floats rows(queries * kHeadWidth);
  Floats weights(queries * kKeys);
  std::size_t head = 0;
  while (state.KeepRunning()) {
    const auto* data = reinterpret_cast<const std::byte*>(matrix().data()) + head * head_bytes;
    const kernels::CacheRows cache = {data, format, kHeadWidth, kKeys, kHeadWidth};
    if (is_scores) {
      kernels.scores(rows.data(), queries, cache, 0.125F, weights.data(), kKeys);
    } else {
      kernels.weighted_sums(weights.data(), kKeys, queries, cache, rows.data());
    }
    benchmark::ClobberMemory();
    head = (head + 1) * head_bytes < bytes ? head + 1 : 0;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * queries * kKeys));
}

void memory_read(benchmark::State& state, std::size_t way) {
  cli::MemoryReader reader(1);
  while (state.KeepRunning()) reader.read(way);
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
  for (const auto format : {kernels::CacheFormat::f32, kernels::CacheFormat::f16}) {
    for (const bool is_scores : {true, false}) {
      for (const std::size_t queries : {1, 3, 8}) {
        const std::string name = std::string(is_scores ? "scores/" : "weighted_sums/") +
                                 (format == kernels::CacheFormat::f32 ? "f32/" : "f16/") + kernels.isa + "/" +
                                 std::to_string(queries);
        benchmark::RegisterBenchmark(("cached/" + name).c_str(), attention, kernels, format, is_scores, queries,
                                     kCachedBytes);
        benchmark::RegisterBenchmark(("memory/" + name).c_str(), attention, kernels, format, is_scores, queries,
                                     kMatrixBytes);
      }
    }
  }
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  assay::matrix();  // not in anybody's first iteration
  for (std::size_t way = 0; way < assay::cli::MemoryReader::ways(); ++way)
    benchmark::RegisterBenchmark(("memory_read/" + std::to_string(way)).c_str(), assay::memory_read, way);
  for (const char* isa : {"amx", "zen4", "avx512", "avx2", "i8mm", "neon", "scalar"})
    if (const assay::kernels::Kernels* kernels = assay::kernels::find_kernels(isa)) assay::add_benchmarks(*kernels);
  if (benchmark::RunSpecifiedBenchmarks() == 0) return 1;
  benchmark::Shutdown();
  return 0;
}
