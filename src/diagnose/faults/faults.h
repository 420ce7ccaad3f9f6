// The faults of this folder, one file each. To add one: its file, its line here, and its line in list.cc.
#pragma once

#include "diagnose/fault.h"

namespace assay::diagnose {

extern const Fault kQkPermutation;
extern const Fault kRopePairing;
extern const Fault kRopeMissing;
extern const Fault kRopeTwice;
extern const Fault kRopeInverse;
extern const Fault kRopeWrongLayers;
extern const Fault kRopeEverywhere;
extern const Fault kRopeScalingIgnored;
extern const Fault kRopeMagnitude;
extern const Fault kRopeBase;
extern const Fault kRopeDimensions;
extern const Fault kDecodePosition;
extern const Fault kPositionOffset;
extern const Fault kAttentionHeadsTiled;
extern const Fault kAttentionSharedWrong;
extern const Fault kAttentionVIsK;
extern const Fault kAttentionMaskAbsent;
extern const Fault kAttentionMaskOffByOne;
extern const Fault kAttentionWindow;
extern const Fault kAttentionSoftCap;
extern const Fault kAttentionSinks;
extern const Fault kAttentionStaleCache;
extern const Fault kAttentionSoftmaxAxis;
extern const Fault kAttentionNotNormalised;
extern const Fault kAttentionOutputLayout;
extern const Fault kAttentionScale;
extern const Fault kHeadParts;
extern const Fault kBias;
extern const Fault kQkNorm;
extern const Fault kGateUpSwapped;
extern const Fault kGateProductMissing;
extern const Fault kActivationFunction;
extern const Fault kRouterFunction;
extern const Fault kRouterChoice;
extern const Fault kRouterWeights;
extern const Fault kExpertsUsed;
extern const Fault kExpertChoice;
extern const Fault kExpertLayout;
extern const Fault kExpertSum;
extern const Fault kSharedExpertGate;
extern const Fault kNormMissing;
extern const Fault kNormLayer;
extern const Fault kNormSum;
extern const Fault kNormWeightIgnored;
extern const Fault kNormWeightOffset;
extern const Fault kNormEpsilon;
extern const Fault kNormWrongWeight;
extern const Fault kNormWrongInput;
extern const Fault kEmbeddingScale;
extern const Fault kScaleOfModel;
extern const Fault kLogitsSoftCap;
extern const Fault kResidualMissing;
extern const Fault kResidualTwice;
extern const Fault kResidualWrongInput;

// Weights.
extern const Fault kWeightTransposed;
extern const Fault kHeadTensor;
extern const Fault kWrongTensor;
extern const Fault kEmbeddingRow;
extern const Fault kLegacyNibbleOrder;
extern const Fault kLegacyOffsetMissing;
extern const Fault kLegacyNibbleSigned;
extern const Fault kLegacyHeaderShort;
extern const Fault kQ5HighBitsLost;
extern const Fault kQ5KBitsSequential;
extern const Fault kQ8Unsigned;
extern const Fault kKScalesUnpacked;
extern const Fault kKMinSign;
extern const Fault kKMinDropped;
extern const Fault kKNibbleOrder;
extern const Fault kQ6KSequential;
extern const Fault kQ6KOffsetMissing;
extern const Fault kQ6KScalesUnsigned;
extern const Fault kQ6KHighBitsLost;
extern const Fault kQ6KQuarter;
extern const Fault kQ3KHighBit;
extern const Fault kQ3KScales;
extern const Fault kQ2KOrder;
extern const Fault kQ2KScales;
extern const Fault kBlockScale;
extern const Fault kOnlyFirstBlock;
extern const Fault kLogitsRow;
extern const Fault kStaleValue;

// Precision.
extern const Fault kF16Overflow;
extern const Fault kF16Storage;
extern const Fault kBf16Storage;
extern const Fault kQ8Activations;
extern const Fault kF16Accumulation;
extern const Fault kFlushToZero;

// Anything.
extern const Fault kScale;

}  // namespace assay::diagnose
