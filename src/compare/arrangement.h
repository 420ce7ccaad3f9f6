// How one file's matrix lies in another file: in the same order, with rows exchanged within heads as converters do for
// rotary embedding, transposed, or under the same bytes with dimensions named the other way round.
//
// Hugging Face rotates channels i and i + width/2 of a head together, GGUF's llama architecture 2i and 2i + 1; so
// convert_hf_to_gguf permutes the rows of q and k: row 2i + h of a head in GGUF is row i + h * width/2 there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "compare/weight_source.h"

namespace assay::compare {

struct Arrangement {
  enum class Kind : std::uint8_t {
    same,
    halves_to_pairs,  ///< of Hugging Face's rows the candidate makes GGUF's
    pairs_to_halves,  ///< the other way
    transposed,
    renamed,  ///< the same bytes, rows and columns exchanged in the shape only
  };
  Kind kind = Kind::same;
  std::size_t head_width = 0;  ///< of the two permutations
};

/// Rows first to first + count - 1 of the candidate's matrix, taken from the reference by the arrangement: what the
/// candidate would hold if it held the reference's values. -> [count, candidate columns]
void read_arranged(const WeightTensor& reference, const WeightTensor& candidate, const Arrangement& arrangement,
                   std::size_t first, std::size_t count, std::vector<double>& scratch, double* values);

/// The arrangement that explains the candidate best; nullopt when the shapes allow none. Others than `same` only where
/// they are better by far. `head_width` is tried first, then every other even divisor of the rows. Looks at some rows.
std::optional<Arrangement> find_arrangement(const WeightTensor& reference, const WeightTensor& candidate,
                                            std::optional<std::size_t> head_width);

}  // namespace assay::compare
