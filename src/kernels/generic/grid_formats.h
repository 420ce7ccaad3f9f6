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

  /// Eight words that number entries: the lower bytes stand at `low`, the upper ones in two times four words.
  static Lane numbers(const Byte* low, std::uint64_t first_upper, std::uint64_t second_upper) {
    return lane_of(words_of_bytes(load_double_word(low)) | first_upper,
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
    const Lane entries =
        lane_of(words_of_bytes(load_double_word(fields)), words_of_bytes(load_double_word(fields + 8)));
    return with_signs(gather_eights(kIq2XxsEntries, entries),
                      signs_of_sevens(load_double_word(fields + 4), load_double_word(fields + 12)));
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
    const Lane entries = lane_of(first & kNineBits, second & kNineBits);
    const std::uint64_t sevens = bytes_of_upper_sevens(first, second);
    return with_signs(gather_eights(kIq2XsEntries, entries), with_eighths(sevens));
  }
  static Lane scales(const Byte* block) { return odd_nibbles(load_quad_word(block + 66)); }
};

struct Iq2S : GridFormat {
  static constexpr std::size_t kBytes = 82;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 8 * kQuarter;
    const Byte* high = block + 66 + 2 * kQuarter;
    const Lane entries = numbers(low, upper_bytes_of_words<2>(high[0]), upper_bytes_of_words<2>(high[1]));
    return with_signs(gather_eights(kIq2SEntries, entries), load_quad_word(block + 34 + 8 * kQuarter));
  }
  static Lane scales(const Byte* block) { return odd_nibbles(load_quad_word(block + 74)); }
};

struct Iq3Xxs : GridFormat {
  static constexpr std::size_t kBytes = 98;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr float kScaleFactor = 0.25F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* numbers = block + 2 + 16 * kQuarter;
    const Byte* words = block + 66 + 8 * kQuarter;
    return with_signs(gather_fours(kIq3XxsEntries, numbers, 0),
                      signs_of_sevens(load_double_word(words), load_double_word(words + 4)));
  }
  static Lane scales(const Byte* block) { return odd_pairs(top_nibbles<4>(block + 66)); }
};

struct Iq3S : GridFormat {
  static constexpr std::size_t kBytes = 110;
  static constexpr std::size_t kGroupValues = 32;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 16 * kQuarter;
    return with_signs(gather_fours(kIq3SEntries, low, load_word(block + 66 + 2 * kQuarter)),
                      load_quad_word(block + 74 + 8 * kQuarter));
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

struct Iq1S : Iq1Format {
  static constexpr std::size_t kBytes = 50;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr float kScaleFactor = 0.125F;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 2 + 8 * kQuarter;
    const std::uint32_t words = load_double_word(block + 34 + 4 * kQuarter);
    const Lane entries = numbers(low, upper_bytes_of_words<3>(words), upper_bytes_of_words<3>(words >> 16));
    const std::uint64_t is_down =
        ((words & 0x8000U) != 0 ? 0x00000000FFFFFFFFU : 0) | ((words & 0x80000000U) != 0 ? 0xFFFFFFFF00000000U : 0);
    return shifted(gather_eights(kIq1Entries, entries), is_down);
  }
  static Lane scales(const Byte* block) { return odd_pairs(top_nibbles_of_words(block + 34) & 7 * kOnes); }
};

struct Iq1M : Iq1Format {
  static constexpr std::size_t kBytes = 56;
  static constexpr std::size_t kGroupValues = 16;

  template <int kQuarter>
  [[gnu::always_inline]] static Int quants(const Byte* block) {
    const Byte* low = block + 8 * kQuarter;
    const std::uint32_t high = load_double_word(block + 32 + 4 * kQuarter);
    constexpr std::uint64_t kThreeBits = 0x0700070007000700U;
    const Lane entries =
        numbers(low, upper_bytes_of_words<4>(high) & kThreeBits, upper_bytes_of_words<4>(high >> 16) & kThreeBits);
    // Bit 3 of each nibble for eight values.
    std::uint64_t is_down = high >> 3;
    is_down = (is_down | is_down << 16) & 0x0000FFFF0000FFFFU;
    is_down = (is_down | is_down << 8) & 0x00FF00FF00FF00FFU;
    is_down = (is_down | is_down << 4) & kOnes;
    return shifted(gather_eights(kIq1Entries, entries), is_down * 255);
  }
  static Lane scales(const Byte* block) {
    const std::uint64_t words = load_quad_word(block + 48);
    return lane_of(odd_eight(words), odd_eight(words >> 32));
  }
  static float scale(const Byte* block) {
    const auto nibble = [&](std::size_t i) { return block[49 + 2 * i] >> 4 << (4 * i); };
    return 0.125F * float_of_half(static_cast<std::uint16_t>(nibble(0) | nibble(1) | nibble(2) | nibble(3)));
  }

 private:
  /// 2 * s + 1 of three bits each: four from bit 0 of the lower 32 bits on, four from bit 16 on.
  static std::uint64_t odd_eight(std::uint64_t words) {
    const std::uint64_t apart = (words & 0x0FFF) | (words & 0x0FFF0000) << 16;
    const std::uint64_t scales = (apart & 0x0000000700000007U) | (apart << 5 & 0x0000070000000700U) |
                                 (apart << 10 & 0x0007000000070000U) | (apart << 15 & 0x0700000007000000U);
    return scales << 1 | kOnes;
  }
};

}  // namespace
}  // namespace assay::kernels
