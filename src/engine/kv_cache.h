// The keys and values of several sequences, for every layer. Rows are contiguous: [position][kv_width] for one sequence
// and layer. Memory grows geometrically with what a sequence holds; the context length only bounds it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/engine.h"

namespace assay::engine {

/// Element: float, double, or std::uint16_t for half floats. Unknown sequence ids throw Error{usage}. Pointers hold
/// until the next reserve() or remove() of that sequence.
template <typename Element>
class KvCache {
 public:
  KvCache(std::size_t layers, std::size_t kv_width, std::size_t context_length)
      : layers_(layers), kv_width_(kv_width), context_length_(context_length) {}

  SequenceId add() {
    lengths_[next_] = 0;
    stores_[next_] = {};
    return next_++;
  }

  void remove(SequenceId sequence) {
    check(sequence);
    lengths_.erase(sequence);
    stores_.erase(sequence);
  }

  /// Forgets the positions from `length` on; a longer `length` changes nothing.
  void truncate(SequenceId sequence, std::size_t length) {
    check(sequence);
    lengths_[sequence] = std::min(lengths_[sequence], length);
  }

  std::size_t length(SequenceId sequence) const {
    check(sequence);
    return lengths_.at(sequence);
  }
  const std::map<SequenceId, std::size_t>& lengths() const { return lengths_; }

  /// Makes room for `length` positions; the sequence does not hold them before set_length(). Throws Error{usage} when
  /// there is no memory for them.
  void reserve(SequenceId sequence, std::size_t length) {
    check(sequence);
    Store& store = stores_[sequence];
    if (length <= store.capacity) return;
    Store larger =
        allocate(std::min(std::max({length, 2 * store.capacity, kSmallest}), std::max(length, context_length_)));
    const std::size_t kept = lengths_[sequence] * kv_width_;
    for (std::size_t i = 0; i < 2 * layers_; ++i) {
      std::copy_n(store.rows.data() + i * store.capacity * kv_width_, kept,
                  larger.rows.data() + i * larger.capacity * kv_width_);
    }
    std::swap(store, larger);
  }

  /// The rows up to `length`, which reserve() made room for, have been written.
  void set_length(SequenceId sequence, std::size_t length) {
    check(sequence);
    lengths_[sequence] = length;
  }

  Element* keys(SequenceId sequence, std::size_t layer) { return rows(sequence, 2 * layer); }
  Element* values(SequenceId sequence, std::size_t layer) { return rows(sequence, 2 * layer + 1); }

 private:
  static constexpr std::size_t kSmallest = 64;

  struct Store {
    std::size_t capacity = 0;   // positions
    std::vector<Element> rows;  // [layer][key or value][capacity][kv_width]
  };

  Store allocate(std::size_t capacity) const {
    const std::size_t elements = 2 * layers_ * capacity * kv_width_;
    const auto refuse = [&] {
      throw Error(
          ErrorKind::usage,
          fmt::format("no memory for a cache of {} positions ({})", capacity, human_bytes(elements * sizeof(Element))),
          "Use a shorter context (--ctx), or fewer sequences.");
    };
    Store store{capacity, {}};
    try {
      store.rows.resize(elements);
    } catch (const std::bad_alloc&) {
      refuse();
    } catch (const std::length_error&) {
      refuse();
    }
    return store;
  }

  Element* rows(SequenceId sequence, std::size_t index) {
    Store& store = stores_.at(sequence);
    return store.rows.data() + index * store.capacity * kv_width_;
  }

  void check(SequenceId sequence) const {
    if (lengths_.count(sequence) == 0) throw Error(ErrorKind::usage, fmt::format("there is no sequence {}", sequence));
  }

  std::size_t layers_;
  std::size_t kv_width_;
  std::size_t context_length_;
  SequenceId next_ = 0;
  std::map<SequenceId, std::size_t> lengths_;
  std::map<SequenceId, Store> stores_;
};

}  // namespace assay::engine
