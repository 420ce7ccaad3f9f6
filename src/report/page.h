// The page inside the binary: built from web/ into page.html, it shows what data it finds in itself.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace assay::report {

/// The page with {kind: data} in it. Nothing in the data, names and pieces of text included, can end the element that
/// holds it. Bytes that are no UTF-8 become U+FFFD.
std::string page_with(std::string_view kind, const nlohmann::ordered_json& data);

/// Throws Error{io}; the file appears whole or not at all.
void write_page_file(const std::string& page, const std::filesystem::path& path);

}  // namespace assay::report
