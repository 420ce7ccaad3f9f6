#include "report/comparison_page.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/comparison_json.h"
#include "report/page.h"

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

std::string to_page(const compare::Comparison& comparison) { return page_with("comparison", document(comparison)); }

void write_page(const compare::Comparison& comparison, const std::filesystem::path& path) {
  write_page_file(to_page(comparison), path);
}

}  // namespace assay::report
