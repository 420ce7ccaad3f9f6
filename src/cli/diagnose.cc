// assay diagnose: says which operation of another engine is wrong, and why, from whatever that engine dumped.

#include "diagnose/diagnose.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/prompt.h"
#include "cli/terminal.h"
#include "compare/summary.h"
#include "diagnose/exact_taps.h"
#include "diagnose/rounding.h"
#include "report/diagnosis_json.h"
#include "report/diagnosis_page.h"
#include "report/diagnosis_text.h"

namespace assay::cli {
namespace {

using engine::Arithmetic;

struct Options {
  std::string model;
  std::string trace;
  std::string map;
  std::optional<std::string> prompt;
  std::optional<std::string> ids;
  std::optional<std::string> generated;
  std::string arithmetic;
  std::size_t context = 0;
  int threads = 0;
  bool pairs = false;
  double budget = diagnose::DiagnoseRequest().budget;
  std::string page;  ///< file of --html, or empty
  bool json = false;
};

std::vector<Arithmetic> parse_arithmetics(const std::string& text) {
  std::vector<Arithmetic> arithmetics;
  for (const Arithmetic known :
       {Arithmetic::f32, Arithmetic::f16, Arithmetic::q8, Arithmetic::bf16, Arithmetic::f16acc}) {
    if (diagnose::name(known) == text) arithmetics = {Arithmetic::f32, known};
  }
  if (text.empty() || !arithmetics.empty()) return arithmetics;
  throw Error(ErrorKind::usage, fmt::format("unknown arithmetic '{}'", printable(text)),
              "One of f32, f16, q8, bf16, f16acc.");
}

int execute(const Options& options) {
  check_output(options.page);
  const model::Model model = model::load_model(open_model_file(options.model), options.context);
  const auto tokenizer = tokenizer::Tokenizer::from_gguf(model.file);
  const int threads = options.threads == 0 ? available_threads() : options.threads;

  trace::ForeignOptions reading;
  reading.map = options.map;
  if (options.ids) reading.tokens = parse_ids(*options.ids);
  if (reading.tokens.empty() && options.prompt) {
    reading.tokens = encode_prompt(*tokenizer, *options.prompt, true, model.file.name());
  }
  reading.prompt_tokens = reading.tokens.size();
  reading.reference = diagnose::ExactTaps(model.plan, threads);
  trace::ForeignTrace trace;
  if (!options.trace.empty()) {
    trace = trace::read_foreign_trace(options.trace, model.plan, reading);
  } else {
    trace.source = "the command line";
    trace.format = "token ids";
    trace.tokens = reading.tokens;
    trace.prompt_tokens = reading.prompt_tokens;
  }
  if (options.generated) trace.generated = parse_ids(*options.generated);
  if (trace.taps.empty() && trace.weights.empty() && trace.generated.empty() && !trace.extra.empty()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: nothing in it is a value of this model: {}", printable(trace.source),
                            printable(trace.extra.front())),
                "Is it the dump of another model? Names that only you know go into a file for --map.");
  }
  if (options.trace.empty() && trace.generated.empty()) {
    throw Error(ErrorKind::usage, "nothing to diagnose: no trace and no generated ids",
                "--trace FILE is what the other engine dumped; --generated IDS is what it said. `assay probe` writes "
                "snippets that dump.");
  }

  diagnose::DiagnoseRequest request;
  request.prompt = options.prompt;
  request.arithmetics = parse_arithmetics(options.arithmetic);
  request.pairs = options.pairs;
  request.budget = options.budget;
  request.threads = threads;
  const report::DiagnosisSubject subject = {compare::summarize_model(options.model, model.file),
                                            &model.plan,
                                            trace.source,
                                            trace.format,
                                            trace.tokens.size(),
                                            options.prompt};
  const InterruptGuard guard;
  diagnose::Verdict verdict;
  {
    std::optional<Progress> progress;
    std::size_t of = 0;
    request.on_progress = [&](std::size_t done, std::size_t total, std::string_view what) {
      guard.throw_if_interrupted();
      if (total != of) {
        progress.reset();
        progress.emplace(what.empty() ? "steps" : "faults", of = total, Progress::Unit::items);
      }
      progress->update(done, what);
    };
    verdict = diagnose::diagnose(model, *tokenizer, std::move(trace), request);
  }
  if (options.json) {
    print_json(report::to_json(verdict));
  } else {
    print_text(report::to_text(verdict, columns_of(stdout), style_of(stdout)));
  }
  if (!options.page.empty()) report::write_page(verdict, subject, options.page);
  return verdict.kind == diagnose::VerdictKind::fault ? 1 : 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->model);
  line.add_option("--trace", options->trace,
                  "What the other engine dumped: .safetensors, .npz, a folder of .npy, llama.cpp's eval-callback text, "
                  "JSON of facts, raw logits");
  line.add_option("-p,--prompt", options->prompt, "The text it was given");
  line.add_option("--ids", options->ids, "The token ids it was given, where the dump does not say them");
  line.add_option("--generated", options->generated, "The ids it chose, the first one after the prompt's last token");
  line.add_option("--map", options->map, "Lines 'theirs = ours' for names of its own");
  line.add_option(
      "--arithmetic", options->arithmetic,
      "What it claims to compute in: f32, f16, bf16, q8 (8-bit activations), f16acc; else whatever explains "
      "most");
  line.add_option("--ctx", options->context,
                  "Positions of its context, where the model's rotary factors depend on that")
      .between(0, 1 << 30);
  line.add_threads(options->threads);
  line.add_flag("--pairs", options->pairs, "With logits or ids alone: try two faults at once too");
  line.add_option("--budget", options->budget, "With logits or ids alone: seconds after which no more faults are tried")
      .show_default()
      .not_negative();
  line.add_option("--html", options->page, "Write the verdict as one page to this file, with all it needs inside");
  line.add_flag("--json", options->json, "The verdict as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kDiagnose = {"diagnose", "Find the operation of another engine that is wrong, and why",
                                  "  assay diagnose model.gguf --trace mine.npz\n"
                                  "  assay diagnose model.gguf --trace callback.txt -p \"Hello world\"\n"
                                  "  assay diagnose model.gguf -p \"Hello world\" --generated 16301,28651,16301\n"
                                  "  assay diagnose model.gguf --trace mine.npz --html verdict.html\n"
                                  "Exit: 0 nothing but rounding, or undecided; 1 a fault was found",
                                  setup};

}  // namespace assay::cli
