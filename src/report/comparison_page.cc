#include "report/comparison_page.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "report/comparison_json.h"

extern "C" {
// Set by embedded_page.S.
extern const char assay_embedded_page[];
extern const char assay_embedded_page_end[];
}

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

/// The element of page.html that the data goes into.
constexpr std::string_view kDataElement = R"(<script id="comparison" type="application/json">)";

/// Five significant digits: more would only make the page larger.
double rounded(float value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.5g", static_cast<double>(value));
  return std::strtod(digits, nullptr);
}

template <typename Member>
Json column(const std::vector<compare::TextPosition>& positions, Member member) {
  Json values = Json::array();
  for (const compare::TextPosition& position : positions) {
    const auto value = position.*member;
    if constexpr (std::is_same_v<decltype(value), const float>) {
      values.push_back(rounded(value));
    } else if constexpr (std::is_same_v<decltype(value), const bool>) {
      values.push_back(value ? 1 : 0);
    } else {
      values.push_back(value);
    }
  }
  return values;
}

Json shared_columns(const std::vector<compare::TextPosition>& positions) {
  using Position = compare::TextPosition;
  return {{"chunk", column(positions, &Position::chunk)},
          {"position", column(positions, &Position::position)},
          {"reference_log_prob", column(positions, &Position::reference_log_prob)},
          {"reference_margin", column(positions, &Position::reference_margin)},
          {"reference_top", column(positions, &Position::reference_top)}};
}

Json candidate_columns(const std::vector<compare::TextPosition>& positions) {
  using Position = compare::TextPosition;
  return {{"kl", column(positions, &Position::kl)},
          {"candidate_log_prob", column(positions, &Position::candidate_log_prob)},
          {"candidate_top", column(positions, &Position::candidate_top)},
          {"near_tie", column(positions, &Position::near_tie)}};
}

/// Byte-level tokens may hold a part of a character; the page joins them.
Json piece(const std::string& bytes) {
  if (find_invalid_utf8(bytes) == std::string_view::npos) return bytes;
  Json values = Json::array();
  for (const char byte : bytes) values.push_back(static_cast<unsigned char>(byte));
  return values;
}

Json document(compare::Comparison comparison) {
  std::vector<std::vector<compare::TextPosition>> positions;
  for (compare::CandidateResult& candidate : comparison.candidates) {
    positions.push_back(std::exchange(candidate.positions, {}));
  }
  Json json = to_json(comparison);
  if (positions.empty() || positions.front().empty()) return json;
  json["tokens"] = comparison.tokens;
  Json& pieces = json["pieces"] = Json::object();
  // Ids are unique; a search for each would be quadratic in an ordered object.
  auto& members = pieces.get_ref<Json::object_t&>();
  for (const auto& [token, bytes] : comparison.pieces) members.emplace_back(std::to_string(token), piece(bytes));
  json["text_positions"] = shared_columns(positions.front());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    json["candidates"][i]["text_positions"] = candidate_columns(positions[i]);
  }
  return json;
}

/// JSON that an HTML parser finds no markup in. These characters occur only inside strings, where an escape says the
/// same.
std::string inert(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    switch (c) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += c;
    }
  }
  return text;
}

}  // namespace

std::string to_page(const compare::Comparison& comparison) {
  const std::string_view page(assay_embedded_page,
                              static_cast<std::size_t>(assay_embedded_page_end - assay_embedded_page));
  const std::size_t element = page.find(kDataElement);
  if (element == std::string_view::npos) {
    throw Error(ErrorKind::internal, "the page inside this program has no place for data", "Run `make web` and build.");
  }
  const std::size_t data = element + kDataElement.size();
  std::string text(page.substr(0, data));
  // ASCII only: line separators that JavaScript minds are escapes too.
  text += inert(document(comparison).dump(-1, ' ', true, Json::error_handler_t::replace));
  text += page.substr(data);
  return text;
}

void write_page(const compare::Comparison& comparison, const std::filesystem::path& path) {
  OutputFile file(path);
  file.write(to_page(comparison));
  file.commit();
}

}  // namespace assay::report
