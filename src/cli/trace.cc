// assay trace: records what a model computes, tap by tap, into a trace file or as statistics; or shows a trace file.

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/prompt.h"
#include "cli/session.h"
#include "cli/sha256.h"
#include "cli/terminal.h"
#include "trace/recorder.h"
#include "trace/tap_pattern.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;
using trace::Content;

struct Options {
  EngineArguments engine;
  PromptOptions prompt;
  std::optional<std::string> ids;
  std::string taps = "*";
  std::string output;
  std::string read;
  std::string dtype = "f32";
  std::size_t decode_steps = 0;
  bool no_special = false;
  bool stats = false;
  bool json = false;
};

/// One word for a shell.
std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

/// Everything that matters for the values: it can be run again.
std::string command_text(const Options& options) {
  std::string text = "assay trace";
  if (!options.engine.model.empty()) text += " " + shell_word(options.engine.model);
  text += fmt::format(" --engine {}", options.engine.engine);
  if (options.engine.engine == "fast") text += fmt::format(" --cache {}", options.engine.cache);
  if (!options.engine.precision.empty()) text += fmt::format(" --precision {}", shell_word(options.engine.precision));
  if (options.engine.context != 0) text += fmt::format(" --ctx {}", options.engine.context);
  if (options.taps != "*") text += fmt::format(" --taps {}", shell_word(options.taps));
  if (options.ids) text += fmt::format(" --ids {}", shell_word(*options.ids));
  if (options.prompt.text) text += fmt::format(" -p {}", shell_word(*options.prompt.text));
  if (!options.prompt.file.empty()) text += fmt::format(" -f {}", shell_word(options.prompt.file));
  if (options.no_special) text += " --no-special";
  if (options.dtype != "f32") text += fmt::format(" --dtype {}", options.dtype);
  return text + fmt::format(" -n {}{}", options.decode_steps, options.stats ? " --stats" : "");
}

std::string arithmetic(const Options& options) {
  if (options.engine.engine == "oracle") return options.engine.precision.empty() ? "f64" : options.engine.precision;
  return fmt::format("f32 with 16-bit activations, 24-bit beside outliers, cache {}", options.engine.cache);
}

Json to_json(const trace::TapSummary& summary) {
  const trace::Statistics& s = summary.statistics;
  return {{"tap", summary.tap},
          {"rows", summary.rows},
          {"channels", summary.channels},
          {"count", s.count},
          {"non_finite", s.non_finite},
          {"mean", s.mean()},
          {"rms", s.rms()},
          {"min", s.min},
          {"max", s.max},
          {"samples", summary.samples}};
}

Json to_json(const trace::TraceInfo& info) {
  return {{"version", 1},
          {"model", info.model},
          {"model_sha256", info.model_sha256},
          {"engine", info.engine},
          {"arithmetic", info.arithmetic},
          {"command", info.command},
          {"content", info.content == Content::values ? "values" : "statistics"},
          {"prompt_tokens", info.prompt_tokens}};
}

void print_table(const std::vector<trace::TapSummary>& summaries) {
  const Style& style = style_of(stdout);
  std::size_t width = 3;
  for (const trace::TapSummary& summary : summaries) width = std::max(width, printable(summary.tap).size());
  print_text(fmt::format("{}{:<{}} {:>6} {:>8} {:>11} {:>11} {:>11} {:>11} {:>10}  first and last channels{}\n",
                         style.dim, "tap", width, "rows", "channels", "mean", "rms", "min", "max", "non-finite",
                         style.reset));
  for (const trace::TapSummary& summary : summaries) {
    const trace::Statistics& s = summary.statistics;
    std::string samples;
    for (std::size_t i = 0; i < trace::kSamples; ++i) {
      samples += fmt::format("{}{:.4g}", i == 0 ? "" : i == trace::kSamples / 2 ? " ... " : " ", summary.samples[i]);
    }
    print_text(fmt::format("{:<{}} {:>6} {:>8} {:>11.4e} {:>11.4e} {:>11.4e} {:>11.4e} {}{:>10}{}  {}\n",
                           printable(summary.tap), width, summary.rows, summary.channels, s.mean(), s.rms(), s.min,
                           s.max, s.non_finite > 0 ? style.red : "", s.non_finite, style.reset, samples));
  }
}

void show(Json document, const std::vector<std::int32_t>& tokens, const std::vector<trace::TapSummary>& summaries,
          bool json) {
  if (!json) return print_table(summaries);
  document["tokens"] = tokens;
  document["taps"] = Json::array();
  for (const trace::TapSummary& summary : summaries) document["taps"].push_back(to_json(summary));
  print_json(document);
}

int show_file(const Options& options) {
  const trace::Trace file = trace::Trace::open(options.read);
  std::vector<trace::TapSummary> summaries;
  Progress progress("taps", file.taps().size(), Progress::Unit::items);
  for (std::size_t tap = 0; tap < file.taps().size(); ++tap) {
    trace::TapSummary summary{file.taps()[tap].name, 0, file.taps()[tap].rows, {}};
    for (std::size_t row = 0; row < summary.rows; ++row) {
      const trace::Statistics statistics = file.statistics(tap, row);
      summary.channels = static_cast<std::size_t>(statistics.count);
      summary.statistics.add(statistics);
    }
    if (summary.rows > 0) summary.samples = file.samples(tap, summary.rows - 1);
    summaries.push_back(std::move(summary));
    progress.update(tap + 1);
  }
  if (!options.json) {
    const trace::TraceInfo& info = file.info();
    print_text(fmt::format("model    {}\nengine   {}, {}\ncommand  {}\n\n", printable(info.model),
                           printable(info.engine), printable(info.arithmetic), printable(info.command, 400)));
  }
  show(to_json(file.info()), {file.tokens().begin(), file.tokens().end()}, summaries, options.json);
  return 0;
}

int execute(const Options& options) {
  if (!options.read.empty()) return show_file(options);
  if (options.output.empty() && !options.stats) {
    throw Error(ErrorKind::usage, "no output given", "-o FILE writes a trace file; --stats alone prints a table.");
  }
  if (options.ids && (options.prompt.text || !options.prompt.file.empty())) {
    throw Error(ErrorKind::usage, "both a text and --ids are given", "Give one of them.");
  }
  check_output(options.output);
  const std::string text = options.ids ? "" : read_prompt(options.prompt);
  const auto session = open_session(options.engine);
  check_not_input(session->model.file, options.output);
  const model::Plan& plan = session->model.plan;
  const auto chosen = trace::choose_taps(plan, options.taps);

  trace::RecordRequest request;
  request.sequence = session->sequence;
  request.decode_steps = options.decode_steps;
  request.prompt = options.ids
                       ? parse_ids(*options.ids)
                       : encode_prompt(*session->tokenizer, text, !options.no_special, session->model.file.name());
  const std::size_t total = request.prompt.size() + request.decode_steps;

  trace::TraceInfo info;
  info.content = options.stats ? Content::statistics : Content::values;
  info.model = session->model.file.name();
  if (!options.output.empty() || options.json) info.model_sha256 = model_sha256(session->model.file);
  info.engine = session->engine->description();
  info.arithmetic = arithmetic(options);
  info.command = command_text(options);
  info.prompt_tokens = request.prompt.size();

  trace::Recorder recorder(plan, chosen, info.content);
  std::optional<trace::TraceWriter> writer;
  if (!options.output.empty()) {
    writer.emplace(options.output, info, recorder.taps(), total,
                   options.dtype == "f64" ? gguf::Dtype::f64 : gguf::Dtype::f32);
    recorder.set_writer(&*writer);
  }

  const InterruptGuard guard;
  std::vector<std::int32_t> tokens;
  const auto start = std::chrono::steady_clock::now();
  {
    Progress progress("tokens", total, Progress::Unit::items);
    request.on_progress = [&](std::size_t done) {
      guard.throw_if_interrupted();
      progress.update(done);
    };
    tokens = trace::record(*session->engine, recorder, request);
  }
  const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (writer) {
    std::vector<std::int32_t> positions(tokens.size());
    std::iota(positions.begin(), positions.end(), 0);
    writer->finish(tokens, positions);
    print_note(fmt::format("{}: {} taps of {} tokens", options.output, recorder.taps().size(), tokens.size()));
  }
  Json document = to_json(info);
  document["elapsed_s"] = elapsed_s;
  if (options.stats) {
    show(std::move(document), tokens, recorder.summaries(), options.json);
  } else if (options.json) {
    document["tokens"] = tokens;
    print_json(document);
  }
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_engine_options(line, options->engine);
  add_prompt_options(line, options->prompt);
  line.add_option("--ids", options->ids, "Token ids in place of a text");
  line.add_flag("--no-special", options->no_special, "No BOS, and special tokens in the prompt are plain text");
  line.add_option("-n,--tokens", options->decode_steps, "Greedy steps to record after the prompt")
      .between(0, 1 << 30)
      .show_default();
  line.add_option("--taps", options->taps, "Patterns between commas; a leading ! excludes: 'blk.*.q,blk.*.k,!blk.0.*'")
      .show_default();
  line.add_option("-o,--output", options->output, "The trace file to write (safetensors)");
  line.add_flag("--stats", options->stats, "Statistics of every row in place of its values; also printed as a table");
  line.add_option("--dtype", options->dtype, "Of the values in the file: f32 or f64")
      .one_of({"f32", "f64"})
      .show_default();
  line.add_option("--read", options->read, "Show the statistics of a trace file instead; needs no model");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kTrace = {
    "trace", "Record every value that a model computes",
    "  assay trace model.gguf -p \"Hello\" -o t.safetensors\n"
    "  assay trace model.gguf -p \"Hello\" --engine oracle --dtype f64 -o exact.safetensors\n"
    "  assay trace model.gguf -p \"Hello\" -n 16 --stats --taps 'blk.*.out,logits'\n"
    "  assay trace --read t.safetensors",
    setup};

}  // namespace assay::cli
