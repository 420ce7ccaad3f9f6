#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"
#include "quant/half.h"

namespace assay::diagnose {
namespace {

constexpr std::string_view kWithHalf = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 IQ4_NL IQ4_XS Q2_K Q3_K Q4_K Q5_K Q6_K TQ1_0 TQ2_0";
constexpr std::string_view kWithTwoHalves = "Q4_1 Q5_1 Q2_K Q4_K Q5_K";

/// What was stored as float16, read as bfloat16.
float reread(float value) { return quant::bfloat_to_float(quant::float_to_half(value)); }

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, kWithHalf, {{"rule", "bf16"}}, [](Block& block) {
    block.d = reread(block.d);
    block.dmin = reread(block.dmin);
  });
  propose_misread(site, hypotheses, kWithTwoHalves, {{"rule", "d_dmin_swapped"}},
                  [](Block& block) { std::swap(block.d, block.dmin); });
  // The m of Q4_1 and Q5_1 is no scale.
  propose_misread(site, hypotheses, kWithHalf, {{"rule", "one"}}, [](Block& block) {
    block.d = 1;
    if (block.type.block_values == 256) block.dmin = 1;
  });
}

}  // namespace

const Fault kBlockScale = {
    "block_scale",
    "reads the scale of blocks wrongly: as bfloat16, swapped with that of the minimums, or not at all",
    "d is an IEEE float16, and so is dmin (or m); the head of the type's file says which comes first.",
    "1bit-MONSTER/1bit-MONSTER#473",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
