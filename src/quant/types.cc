// The list of types.
#include <algorithm>
#include <cctype>

#include "quant/type.h"

namespace assay::quant {

// One line a type, in order of id.
//   VALUES(name)                                  src/quant/<name>.cc knows the values
//   SIZE(id, name, values a block, bytes a block) enough to walk a file that contains it
#define ASSAY_TYPES(VALUES, SIZE) \
  VALUES(f32)                     \
  VALUES(f16)                     \
  VALUES(q4_0)                    \
  VALUES(q4_1)                    \
  VALUES(q5_0)                    \
  VALUES(q5_1)                    \
  VALUES(q8_0)                    \
  VALUES(q8_1)                    \
  VALUES(q2_k)                    \
  VALUES(q3_k)                    \
  VALUES(q4_k)                    \
  VALUES(q5_k)                    \
  VALUES(q6_k)                    \
  VALUES(q8_k)                    \
  VALUES(iq2_xxs)                 \
  VALUES(iq2_xs)                  \
  VALUES(iq3_xxs)                 \
  VALUES(iq1_s)                   \
  VALUES(iq4_nl)                  \
  VALUES(iq3_s)                   \
  VALUES(iq2_s)                   \
  VALUES(iq4_xs)                  \
  VALUES(i8)                      \
  VALUES(i16)                     \
  VALUES(i32)                     \
  VALUES(i64)                     \
  VALUES(f64)                     \
  VALUES(iq1_m)                   \
  VALUES(bf16)                    \
  VALUES(tq1_0)                   \
  VALUES(tq2_0)                   \
  VALUES(mxfp4)                   \
  VALUES(nvfp4)                   \
  SIZE(41, Q1_0, 128, 18)

#define ASSAY_NOTHING(...)
#define ASSAY_DECLARE(name) extern const Type name;
ASSAY_TYPES(ASSAY_DECLARE, ASSAY_NOTHING)

namespace {

#define ASSAY_SIZE_ONLY(id, name, values, bytes) constexpr Type kSize##name = {id, #name, values, bytes};
ASSAY_TYPES(ASSAY_NOTHING, ASSAY_SIZE_ONLY)

#define ASSAY_ADDRESS(name) &name,
#define ASSAY_SIZE_ADDRESS(id, name, values, bytes) &kSize##name,
constexpr const Type* kTypes[] = {ASSAY_TYPES(ASSAY_ADDRESS, ASSAY_SIZE_ADDRESS)};

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return std::toupper(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return upper(x) == upper(y); });
}

}  // namespace

std::span<const Type* const> all_types() { return kTypes; }

const Type* find_type(std::uint32_t id) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type* t) { return t->id == id; });
  return found != std::end(kTypes) ? *found : nullptr;
}

const Type* find_type(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const Type* t) { return equal_without_case(t->name, name); });
  return found != std::end(kTypes) ? *found : nullptr;
}

}  // namespace assay::quant
