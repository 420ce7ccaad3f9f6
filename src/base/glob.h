// Patterns over names such as "blk.*.attn_q": `*` stands for any run of characters, `?` for one. And how far a name is
// from a pattern, for saying what somebody may have meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Whether the whole of `text` matches.
bool glob_matches(std::string_view pattern, std::string_view text);

/// The fewest characters to insert, delete or replace in `text` until it matches. Takes |pattern| * |text| steps.
std::size_t glob_distance(std::string_view pattern, std::string_view text);

/// The `limit` names nearest to the pattern, nearest first; equally near ones in the order given.
std::vector<std::string> nearest_names(std::string_view pattern, std::span<const std::string> names,
                                       std::size_t limit = 3);

}  // namespace assay
