// dump_foreign MODEL DUMP [--map FILE] [--ids "1 2 3"] [--prompt-tokens N] [--reference]: what trace/foreign/ reads, as
// JSON. With --reference the oracle's values decide what names and shapes leave open. NaN and infinities are text.
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/engine.h"
#include "gguf/file.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests
using nlohmann::json;

/// Every value of the oracle over the tokens, computed when first asked for.
class Oracle final : public engine::Observer {
 public:
  explicit Oracle(const model::Plan& plan) : plan_(plan) {}

  std::span<const double> values(std::span<const std::int32_t> tokens, model::ValueId value) {
    if (values_.empty()) {
      const auto engine = engine::make_engine("oracle", plan_, {});
      const engine::SequenceId sequence = engine->add_sequence();
      std::vector<engine::TokenInput> batch;
      for (const std::int32_t token : tokens) batch.push_back({token, sequence, true});
      engine->evaluate(batch, this);
    }
    return values_[plan_.values[static_cast<std::size_t>(value)].tap];
  }

  void observe(const model::Value& value, const engine::TapRows& rows) override {
    std::vector<double>& values = values_[value.tap];
    const engine::Rows seen = rows.rows();
    for (std::size_t row = 0; row < seen.count; ++row) {
      for (std::size_t channel = 0; channel < seen.width; ++channel) values.push_back(seen.at(row, channel));
    }
  }

 private:
  const model::Plan& plan_;
  std::map<std::string, std::vector<double>> values_;
};

json number(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}", value);
}

json describe(const trace::ForeignTap& tap) {
  constexpr const char* kOrders[] = {"unknown", "ours", "other"};
  json values = json::array();
  for (const double value : tap.values) values.push_back(number(value));
  json facts = json::array();
  for (const trace::Fact& fact : tap.facts) {
    facts.push_back({trace::name(fact.kind), fact.row == trace::kAllRows ? json("all") : json(fact.row), fact.channel,
                     number(fact.value), fact.resolution});
  }
  return {{"name", tap.name},
          {"given", tap.given_name},
          {"note", tap.note},
          {"dtype", gguf::name(tap.dtype)},
          {"head_order", kOrders[static_cast<std::size_t>(tap.head_order)]},
          {"confidence", tap.confidence},
          {"channels", tap.channels},
          {"rows", tap.rows},
          {"values", values},
          {"facts", facts}};
}

int run(int argc, char** argv) {
  std::string model_path;
  std::string dump;
  std::string ids;
  trace::ForeignOptions options;
  bool with_reference = false;
  CLI::App app("Prints what a foreign trace holds");
  app.add_option("model", model_path)->required();
  app.add_option("dump", dump)->required();
  app.add_option("--map", options.map);
  app.add_option("--ids", ids);
  app.add_option("--prompt-tokens", options.prompt_tokens);
  app.add_flag("--reference", with_reference);
  CLI11_PARSE(app, argc, argv);

  const model::Model model = model::load_model(gguf::File::open(model_path));
  for (const std::string& id : CLI::detail::split(ids, ' ')) {
    if (!id.empty()) options.tokens.push_back(std::stoi(id));
  }
  Oracle oracle(model.plan);
  if (with_reference) {
    options.reference = [&](auto tokens, model::ValueId value) { return oracle.values(tokens, value); };
  }
  const trace::ForeignTrace trace = trace::read_foreign_trace(dump, model.plan, options);
  json document = {{"format", trace.format},       {"arithmetic", trace.arithmetic},
                   {"tokens", trace.tokens},       {"prompt_tokens", trace.prompt_tokens},
                   {"generated", trace.generated}, {"token_count", trace.token_count},
                   {"extra", trace.extra},         {"notes", trace.notes},
                   {"taps", json::array()},        {"weights", json::array()}};
  for (const trace::ForeignTap& tap : trace.taps) document["taps"].push_back(describe(tap));
  for (const trace::ForeignWeight& weight : trace.weights) {
    document["weights"].push_back({{"name", weight.name},
                                   {"given", weight.given_name},
                                   {"shape", weight.array.shape},
                                   {"values", read_values(weight.array)}});
  }
  fmt::print("{}\n", document.dump(-1, ' ', false, json::error_handler_t::replace));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n{}\n", error.what(), error.hint());
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 3;
  }
}
