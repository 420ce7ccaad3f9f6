// How IQ1_S to IQ3_S unpack: a block's numbers look entries up in a codebook (kernels/grids.h), whose values then get
// their signs. Layouts stand at the head of src/quant/iq*.cc.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/token.h"
#include "kernels/grids.h"

namespace assay::kernels {
namespace {

/// How the vec.h's entries_of_eight() is called. Formats with large codebooks let an instruction set choose another
/// way for some CPUs.
using EntriesOfEight = Int (*)(const std::uint64_t* entries, std::uint64_t first, std::uint64_t second);

/// What all of them share. Quants lie between -62 and 62.
struct GridFormat {
  static constexpr int kBias = 64;
  static constexpr bool kHasMin = false;

  static Int biased(Int quants) { return add_bytes(quants, all_bytes(kBias)); }
  static Int with_signs(Int magnitudes, std::uint64_t signs) { return biased(negative_where(magnitudes, signs)); }

  /// Bits 0-27 of two words: four times seven signs each, of eight values, the last of which makes their number even.
  static std::uint64_t signs_of_sevens(std::uint32_t first, std::uint32_t second) {
    return with_eighths(bytes_of_sevens((first & 0x0FFFFFFFU) | std::uint64_t{second} << 28));
  }
  /// Of eight bytes of seven signs.
  static std::uint64_t with_eighths(std::uint64_t sevens) {
    std::uint64_t parity = sevens ^ sevens >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return sevens | (parity & kOnes) << 7;
  }

  static constexpr std::uint64_t kOnes = 0x0101010101010101U;
  static constexpr std::uint64_t kNibbles = 0x0F0F0F0F0F0F0F0FU;

  /// 2 * s + 1 of eight bytes, each for 32 values.
  static Lane odd_pairs(std::uint64_t scales) { return lane_of_pairs(scales << 1 | kOnes); }
  /// Of sixteen nibbles, the low ones of each byte first.
  static Lane odd_nibbles(std::uint64_t packed) {
    return lane_of_turns((packed & kNibbles) << 1 | kOnes, (packed >> 4 & kNibbles) << 1 | kOnes);
  }

  /// Entries by eight words that number them: the lower bytes stand at `low`, the upper ones in two times four words.
  template <EntriesOfEight kEntriesOf>
  static Int numbered(const std::uint64_t* entries, const Byte* low, std::uint64_t first_upper,
                      std::uint64_t second_upper) {
    return kEntriesOf(entries, words_of_bytes(load_double_word(low)) | first_upper,
                      words_of_bytes(load_double_word(low + 4)) | second_upper);
  }
};

struct Iq2Xxs : GridFormat {
  static constexpr std::size_t kBytes = 66;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* fields = block + 2 + 16 * kQuarter;
    const Int entries = entries_of_eight(kIq2XxsEntries, words_of_bytes(load_double_word(fields)),
                                         words_of_bytes(load_double_word(fields + 8)));
    return with_signs(entries, signs_of_sevens(load_double_word(fields + 4), load_double_word(fields + 12)));
  }
  static Lane scales(const Byte* block) { return odd_pairs(top_nibbles<8>(block + 2)); }
};

struct Iq2Xs : GridFormat {
  static constexpr std::size_t kBytes = 74;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* words = block + 2 + 16 * kQuarter;
    const std::uint64_t first = load_quad_word(words);
    const std::uint64_t second = load_quad_word(words + 8);
    constexpr std::uint64_t kNineBits = 0x01FF01FF01FF01FFU;
    const std::uint64_t sevens = bytes_of_upper_sevens(first, second);
    return with_signs(entries_of_eight(kIq2XsEntries, first & kNineBits, second & kNineBits), with_eighths(sevens));
  }
  static Lane scales(const Byte* block) { return odd_nibbles(load_quad_word(block + 66)); }
};

template <EntriesOfEight kEntriesOf>
struct Iq2SBy : GridFormat {
  static constexpr std::size_t kBytes = 82;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 8 * kQuarter;
    const Byte* high = block + 66 + 2 * kQuarter;
    const Int entries = GridFormat::numbered<kEntriesOf>(kIq2SEntries, low, upper_bytes_of_words<2>(high[0]),
                                                         upper_bytes_of_words<2>(high[1]));
    return with_signs(entries, load_quad_word(block + 34 + 8 * kQuarter));
  }
  static Lane scales(const Byte* block) { return odd_nibbles(load_quad_word(block + 74)); }
};
using Iq2S = Iq2SBy<entries_of_eight>;

struct Iq3Xxs : GridFormat {
  static constexpr std::size_t kBytes = 98;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr float kScaleFactor = 0.25F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* numbers = block + 2 + 16 * kQuarter;
    const Byte* words = block + 66 + 8 * kQuarter;
    return with_signs(entries_of_four(kIq3XxsEntries, numbers, 0),
                      signs_of_sevens(load_double_word(words), load_double_word(words + 4)));
  }
  static Lane scales(const Byte* block) { return odd_pairs(top_nibbles<4>(block + 66)); }
};

struct Iq3S : GridFormat {
  static constexpr std::size_t kBytes = 110;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr int kBias = 16;  // quants lie between -15 and 15

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 16 * kQuarter;
    const Int magnitudes = entries_of_four(kIq3SEntries, low, load_word(block + 66 + 2 * kQuarter));
    return with_signs(magnitudes, load_quad_word(block + 74 + 8 * kQuarter));
  }
  static Int with_signs(Int magnitudes, std::uint64_t signs) {
    return add_bytes(negative_where(magnitudes, signs), all_bytes(kBias));
  }
  static Lane scales(const Byte* block) {
    // Eight nibbles to eight bytes.
    std::uint64_t scales = load_double_word(block + 106);
    scales = (scales | scales << 16) & 0x0000FFFF0000FFFFU;
    scales = (scales | scales << 8) & 0x00FF00FF00FF00FFU;
    return odd_pairs((scales | scales << 4) & kNibbles);
  }
};

/// Quants lie between -9 and 9: entries with 1 added, or -1 where a bit is set.
struct Iq1Format : GridFormat {
  static constexpr int kBias = 9;
  static Int shifted(Int entries, std::uint64_t is_down) {
    return add_bytes(entries, add_bytes(all_bytes(kBias), negative_where(all_bytes(1), is_down)));
  }
};

template <EntriesOfEight kEntriesOf>
struct Iq1SBy : Iq1Format {
  static constexpr std::size_t kBytes = 50;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 8 * kQuarter;
    const std::uint32_t words = load_double_word(block + 34 + 4 * kQuarter);
    const Int entries = GridFormat::numbered<kEntriesOf>(kIq1Entries, low, upper_bytes_of_words<3>(words),
                                                         upper_bytes_of_words<3>(words >> 16));
    const std::uint64_t is_down =
        ((words & 0x8000U) != 0 ? 0x00000000FFFFFFFFU : 0) | ((words & 0x80000000U) != 0 ? 0xFFFFFFFF00000000U : 0);
    return shifted(entries, is_down);
  }
  static Lane scales(const Byte* block) { return odd_pairs(top_nibbles_of_words(block + 34) & 7 * kOnes); }
};
using Iq1S = Iq1SBy<entries_of_eight>;

template <EntriesOfEight kEntriesOf>
struct Iq1MBy : Iq1Format {
  static constexpr std::size_t kBytes = 56;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr int kMostQuant = 18;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 8 * kQuarter;
    const std::uint32_t high = load_double_word(block + 32 + 4 * kQuarter);
    constexpr std::uint64_t kThreeBits = 0x0700070007000700U;
    const Int entries = GridFormat::numbered<kEntriesOf>(kIq1Entries, low, upper_bytes_of_words<4>(high) & kThreeBits,
                                                         upper_bytes_of_words<4>(high >> 16) & kThreeBits);
    return shifted(entries, bytes_of_top_bits(high) * 255);
  }
  static Lane scales(const Byte* block) {
    const std::uint64_t words = load_quad_word(block + 48);
    return lane_of(odd_eight(static_cast<std::uint32_t>(words)), odd_eight(static_cast<std::uint32_t>(words >> 32)));
  }
  static std::uint16_t half(const Byte* block) { return word_of_top_nibbles(load_quad_word(block + 48)); }

 private:
  static std::uint64_t odd_eight(std::uint32_t two_words) { return bytes_of_threes(two_words) << 1 | kOnes; }
};
using Iq1M = Iq1MBy<entries_of_eight>;

}  // namespace
}  // namespace assay::kernels
