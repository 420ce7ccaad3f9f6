#include "cli/bench_result.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/wrap.h"

namespace assay::cli {
namespace {

nlohmann::ordered_json to_json(const Series& series) {
  return {{"median", series.median()}, {"min", series.quantile(0)}, {"max", series.quantile(1)}};
}

/// "15.2 (14.9 to 15.3)"
std::string spread(const Series& series, double unit = 1) {
  return fmt::format("{:.1f} ({:.1f} to {:.1f})", series.median() / unit, series.quantile(0) / unit,
                     series.quantile(1) / unit);
}

/// "1.94 G"
std::string with_prefix(double amount) {
  constexpr std::array<std::string_view, 5> kPrefixes = {"", "k", "M", "G", "T"};
  std::size_t power = 0;
  for (; amount >= 1000 && power + 1 < kPrefixes.size(); ++power) amount /= 1000;
  return fmt::format("{:.3g} {}", amount, kPrefixes[power]);
}

}  // namespace

double Series::quantile(double q) const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

nlohmann::ordered_json to_json(const BenchResult& result) {
  nlohmann::ordered_json prompts = nlohmann::ordered_json::array();
  for (const BenchLength& length : result.prompts) {
    prompts.push_back({{"tokens", length.tokens},
                       {"per_s", to_json(length.per_s)},
                       {"operations_per_token", length.amount},
                       {"operations_per_s", length.amount * length.per_s.median()},
                       {"share_of_multipliers", to_json(length.share)}});
  }
  nlohmann::ordered_json decodes = nlohmann::ordered_json::array();
  for (const BenchLength& length : result.depths) {
    decodes.push_back({{"depth", length.tokens},
                       {"tokens", result.decode_tokens},
                       {"per_s", to_json(length.per_s)},
                       {"bytes_per_token", length.amount},
                       {"bytes_per_s", length.amount * length.per_s.median()},
                       {"share_of_memory_bandwidth", to_json(length.share)}});
  }
  return {{"version", 2},
          {"model", result.model},
          {"size_bytes", result.size_bytes},
          {"engine", result.engine},
          {"threads", result.threads},
          {"clock", result.clock},
          {"repeats", result.repeats},
          {"load_s", result.load_s},
          {"first_token_s", result.first_token_s},
          {"prompt", prompts},
          {"decode", decodes},
          {"ceilings",
           {{"memory_bytes_per_s", to_json(result.memory)},
            {"byte_multiplier", result.byte_instruction},
            {"byte_operations_per_s", to_json(result.byte_rate)},
            {"float_multiplier", result.float_instruction},
            {"float_operations_per_s", to_json(result.float_rate)}}},
          {"peak_memory_bytes", result.peak_memory_bytes}};
}

std::string describe(const BenchResult& result, std::size_t columns, const report::Style& style) {
  constexpr std::size_t kName = 18;
  std::string text;
  const auto line = [&](std::string_view name, const std::string& what) {
    text += report::wrapped(fmt::format("{}{:<{}}{} ", style.bold, name, kName, style.reset), what, kName + 1, columns);
  };
  const auto lengths = [&](const char* name, const std::vector<BenchLength>& list, const char* unit, const char* what) {
    for (const BenchLength& length : list) {
      line(fmt::format(fmt::runtime(name), length.tokens),
           fmt::format("{} tokens/s; {}{} a token, {}{}/s: {:.0f} % of what {}", spread(length.per_s),
                       with_prefix(length.amount), unit, with_prefix(length.amount * length.per_s.median()), unit,
                       100 * length.share.median(), what));
    }
  };
  line("model", fmt::format("{}, {}", result.model, human_bytes(result.size_bytes)));
  line("engine", result.engine);
  line("load", fmt::format("{:.3f} s; {:.3f} s until the logits behind {} tokens", result.load_s, result.first_token_s,
                           result.first_prompt));
  lengths("prompt of {}", result.prompts, "OP", "the multipliers allow");
  lengths("decode behind {}", result.depths, "B", "memory gives");
  line("memory", spread(result.memory, 1e9) + " GB/s read");
  line("multipliers", fmt::format("{} GOP/s with {}, which is used twice a product", spread(result.byte_rate, 1e9),
                                  result.byte_instruction));
  line("", fmt::format("{} GOP/s with {}", spread(result.float_rate, 1e9), result.float_instruction));
  line("peak memory", human_bytes(result.peak_memory_bytes));
  return text + fmt::format("Medians of {} (smallest to largest), {}.\n", result.repeats,
                            result.clock == "cpu" ? "seconds of CPU a thread" : "by the clock");
}

}  // namespace assay::cli
