// assay inspect: what is in a GGUF file. It asks only for the container: vocabulary-only files, unknown architectures
// and types without a decoder are shown too.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/inspect_json.h"
#include "cli/model_argument.h"
#include "cli/tensor_statistics.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::string tensor;
  std::optional<std::uint64_t> block;
  std::optional<std::uint64_t> row;
  bool stats = false;
  int threads = 0;
  bool json = false;
};

std::string join(const Json& list, const char* separator) {
  std::string text;
  for (const Json& item : list) {
    if (!text.empty()) text += separator;
    text += item.is_string() ? fmt::format("'{}'", printable(item.get<std::string>(), 24)) : item.dump();
  }
  return text;
}

std::string shown(const Json& value) {
  if (value.is_string()) return printable(value.get<std::string>(), 72);
  if (!value.is_object()) return value.dump();
  const bool cut = value["count"] > value["first"].size();
  return fmt::format("{} x {}: {}{}", value["count"].dump(), value["element_type"].get<std::string>(),
                     join(value["first"], ", "), cut ? ", ..." : "");
}

/// A row of bars, one character a bin, tall where many values are.
std::string bars(const Json& histogram) {
  constexpr const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::uint64_t highest = 1;
  for (const Json& count : histogram) highest = std::max(highest, count.get<std::uint64_t>());
  std::string text;
  for (const Json& count : histogram) {
    const auto n = count.get<std::uint64_t>();
    const double height = 8.0 * static_cast<double>(n) / static_cast<double>(highest);
    text += kBars[n == 0 ? 0 : std::clamp(static_cast<int>(height + 0.5), 1, 8)];
  }
  return text;
}

void print_heading(std::string_view text) {
  const Style& style = style_of(stdout);
  print_text(fmt::format("{}{}{}\n", style.bold, text, style.reset));
}

void print_overview(const gguf::File& file, const Json& tensors) {
  const Style& style = style_of(stdout);
  print_heading(fmt::format("{}: GGUF version {}, {}", file.name(), file.version(), human_bytes(file.size_bytes())));
  print_text("\n");
  print_heading(fmt::format("Metadata ({})", file.metadata().size()));
  for (const auto& [key, value] : file.metadata()) {
    print_text(fmt::format("  {:<44} {}{:<8}{} {}\n", printable(key), style.dim, gguf::name(value.type), style.reset,
                           shown(to_json(value))));
  }
  if (tensors.empty()) return;
  print_text("\n");
  print_heading(fmt::format("Tensors ({})", tensors.size()));
  std::size_t width = 4;
  for (const Json& tensor : tensors) width = std::max(width, printable(tensor["name"].get<std::string>()).size());
  print_text(fmt::format("  {}{:<{}}  {:<7} {:>16}  {:>10}  {:>6}{}\n", style.dim, "name", width, "type", "ne", "size",
                         "bits", style.reset));
  std::uint64_t size_bytes = 0;
  std::uint64_t values = 0;
  for (const Json& tensor : tensors) {
    size_bytes += tensor["size_bytes"].get<std::uint64_t>();
    values += tensor["values"].get<std::uint64_t>();
    print_text(fmt::format("  {:<{}}  {:<7} {:>16}  {:>10}  {:>6.3g}\n", printable(tensor["name"].get<std::string>()),
                           width, tensor["type"].get<std::string>(), join(tensor["ne"], " x "),
                           human_bytes(tensor["size_bytes"]), tensor["bits_per_value"].get<double>()));
  }
  const double bits = values > 0 ? 8.0 * static_cast<double>(size_bytes) / static_cast<double>(values) : 0;
  print_text(fmt::format("  {}{} weights, {}, {:.3f} bits a weight{}\n", style.bold, values, human_bytes(size_bytes),
                         bits, style.reset));
}

/// Adds "statistics" to every tensor of the list whose type can be decoded.
void add_statistics(const std::vector<const gguf::Tensor*>& tensors, int threads, Json& list) {
  std::uint64_t total = 0;
  for (const gguf::Tensor* tensor : tensors) total += 2 * tensor->values();
  Progress progress("statistics", total, Progress::Unit::items);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i]->type->is_decodable()) {
      list[i]["statistics"] = nullptr;
      continue;
    }
    list[i]["statistics"] = to_json(measure(*tensors[i], threads, [&](std::uint64_t values) {
      done += values;
      progress.update(done);
    }));
  }
}

void print_statistics(const Json& tensors) {
  const Style& style = style_of(stdout);
  std::size_t width = 4;
  for (const Json& tensor : tensors) width = std::max(width, printable(tensor["name"].get<std::string>()).size());
  print_text(fmt::format("{}{:<{}}  {:>11} {:>11} {:>11} {:>11} {:>10}  histogram, min to max{}\n", style.dim, "name",
                         width, "mean", "rms", "min", "max", "non-finite", style.reset));
  for (const Json& tensor : tensors) {
    const std::string name = printable(tensor["name"].get<std::string>());
    const Json& statistics = tensor["statistics"];
    if (statistics.is_null()) {
      print_text(fmt::format("{:<{}}  type {} cannot be decoded\n", name, width, tensor["type"].get<std::string>()));
      continue;
    }
    const auto number = [&](const char* key) { return statistics[key].get<double>(); };
    const auto bad = statistics["non_finite"].get<std::uint64_t>();
    print_text(fmt::format("{:<{}}  {:>11.4e} {:>11.4e} {:>11.4e} {:>11.4e} {}{:>10}{}  {}{}{}\n", name, width,
                           number("mean"), number("rms"), number("min"), number("max"), bad > 0 ? style.red : "", bad,
                           style.reset, style.cyan, bars(statistics["histogram"]), style.reset));
    if (bad > 0) {
      print_text(fmt::format("{:<{}}  {}the first non-finite value is in block {}{}\n", "", width, style.red,
                             statistics["first_non_finite_block"].dump(), style.reset));
    }
  }
}

/// Numbers in lines of `a_line`, indented.
void print_numbers(const Json& numbers, std::size_t a_line, int width) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i % a_line == 0) print_text(fmt::format("{}  {:>5} |", i > 0 ? "\n" : "", i));
    if (numbers[i].is_number_integer()) {
      print_text(fmt::format(" {:>{}}", numbers[i].get<std::int64_t>(), width));
    } else {
      print_text(fmt::format(" {:>{}.6g}", numbers[i].is_null() ? NAN : numbers[i].get<float>(), width));
    }
  }
  print_text("\n");
}

void print_block(const Json& block) {
  const auto integer = [&](const char* key) { return block[key].get<std::uint64_t>(); };
  print_heading(fmt::format("{} ({}), block {}: row {}, from column {}, {} bytes at byte {} of the tensor",
                            block["tensor"].get<std::string>(), block["type"].get<std::string>(), integer("block"),
                            integer("row"), integer("column"), integer("size_bytes"), integer("byte_offset")));
  if (block.contains("quants")) {
    print_text(fmt::format("d = {:.9g}, dmin = {:.9g}\n", block["d"].get<float>(), block["dmin"].get<float>()));
    print_text(
        fmt::format("value = d * scale * quant - dmin * min, a scale for every {} values\n", integer("group_values")));
    print_heading("scales");
    print_numbers(block["scales"], 16, 4);
    print_heading("mins");
    print_numbers(block["mins"], 16, 4);
    print_heading("quants");
    print_numbers(block["quants"], 16, 4);
  }
  print_heading("values");
  print_numbers(block["values"], 8, 12);
}

std::uint64_t block_index(const gguf::Tensor& tensor, const Options& options) {
  const std::uint64_t blocks_a_row = tensor.row_values() / tensor.type->block_values;
  const std::uint64_t block = options.block.value_or(0);
  if (!options.row) {
    const std::uint64_t blocks = blocks_a_row * tensor.rows();
    if (block < blocks) return block;
    throw Error(ErrorKind::usage, fmt::format("{} has {} blocks; there is no block {}", tensor.name, blocks, block));
  }
  if (*options.row >= tensor.rows()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} has {} rows; there is no row {}", tensor.name, tensor.rows(), *options.row));
  }
  if (block >= blocks_a_row) {
    throw Error(ErrorKind::usage,
                fmt::format("a row of {} has {} blocks; there is no block {}", tensor.name, blocks_a_row, block));
  }
  return *options.row * blocks_a_row + block;
}

std::vector<const gguf::Tensor*> chosen_tensors(const gguf::File& file, const std::string& name) {
  std::vector<const gguf::Tensor*> chosen;
  if (name.empty()) {
    for (const gguf::Tensor& tensor : file.tensors()) chosen.push_back(&tensor);
  } else if (const gguf::Tensor* tensor = file.find_tensor(name)) {
    chosen.push_back(tensor);
  } else {
    throw Error(ErrorKind::usage, fmt::format("{} has no tensor '{}'", file.name(), name),
                "`assay inspect MODEL` lists them.");
  }
  return chosen;
}

int execute(const Options& options) {
  const gguf::File file = open_model_file(options.model);
  const auto tensors = chosen_tensors(file, options.tensor);
  if (options.block || options.row) {
    if (options.tensor.empty()) {
      throw Error(ErrorKind::usage, "--block and --row need a tensor", "assay inspect MODEL TENSOR --block 0");
    }
    Json block = block_to_json(*tensors[0], block_index(*tensors[0], options));
    if (options.json) {
      Json result = {{"version", 1}, {"file", file.name()}};
      result.update(block);
      print_json(result);
    } else {
      print_block(block);
    }
    return 0;
  }

  Json list = Json::array();
  for (const gguf::Tensor* tensor : tensors) list.push_back(to_json(*tensor));
  if (options.stats) add_statistics(tensors, options.threads > 0 ? options.threads : available_threads(), list);
  if (options.json) {
    Json metadata = Json::object();
    for (const auto& [key, value] : file.metadata()) metadata[std::string(key)] = to_json(value);
    print_json({{"version", 1},
                {"file", file.name()},
                {"gguf_version", file.version()},
                {"size_bytes", file.size_bytes()},
                {"metadata", metadata},
                {"tensors", list}});
  } else if (options.stats) {
    print_statistics(list);
  } else {
    print_overview(file, list);
  }
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->model);
  line.add_option("tensor", options->tensor, "Only this tensor");
  line.add_option("--block", options->block, "One block taken apart, counted over the tensor (with --row: in the row)");
  line.add_option("--row", options->row, "The row of the block");
  line.add_flag("--stats", options->stats, "Statistics and a histogram of every tensor's values");
  line.add_threads(options->threads, "Threads for --stats; 0: all cores");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kInspect = {"inspect", "Show what is in a GGUF file",
                                 "  assay inspect model.gguf\n"
                                 "  assay inspect model.gguf --stats\n"
                                 "  assay inspect model.gguf blk.0.attn_q.weight --block 17\n"
                                 "  assay inspect model.gguf --json | jq .metadata",
                                 setup};

}  // namespace assay::cli
