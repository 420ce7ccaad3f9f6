// Lists of names in messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::model {

/// "a, b, c and 4 more": at most `limit` items are spelled out.
std::string join_first(const std::vector<std::string>& items, std::size_t limit, std::string_view separator);

/// "[64, 172]"
std::string shape_text(const std::vector<std::uint64_t>& ne);

}  // namespace assay::model
