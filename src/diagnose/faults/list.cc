// The list of faults. Where two explain a step equally well the first is named, so particular ones stand before general
// ones.
#include <algorithm>
#include <array>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

constexpr std::array kAll = {
    // Rotary embedding, positions.
    &kQkPermutation,
    &kRopePairing,
    &kRopeMissing,
    &kRopeTwice,
    &kRopeInverse,
    &kRopeWrongLayers,
    &kRopeEverywhere,
    &kRopeScalingIgnored,
    &kRopeMagnitude,
    &kRopeBase,
    &kRopeDimensions,
    &kDecodePosition,
    &kPositionOffset,
    // Attention.
    &kAttentionHeadsTiled,
    &kAttentionSharedWrong,
    &kAttentionVIsK,
    &kAttentionMaskAbsent,
    &kAttentionMaskOffByOne,
    &kAttentionWindow,
    &kAttentionSoftCap,
    &kAttentionSinks,
    &kAttentionStaleCache,
    &kAttentionSoftmaxAxis,
    &kAttentionNotNormalised,
    &kAttentionOutputLayout,
    &kAttentionScale,
    &kHeadParts,
    &kBias,
    &kQkNorm,
    // Feed-forward.
    &kGateUpSwapped,
    &kGateProductMissing,
    &kActivationFunction,
    // Mixtures of experts.
    &kRouterFunction,
    &kRouterChoice,
    &kRouterWeights,
    &kExpertChoice,
    &kExpertLayout,
    &kExpertSum,
    &kExpertsUsed,
    &kSharedExpertGate,
    // Norms.
    &kNormMissing,
    &kNormLayer,
    &kNormSum,
    &kNormWeightIgnored,
    &kNormWeightOffset,
    &kNormEpsilon,
    &kNormWrongWeight,
    &kNormWrongInput,
    // Scalars and the residual stream.
    &kEmbeddingScale,
    &kScaleOfModel,
    &kLogitsSoftCap,
    &kResidualMissing,
    &kResidualTwice,
    &kResidualWrongInput,
    // Weights.
    &kWeightTransposed,
    &kHeadTensor,
    &kWrongTensor,
    &kEmbeddingRow,
    &kLegacyNibbleOrder,
    &kLegacyOffsetMissing,
    &kLegacyNibbleSigned,
    &kLegacyHeaderShort,
    &kQ5HighBitsLost,
    &kQ5KBitsSequential,
    &kQ8Unsigned,
    &kKScalesUnpacked,
    &kKMinSign,
    &kKMinDropped,
    &kKNibbleOrder,
    &kQ6KSequential,
    &kQ6KOffsetMissing,
    &kQ6KScalesUnsigned,
    &kQ6KHighBitsLost,
    &kQ6KQuarter,
    &kQ3KHighBit,
    &kQ3KScales,
    &kQ2KOrder,
    &kQ2KScales,
    &kBlockScale,
    &kOnlyFirstBlock,
    &kLogitsRow,
    &kStaleValue,
    // Precision.
    &kF16Overflow,
    &kF16Storage,
    &kBf16Storage,
    &kQ8Activations,
    &kF16Accumulation,
    &kFlushToZero,
    // Anything.
    &kScale,
};

}  // namespace

std::span<const Fault* const> all_faults() { return kAll; }

const Fault* find_fault(std::string_view name) {
  const auto found = std::find_if(kAll.begin(), kAll.end(), [&](const Fault* fault) { return fault->name == name; });
  return found == kAll.end() ? nullptr : *found;
}

}  // namespace assay::diagnose
