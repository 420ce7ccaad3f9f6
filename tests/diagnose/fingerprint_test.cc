// Each fingerprint, on a matrix that was made to have it.
#include "diagnose/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "quant/half.h"

namespace assay {
namespace {

using diagnose::Matrix;

constexpr std::size_t kRows = 6;
constexpr std::size_t kWidth = 64;
constexpr std::size_t kHead = 16;

Matrix random_matrix(std::size_t rows = kRows, std::size_t width = kWidth) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  Matrix matrix(rows, width);
  for (double& value : matrix.values) value = normal(random);
  return matrix;
}

trace::ForeignTap tap_of(const Matrix& matrix) {
  trace::ForeignTap tap;
  tap.channels = matrix.width;
  tap.rows.resize(matrix.rows);
  std::iota(tap.rows.begin(), tap.rows.end(), std::size_t{0});
  tap.values = matrix.values;
  return tap;
}

using Change = std::function<double(const Matrix& right, std::size_t row, std::size_t channel)>;

/// The fingerprint of a dump with other values, rounded to float32.
std::string of(const Change& change, std::size_t head_width = kHead) {
  const Matrix right = random_matrix();
  Matrix wrong = right;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t c = 0; c < kWidth; ++c) wrong.row(row)[c] = static_cast<float>(change(right, row, c));
  }
  return diagnose::fingerprint(tap_of(wrong), right, head_width);
}

/// Rotates pairs of channels of each head by angle(row, i).
Change rotated(bool halves, const std::function<double(std::size_t, std::size_t)>& angle) {
  return [=](const Matrix& right, std::size_t row, std::size_t c) {
    const std::size_t head = c / kHead * kHead;
    const std::size_t inside = c % kHead;
    const std::size_t i = halves ? inside % (kHead / 2) : inside / 2;
    const bool is_first = halves ? inside < kHead / 2 : inside % 2 == 0;
    const double x = right.row(row)[head + (halves ? i : 2 * i)];
    const double y = right.row(row)[head + (halves ? i + kHead / 2 : 2 * i + 1)];
    const double a = angle(row, i);
    return is_first ? x * std::cos(a) - y * std::sin(a) : x * std::sin(a) + y * std::cos(a);
  };
}

TEST(Fingerprint, RightRowsHaveNone) {
  const Matrix right = random_matrix();
  EXPECT_EQ(diagnose::fingerprint(tap_of(right), right, kHead), "");
  EXPECT_EQ(diagnose::fingerprint({}, right, kHead), "");
}

TEST(Fingerprint, NoiseHasNone) {
  std::mt19937 random(8);
  std::normal_distribution<double> normal;
  EXPECT_EQ(of([&](const Matrix&, std::size_t, std::size_t) { return normal(random); }), "");
}

TEST(Fingerprint, OfSmallResidualsIsOfThemAlone) {
  std::mt19937 random(8);
  std::normal_distribution<double> normal;
  const Matrix right = random_matrix();
  const auto with_noise = [&](double noise) {
    Matrix wrong = right;
    for (double& value : wrong.values) value += noise * normal(random);
    return tap_of(wrong);
  };
  EXPECT_EQ(diagnose::fingerprint(with_noise(5e-5), right, kHead), "");
  EXPECT_EQ(diagnose::fingerprint(with_noise(0.15), right, kHead, 0.1), "");
  trace::ForeignTap f16 = with_noise(5e-4);
  f16.dtype = gguf::Dtype::f16;
  EXPECT_EQ(diagnose::fingerprint(f16, right, kHead), "");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c] * 0.99995; }),
            "a pure scale: every row is 0.99995 times the right one");
}

TEST(Fingerprint, RowsWithinRoundingAreRight) {
  std::mt19937 random(8);
  std::normal_distribution<double> normal;
  const Matrix right = random_matrix();
  Matrix wrong = right;
  for (double& value : wrong.values) value += 0.015 * normal(random);
  for (std::size_t i = 3 * kWidth; i < wrong.values.size(); ++i) wrong.values[i] *= 2;
  EXPECT_EQ(diagnose::fingerprint(tap_of(wrong), right, kHead, 0.01).substr(0, 50),
            "wrong from token 3 on, right before; a pure scale:");
}

TEST(Fingerprint, Scales) {
  const auto times = [](double factor) {
    return of([=](const Matrix& m, std::size_t r, std::size_t c) { return factor * m.row(r)[c]; });
  };
  EXPECT_EQ(times(3), "a pure scale: every row is 3 times the right one");
  EXPECT_EQ(times(-1), "a pure scale: every row is -1 times the right one");
  EXPECT_EQ(times(0.25), "a pure scale: every row is 0.25 times the right one, 1/sqrt(head's width)");
  EXPECT_EQ(times(8), "a pure scale: every row is 8 times the right one, sqrt(row's width)");
  EXPECT_EQ(times(0), "all values are zero");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return static_cast<double>(r + 2) * m.row(r)[c]; }),
            "the right direction with another length: 2 to 7 times, by token");
}

TEST(Fingerprint, PlacesOfWrongRows) {
  const auto rows = [](const std::function<bool(std::size_t)>& is_wrong) {
    return of([=](const Matrix& m, std::size_t r, std::size_t c) { return (is_wrong(r) ? 2 : 1) * m.row(r)[c]; });
  };
  const std::string shape = "; a pure scale: every row is 2 times the right one";
  EXPECT_EQ(rows([](std::size_t r) { return r == 2; }), "only token 2 is wrong" + shape);
  EXPECT_EQ(rows([](std::size_t r) { return r >= 4; }), "wrong from token 4 on, right before" + shape);
  EXPECT_EQ(rows([](std::size_t r) { return r % 2 == 1 && r < 5; }), "2 of 6 tokens are wrong, the first is 1" + shape);

  // Of some tokens only.
  const Matrix right = random_matrix();
  trace::ForeignTap tap = tap_of(right);
  tap.rows = {0, 2, 4, 5};
  tap.values.clear();
  for (const std::size_t row : tap.rows) {
    for (std::size_t c = 0; c < kWidth; ++c) tap.values.push_back((row >= 4 ? 2 : 1) * right.row(row)[c]);
  }
  EXPECT_EQ(diagnose::fingerprint(tap, right, kHead), "wrong from token 4 on, right before" + shape);
}

TEST(Fingerprint, OneHugeRowDoesNotHideOthers) {
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) {
              return (r == 1 ? 1e6 : r == 3 ? 2 : 1) * m.row(r)[c];
            }),
            "2 of 6 tokens are wrong, the first is 1; the right direction with another length: 2 to 1e+06 times, by "
            "token");
}

TEST(Fingerprint, AConstantVector) {
  const Matrix bias = random_matrix(2, 2 * kWidth);
  const auto added = [&](double size) {
    return of(
        [&, size](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c] + size * bias.values[c + 5]; });
  };
  const std::string text = "a constant vector is missing or added, the same for every token (a bias?)";
  EXPECT_EQ(added(1), text);
  EXPECT_EQ(added(100), text);
  EXPECT_EQ(added(0.01), text);
}

TEST(Fingerprint, OldRows) {
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r == 0 ? 0 : r - 1)[c]; }),
            "wrong from token 1 on, right before; every row is the right one of the token before");
  EXPECT_EQ(of([](const Matrix& m, std::size_t, std::size_t c) { return m.row(0)[c] + 1; }),
            "the same row for every token");
}

TEST(Fingerprint, Orders) {
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[(c + 16) % 64]; }),
            "heads are exchanged: they are the right heads 1 2 3 0");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c % 16]; }),
            "heads are exchanged: they are the right heads 0 0 0 0");
  // Halves where pairs should be: channel 2i at i.
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) {
              const std::size_t i = c % 16;
              return m.row(r)[c - i + (i < 8 ? 2 * i : 2 * (i - 8) + 1)];
            }),
            "channels 2i and 2i + 1 of every head stand at i and i + d/2 (the rows of Q or K were permuted)");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) {
              const std::size_t i = c % 16;
              return m.row(r)[c - i + i / 2 + i % 2 * 8];
            }),
            "channels i and i + d/2 of every head stand at 2i and 2i + 1 (the rows of Q or K were permuted)");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c % 4 * 16 + c / 4]; }),
            "heads and their channels are transposed");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c / 16 * 16 + (15 - c % 16)]; }),
            "a permutation: the right values within each head, in another order");
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[63 - c]; }, 0),
            "a permutation: the right values within each row, in another order");
}

TEST(Fingerprint, Rotations) {
  const auto angle = [](std::size_t row, std::size_t i) {
    return 0.5 * static_cast<double>(row) / static_cast<double>(i + 1);
  };
  EXPECT_EQ(of(rotated(false, angle)),
            "wrong from token 1 on, right before; every pair of channels (2i, 2i + 1) keeps its norm: only the angles "
            "are wrong (position or base)");
  EXPECT_EQ(of(rotated(true, angle)),
            "wrong from token 1 on, right before; every pair of channels (i, i + d/2) keeps its norm: only the angles "
            "are wrong (position or base)");
  // One after the other turns neither kind of pair.
  const Change first = rotated(false, angle);
  const Change both = [&](const Matrix& m, std::size_t row, std::size_t c) {
    Matrix once = m;
    for (std::size_t k = 0; k < kWidth; ++k) once.row(row)[k] = first(m, row, k);
    return rotated(true, angle)(once, row, c);
  };
  EXPECT_EQ(
      of(both),
      "wrong from token 1 on, right before; every head keeps its norm: it is rotated otherwise (pairing, position "
      "or base)");
  EXPECT_EQ(of(both, 0), "wrong from token 1 on, right before");
}

TEST(Fingerprint, Saturation) {
  EXPECT_EQ(of([](const Matrix& m, std::size_t r, std::size_t c) { return std::clamp(m.row(r)[c], -1.0, 1.0); }),
            "it saturates at 1, right below");
}

TEST(Fingerprint, FactorsOfChannels) {
  EXPECT_EQ(
      of([](const Matrix& m, std::size_t r, std::size_t c) { return m.row(r)[c] * (1 + static_cast<double>(c) / 10); }),
      "every channel has its own factor, the same for every token (a norm's weight?)");
  // A channel that is zero on both sides says nothing.
  Matrix right = random_matrix();
  for (std::size_t row = 0; row < kRows; ++row) right.row(row)[3] = 0;
  Matrix wrong = right;
  for (std::size_t i = 0; i < wrong.values.size(); ++i) wrong.values[i] *= 1 + static_cast<double>(i % kWidth);
  EXPECT_EQ(diagnose::fingerprint(tap_of(wrong), right, 0),
            "every channel has its own factor, the same for every token (a norm's weight?)");
}

TEST(Fingerprint, SomeChannels) {
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  const auto wrong_at = [&](const std::function<bool(std::size_t)>& is_wrong, std::size_t head_width) {
    return of([&](const Matrix& m, std::size_t r, std::size_t c) { return is_wrong(c) ? normal(random) : m.row(r)[c]; },
              head_width);
  };
  EXPECT_EQ(wrong_at([](std::size_t c) { return c / 16 == 2; }, kHead), "only head 2 of 4");
  EXPECT_EQ(wrong_at([](std::size_t c) { return c / 16 != 0; }, kHead), "only heads 1 to 3 of 4");
  EXPECT_EQ(wrong_at([](std::size_t c) { return c % 16 >= 4; }, 0), "it repeats every 16 channels, 4 of them right");
  EXPECT_EQ(wrong_at([](std::size_t c) { return c == 63; }, 0), "it repeats every 16 channels, 15 of them right");
}

TEST(Fingerprint, NumbersThatAreNone) {
  const double infinity = std::numeric_limits<double>::infinity();
  Matrix right = random_matrix();
  right.row(2)[5] = 70000;
  trace::ForeignTap tap = tap_of(right);
  tap.values[2 * kWidth + 5] = infinity;
  EXPECT_EQ(diagnose::fingerprint(tap, right, 0),
            "first infinity at token 2, channel 5, where the exact value is 70000, more than float16 can hold");
  tap.values[kWidth] = std::nan("");
  EXPECT_EQ(diagnose::fingerprint(tap, right, 0).substr(0, 32), "first NaN at token 1, channel 0,");
  // Rows that are not finite on our side either are left out.
  right.row(2)[5] = right.row(1)[0] = infinity;
  for (std::size_t c = 0; c < kWidth; ++c) tap.values[3 * kWidth + c] *= 2;
  EXPECT_EQ(diagnose::fingerprint(tap, right, 0),
            "only token 3 is wrong; a pure scale: every row is 2 times the right one");
}

TEST(Fingerprint, RoundedDumpsKeepTheirShape) {
  const Matrix right = random_matrix();
  for (const gguf::Dtype dtype : {gguf::Dtype::f16, gguf::Dtype::bf16}) {
    Matrix wrong = right;
    for (double& value : wrong.values) {
      const auto scaled = static_cast<float>(3 * value);
      value = dtype == gguf::Dtype::f16 ? quant::half_to_float(quant::float_to_half(scaled))
                                        : quant::bfloat_to_float(quant::float_to_bfloat(scaled));
    }
    trace::ForeignTap tap = tap_of(wrong);
    tap.dtype = dtype;
    EXPECT_EQ(diagnose::fingerprint(tap, right, kHead).substr(0, 12), "a pure scale");
  }
  // An engine with 8-bit activations.
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  Matrix wrong = right;
  for (double& value : wrong.values) value = 3 * value + 0.01 * normal(random);
  EXPECT_EQ(diagnose::fingerprint(tap_of(wrong), right, kHead), "");
  EXPECT_EQ(diagnose::fingerprint(tap_of(wrong), right, kHead, 0.005).substr(0, 12), "a pure scale");
}

}  // namespace
}  // namespace assay
