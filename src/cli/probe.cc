// assay probe: writes what another engine should be run on, what it should say then, and how to dump what it says.

#include "diagnose/probe.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/sha256.h"
#include "cli/terminal.h"
#include "model/model.h"
#include "report/probe_snippets.h"
#include "report/wrap.h"
#include "trace/recorder.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::filesystem::path;

struct Options {
  std::string model;
  std::string output;
  std::string dtype = "f32";
  std::size_t long_prompt = 0;
  int threads = 0;
  bool json = false;
};

/// A folder under a temporary name, until it is whole.
class OutputFolder {
 public:
  /// Throws Error{usage} when there is something of that name, Error{io}.
  explicit OutputFolder(const path& name) : name_(name) {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(name, error))) {
      throw Error(ErrorKind::usage, fmt::format("{} is there already", printable(name.string())),
                  "Give another name with -o, or remove it: somebody's dump may be inside.");
    }
    temporary_ = name_;
    temporary_ += fmt::format(".part.{}", ::getpid());
    make(".");
  }
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder() {
    std::error_code error;
    if (!temporary_.empty()) std::filesystem::remove_all(temporary_, error);
  }

  void make(const path& folder) {
    std::error_code error;
    std::filesystem::create_directories(at(folder), error);
    if (error) fail(at(folder), error);
  }
  path at(const path& inside) const { return temporary_ / inside; }
  void write(const path& inside, std::string_view text) const {
    OutputFile file(at(inside));
    file.write(text);
    file.commit();
  }
  void commit() {
    std::error_code error;
    std::filesystem::rename(temporary_, name_, error);
    if (error) fail(name_, error);
    temporary_.clear();
  }

 private:
  [[noreturn]] static void fail(const path& where, std::error_code error) {
    throw Error(ErrorKind::io, fmt::format("{}: {}", printable(where.string()), error.message()));
  }

  path name_;
  path temporary_;
};

/// One word for a shell.
std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

/// A .npy file of 32-bit integers (format: trace/foreign/npy.h). `shape` as Python writes it: "(3,)", "()".
std::string npy(std::span<const std::int32_t> values, std::string_view shape) {
  std::string header = fmt::format("{{'descr': '<i4', 'fortran_order': False, 'shape': {}, }}", shape);
  header.resize(117, ' ');
  std::string file("\x93NUMPY\x01\x00\x76\x00", 10);
  file += header + '\n';
  for (const std::int32_t value : values) {
    for (int shift = 0; shift < 32; shift += 8) file += static_cast<char>(static_cast<std::uint32_t>(value) >> shift);
  }
  return file;
}

/// A probe and the tokens that a right engine decodes after it.
struct Written {
  diagnose::Probe probe;
  std::vector<std::int32_t> decoded;
};

Json to_json(const Written& written) {
  const diagnose::Probe& probe = written.probe;
  std::vector<std::int32_t> tokens = probe.prompt;
  tokens.insert(tokens.end(), written.decoded.begin(), written.decoded.end());
  return {{"name", probe.name},
          {"text", probe.text.empty() ? Json() : Json(probe.text)},
          {"tokens", std::move(tokens)},
          {"prompt_tokens", probe.prompt.size()},
          {"decode", written.decoded},
          {"exposes", probe.exposes},
          {"hides", probe.hides},
          {"ids", probe.name + "/ids.txt"},
          {"reference", probe.name + "/reference.safetensors"},
          {"dump", probe.name + "/dump"}};
}

/// The reference trace of one probe, its ids, and the folder for the other engine's dump.
Written write_probe(const Options& options, const model::Model& model, const std::string& sha256,
                    engine::Engine& oracle, const diagnose::Probe& probe, OutputFolder& folder) {
  const std::size_t total = probe.prompt.size() + probe.decode_steps;
  folder.make(path(probe.name) / "dump");

  trace::RecordRequest request;
  request.sequence = oracle.add_sequence();
  request.prompt = probe.prompt;
  request.decode_steps = probe.decode_steps;
  trace::TraceInfo info;
  info.model = model.file.name();
  info.model_sha256 = sha256;
  info.engine = oracle.description();
  info.arithmetic = "f64";
  info.command = fmt::format("assay probe {}", shell_word(options.model));
  info.prompt_tokens = probe.prompt.size();
  trace::Recorder recorder(model.plan, std::vector<bool>(model.plan.values.size(), true), trace::Content::values);
  trace::TraceWriter writer(folder.at(path(probe.name) / "reference.safetensors"), info, recorder.taps(), total,
                            options.dtype == "f64" ? gguf::Dtype::f64 : gguf::Dtype::f32);
  recorder.set_writer(&writer);

  const InterruptGuard guard;
  std::vector<std::int32_t> tokens;
  {
    Progress progress(fmt::format("tokens of the {} probe", probe.name), total, Progress::Unit::items);
    request.on_progress = [&](std::size_t done) {
      guard.throw_if_interrupted();
      progress.update(done);
    };
    tokens = trace::record(oracle, recorder, request);
  }
  oracle.remove_sequence(request.sequence);
  std::vector<std::int32_t> positions(tokens.size());
  std::iota(positions.begin(), positions.end(), 0);
  writer.finish(tokens, positions);

  const path dump = path(probe.name) / "dump";
  const std::int32_t prompt_tokens = static_cast<std::int32_t>(probe.prompt.size());
  folder.write(dump / "tokens.npy", npy(tokens, fmt::format("({},)", tokens.size())));
  folder.write(dump / "prompt_tokens.npy", npy({&prompt_tokens, 1}, "()"));
  const std::int32_t prescribed = 1;  // whatever the other engine would say
  folder.write(dump / "prescribed.npy", npy({&prescribed, 1}, "()"));
  Written written{probe, {tokens.begin() + prompt_tokens, tokens.end()}};
  folder.write(path(probe.name) / "ids.txt",
               fmt::format("{}\n{}\n", fmt::join(probe.prompt, " "), fmt::join(written.decoded, " ")));
  return written;
}

std::string diagnose_command(const Options& options, const std::string& dump) {
  return fmt::format("assay diagnose {}{}--trace {}", options.model.empty() ? "" : shell_word(options.model),
                     options.model.empty() ? "" : " ", shell_word(dump));
}

void print_next(const Options& options, const std::vector<Written>& all, const std::vector<report::Snippet>& snippets) {
  const Style& style = style_of(stdout);
  const std::size_t columns = columns_of(stdout);
  for (const Written& written : all) {
    const diagnose::Probe& probe = written.probe;
    print_text(fmt::format("{}{}/{}{}: {} tokens of prompt, {} decoded\n", style.bold, options.output, probe.name,
                           style.reset, probe.prompt.size(), written.decoded.size()));
    for (const std::string& line : probe.exposes) print_text(report::wrapped("  shows ", line, 8, columns));
    for (const std::string& line : probe.hides) print_text(report::wrapped("  hides ", line, 8, columns));
  }
  std::string files;
  for (const report::Snippet& snippet : snippets) files += (files.empty() ? "" : ", ") + snippet.file;
  const std::string first = options.output + "/" + all[0].probe.name;
  print_text(fmt::format("\nNext:\n"));
  print_text(report::wrapped(
      "  1. ",
      fmt::format("Run the other engine on the ids of {}/ids.txt (the prompt, then the tokens to decode).", first), 5,
      columns));
  print_text(report::wrapped("  2. ",
                             fmt::format("Dump what it computes into {}/dump, with one of {} in {}: names and widths "
                                         "are in there.",
                                         first, files, options.output),
                             5, columns));
  print_text(fmt::format("  3. {}\n", diagnose_command(options, first + "/dump")));
}

int execute(Options options) {
  if (options.output.empty()) options.output = "probe";
  while (options.output.size() > 1 && options.output.back() == '/') options.output.pop_back();
  OutputFolder folder(options.output);
  const model::Model model = model::load_model(open_model_file(options.model));
  for (const std::string& warning : model.warnings) print_note(warning);
  const auto tokenizer = tokenizer::Tokenizer::from_gguf(model.file);
  const std::vector<diagnose::Probe> probes =
      diagnose::choose_probes(model.plan, *tokenizer, {model.plan.context_length, options.long_prompt});
  engine::EngineOptions engine_options;
  engine_options.threads = options.threads;
  for (const diagnose::Probe& probe : probes) {
    engine_options.context_length = std::max(engine_options.context_length, probe.prompt.size() + probe.decode_steps);
  }
  const auto oracle = engine::make_oracle(model.plan, engine_options);

  const std::string sha256 = model_sha256(model.file);
  std::vector<Written> written;
  written.reserve(probes.size());
  for (const diagnose::Probe& probe : probes) {
    written.push_back(write_probe(options, model, sha256, *oracle, probe, folder));
  }
  const auto snippets = report::dump_snippets(model.plan, model.file.name(), probes[0].name);
  for (const report::Snippet& snippet : snippets) folder.write(snippet.file, snippet.text);

  Json document = {{"version", 1},
                   {"model", model.file.name()},
                   {"model_sha256", sha256},
                   {"layers", model.plan.layers},
                   {"probes", Json::array()}};
  for (const Written& one : written) document["probes"].push_back(to_json(one));
  document["snippets"] = Json::array();
  for (const report::Snippet& snippet : snippets) document["snippets"].push_back(snippet.file);
  document["diagnose"] = diagnose_command(options, options.output + "/" + probes[0].name + "/dump");
  folder.write("probe.json", document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  folder.commit();

  if (options.json) {
    document["folder"] = options.output;
    print_json(document);
  } else {
    print_next(options, written, snippets);
  }
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->model);
  line.add_option("-o,--output", options->output, "The folder to write, a new one").show_default("probe");
  line.add_option("--long", options->long_prompt,
                  "Tokens of the long prompt; 0: 72, or as many as pass the model's window where it has at most 512")
      .between(0, 1 << 20);
  line.add_option("--dtype", options->dtype, "Of the values in the reference traces: f32 or f64")
      .one_of({"f32", "f64"})
      .show_default();
  line.add_threads(options->threads);
  line.add_flag("--json", options->json, "What was written, as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kProbe = {"probe", "Write ids to run another engine on, and code that dumps what it says",
                               "  assay probe model.gguf                # writes probe/\n"
                               "  assay probe model.gguf -o mine --dtype f64\n"
                               "  assay probe model.gguf --long 4104    # past a window of 4096\n"
                               "  assay diagnose model.gguf --trace probe/short/dump",
                               setup};

}  // namespace assay::cli
