// Attention over the cache. A thread computes whole (token, head) pairs, so that no sum is ever split.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/fast/steps.h"

namespace assay::engine::fast {
namespace {

class Store final : public Step {
 public:
  Store(const Kernels& kernels, const model::Attention& attention, const Place& k, const Place& v, int region,
        std::size_t grain)
      : kernels_(kernels), attention_(attention), k_(k), v_(v), region_(region), grain_(grain) {}

  void run(const Frame& frame, const Team& team) const override {
    const std::size_t head_width = attention_.head_width;
    store(frame, team, k_, head_width,
          [&](const HeadCache& cache, std::size_t head) { return cache.keys(attention_.layer, head * head_width); });
    store(frame, team, v_, attention_.value_width,
          [&](const HeadCache& cache, std::size_t head) { return cache.values(attention_.layer, head * head_width); });
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({k_.region, by_channels(k_, grain_, mode), false});
    accesses.push_back({v_.region, by_channels(v_, grain_, mode), false});
    accesses.push_back({region_, by_channels(k_, grain_, mode), true});
  }

 private:
  /// This thread's channels of all rows, to heads of `width` channels that begin where `first_of` says.
  template <typename First>
  void store(const Frame& frame, const Team& team, const Place& from, std::size_t width, const First& first_of) const {
    const Team::Range mine = team.share(from.width, grain_);
    const float* rows = frame.floats(from, team);
    for (std::size_t begin = mine.begin; begin < mine.end;) {
      const std::size_t head = begin / width;
      const std::size_t end = std::min((head + 1) * width, mine.end);
      for (std::size_t row = 0; row < frame.tokens.size(); ++row) {
        const HeadCache& cache = *frame.caches[row];
        const std::size_t element = frame.positions[row] * width + (begin - head * width);
        put(rows + row * from.width + begin, end - begin, cache.format(),
            first_of(cache, head) + element * cache.element_bytes());
      }
      begin = end;
    }
  }

  void put(const float* from, std::size_t n, kernels::CacheFormat format, std::byte* to) const {
    if (format == kernels::CacheFormat::f16) {
      kernels_.to_half(from, n, reinterpret_cast<std::uint16_t*>(to));
    } else {
      std::copy_n(from, n, reinterpret_cast<float*>(to));
    }
  }

  const Kernels& kernels_;
  model::Attention attention_;
  Place k_;
  Place v_;
  int region_;
  std::size_t grain_;
};

class Attend final : public Step {
 public:
  Attend(const Kernels& kernels, const model::Attention& attention, std::vector<float> sinks, const Place& q,
         const Place& out, int region)
      : kernels_(kernels), attention_(attention), sinks_(std::move(sinks)), q_(q), out_(out), region_(region) {}

  void run(const Frame& frame, const Team& team) const override {
    const auto threads = static_cast<std::size_t>(team.threads);
    const auto thread = static_cast<std::size_t>(team.thread);
    const Share share = cut(frame, thread, threads);
    const Share next = cut(frame, thread + 1, threads);
    const float* q = frame.floats(q_, team);
    float* out = frame.floats(out_, team);
    // Key/value heads outermost: their rows stay in the cache for all tokens and query heads that read them.
    const std::size_t group = attention_.heads / attention_.kv_heads;
    for (std::size_t kv_head = 0; kv_head < attention_.kv_heads; ++kv_head) {
      for (std::size_t token = share.token; token < frame.tokens.size() && token <= next.token; ++token) {
        const std::size_t from = token == share.token ? share.head : 0;
        const std::size_t to = token == next.token ? next.head : attention_.heads;
        const std::size_t last = std::min(to, (kv_head + 1) * group);
        std::size_t head = std::max(from, kv_head * group);
        while (head < last) {
          const std::size_t heads = std::min(last - head, kQueriesTogether);
          attend(frame, token, head, heads, q + token * q_.width + head * attention_.head_width, frame.scores[thread],
                 out + token * out_.width + head * attention_.value_width);
          head += heads;
        }
      }
    }
  }

  bool reads_other_tokens() const override { return true; }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({q_.region, by_anything(q_, mode), false});
    accesses.push_back({region_, {}, false});
    accesses.push_back({out_.region, {}, true});
  }

 private:
  /// Where a thread's share of the (token, head) pairs begins.
  struct Share {
    std::size_t token;
    std::size_t head;
  };

  /// How many positions a token sees.
  std::size_t seen(std::size_t position) const { return position + 1 - attention_.first_seen(position); }

  /// Cuts the work, which grows with the positions seen, into equal parts.
  Share cut(const Frame& frame, std::size_t thread, std::size_t threads) const {
    std::size_t total = 0;
    for (const std::size_t position : frame.positions) total += seen(position);
    std::size_t before = total * attention_.heads * thread / threads;
    for (std::size_t token = 0; token < frame.tokens.size(); ++token) {
      const std::size_t cost = seen(frame.positions[token]);
      if (before < cost * attention_.heads) return {token, before / cost};
      before -= cost * attention_.heads;
    }
    return {frame.tokens.size(), 0};
  }

  /// `heads` query heads of one key/value head, from `head` on. q [heads, head_width], out [heads, value_width].
  void attend(const Frame& frame, std::size_t token, std::size_t head, std::size_t heads, const float* q, float* scores,
              float* out) const {
    const HeadCache& cache = *frame.caches[token];
    const std::size_t width = attention_.value_width;
    const std::size_t kv_head = head / (attention_.heads / attention_.kv_heads);
    const std::size_t count = seen(frame.positions[token]);
    const std::size_t skipped = attention_.first_seen(frame.positions[token]);
    const auto rows = [&](const std::byte* first, std::size_t channels) {
      return kernels::CacheRows{first + skipped * channels * cache.element_bytes(), cache.format(), channels, count,
                                channels};
    };
    const std::size_t channel = kv_head * attention_.head_width;
    const kernels::CacheRows keys = rows(cache.keys(attention_.layer, channel), attention_.head_width);
    const kernels::CacheRows values = rows(cache.values(attention_.layer, channel), width);
    // A sink is one more score, of a value that is 0.
    const std::size_t stride = sinks_.empty() ? count : count + 1;
    kernels_.scores(q, heads, keys, static_cast<float>(attention_.scale), scores, stride);
    float factors[kQueriesTogether];
    for (std::size_t i = 0; i < heads; ++i) {
      float* row = scores + i * stride;
      if (attention_.soft_cap != 0) kernels_.soft_cap(row, static_cast<float>(attention_.soft_cap), count, row);
      if (!sinks_.empty()) row[count] = sinks_[head + i];
      factors[i] = kernels_.softmax(row, stride);
    }
    kernels_.weighted_sums(scores, stride, heads, values, out);
    for (std::size_t i = 0; i < heads; ++i) kernels_.scale(out + i * width, factors[i], width, out + i * width);
  }

  const Kernels& kernels_;
  model::Attention attention_;
  std::vector<float> sinks_;
  Place q_;
  Place out_;
  int region_;
};

}  // namespace

std::unique_ptr<Step> make_store(const Kernels& kernels, const model::Attention& attention, const Place& k,
                                 const Place& v, int region, std::size_t grain) {
  return std::make_unique<Store>(kernels, attention, k, v, region, grain);
}

std::unique_ptr<Step> make_attend(const Kernels& kernels, const model::Attention& attention, std::vector<float> sinks,
                                  const Place& q, const Place& out, int region) {
  return std::make_unique<Attend>(kernels, attention, std::move(sinks), q, out, region);
}

}  // namespace assay::engine::fast
