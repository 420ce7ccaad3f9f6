// assay bench: how fast one model runs on this machine, beside what the machine allows in the same minutes. The
// measurements take turns, so that whatever else the machine does falls on all of them.

#include <algorithm>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/bench_result.h"
#include "cli/ceilings.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "kernels/kernels.h"
#include "model/cost.h"

namespace assay::cli {
namespace {

constexpr std::size_t kFirstPrompt = 8;
// The fast engine holds an activation as two planes of 8 bits: each product is two of the CPU's.
constexpr double kPlanes = 2;
constexpr double kOperationsOfProduct = 2;
constexpr int kReadPasses = 5;

struct Options {
  EngineArguments engine;
  std::vector<std::size_t> prompts;
  std::vector<std::size_t> depths;
  std::size_t decode_tokens = 32;
  std::size_t repeats = 3;
  bool quick = false;
  std::string clock = "wall";
  bool json = false;
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), threads_(options.engine.threads > 0 ? options.engine.threads : available_threads()) {
    const double start = seconds();
    session_ = open_session(options.engine);
    evaluate_prompt(session_->sequence, kFirstPrompt);
    result_.first_token_s = seconds() - start;
    result_.load_s = session_->load_s;
    result_.model = session_->model.file.name();
    result_.size_bytes = session_->model.file.size_bytes();
    result_.engine = session_->engine->description();
    result_.threads = threads_;
    result_.repeats = options.repeats;
    result_.clock = options.clock;
    result_.first_prompt = kFirstPrompt;
    result_.decode_tokens = options.decode_tokens;
    result_.byte_instruction = byte_multiplier_.instruction;
    result_.float_instruction = float_multiplier_.instruction;
    choose_lengths();
  }

  int run() {
    const std::uint64_t rounds = options_.repeats;
    Progress progress("bench", rounds * (1 + result_.prompts.size() + result_.depths.size()), Progress::Unit::items);
    warm_up(progress);
    result_.peak_memory_bytes = peak_memory_bytes();  // without what the ceilings take
    MemoryReader reader(threads_);
    std::uint64_t done = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      progress.update(done++, "ceilings");
      measure_ceilings(reader);
      for (BenchLength& length : result_.prompts) {
        progress.update(done++, fmt::format("prompt of {}", length.tokens));
        const double elapsed_s = evaluate_prompt(session_->sequence, length.tokens);
        length.per_s.values.push_back(static_cast<double>(length.tokens) / elapsed_s);
        length.share.values.push_back(multiplying_s(length.tokens) * length.per_s.values.back());
      }
      for (std::size_t i = 0; i < result_.depths.size(); ++i) {
        BenchLength& length = result_.depths[i];
        progress.update(done++, fmt::format("decoding behind {}", length.tokens));
        length.per_s.values.push_back(static_cast<double>(options_.decode_tokens) /
                                      decode(sequences_[i], length.tokens));
        length.share.values.push_back(length.amount * length.per_s.values.back() / result_.memory.values.back());
      }
    }
    options_.json ? print_json(to_json(result_)) : print_text(describe(result_, columns_of(stdout), style_of(stdout)));
    return 0;
  }

 private:
  /// By the clock that was asked for. CPU seconds are those of all threads, divided among them.
  double seconds() const {
    timespec time{};
    ::clock_gettime(options_.clock == "cpu" ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    const double read = static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    return options_.clock == "cpu" ? read / threads_ : read;
  }

  void choose_lengths() {
    const std::size_t context = session_->engine->context_length();
    const std::size_t decoded = options_.decode_tokens;
    const auto fitting = [&](std::vector<std::size_t> wanted, std::vector<std::size_t> usual, std::size_t more) {
      if (wanted.empty()) {
        usual.erase(std::remove_if(usual.begin(), usual.end(), [&](auto n) { return n + more > context; }),
                    usual.end());
        return usual;
      }
      const std::size_t longest = *std::max_element(wanted.begin(), wanted.end()) + more;
      if (longest <= context) return wanted;
      throw Error(ErrorKind::usage, fmt::format("{} tokens do not fit into the context of {}", longest, context),
                  "Use a smaller --prompt-tokens, --depth and --decode-tokens, or a larger --ctx.");
    };
    using Lengths = std::vector<std::size_t>;
    for (const std::size_t n : fitting(options_.prompts, options_.quick ? Lengths{128} : Lengths{512, 2048}, 0)) {
      const model::TokenCost cost = prompt_cost(n);
      result_.prompts.push_back(
          {n, kOperationsOfProduct * static_cast<double>(cost.quantized_products + cost.float_products)});
    }
    const std::uint64_t element_bytes = options_.engine.engine == "oracle" ? 8 : options_.engine.cache == "f16" ? 2 : 4;
    for (const std::size_t n : fitting(options_.depths, options_.quick ? Lengths{0} : Lengths{0, 2048}, decoded)) {
      const model::TokenCost cost = model::token_cost(session_->model.plan, n + decoded / 2, true);
      result_.depths.push_back({n, static_cast<double>(cost.weight_bytes + cost.cache_values * element_bytes)});
      sequences_.push_back(session_->engine->add_sequence());
    }
  }

  /// Of a token in its middle, whose logits nobody asks for.
  model::TokenCost prompt_cost(std::size_t tokens) const {
    return model::token_cost(session_->model.plan, tokens / 2, false);
  }

  /// Some valid tokens; speed does not depend on which.
  engine::TokenInput input(engine::SequenceId sequence, std::size_t index, bool wants_logits) const {
    const std::size_t token = (index * 7919 + 13) % session_->model.plan.vocabulary;
    return {static_cast<std::int32_t>(token), sequence, wants_logits};
  }

  /// In pieces, as generation does it, with the last token's logits. Returns seconds.
  double evaluate_prompt(engine::SequenceId sequence, std::size_t count) {
    const std::size_t piece = engine::GenerateRequest{}.prompt_piece;
    session_->engine->truncate(sequence, 0);
    const double start = seconds();
    for (std::size_t begin = 0; begin < count; begin += piece) {
      std::vector<engine::TokenInput> batch;
      for (std::size_t i = begin; i < std::min(begin + piece, count); ++i) {
        batch.push_back(input(sequence, i, i + 1 == count));
      }
      guard_.throw_if_interrupted();
      session_->engine->evaluate(batch);
    }
    return seconds() - start;
  }

  /// Returns seconds.
  double decode(engine::SequenceId sequence, std::size_t depth) {
    session_->engine->truncate(sequence, depth);
    const double start = seconds();
    for (std::size_t i = 0; i < options_.decode_tokens; ++i) {
      const engine::TokenInput next = input(sequence, depth + i, true);
      guard_.throw_if_interrupted();
      session_->engine->evaluate({&next, 1});
    }
    return seconds() - start;
  }

  /// Every length once, so that all memory is taken; fills the sequences to decode behind.
  void warm_up(Progress& progress) {
    progress.update(0, "first run");
    for (std::size_t i = 0; i < result_.depths.size(); ++i) {
      evaluate_prompt(sequences_[i], result_.depths[i].tokens);
      decode(sequences_[i], result_.depths[i].tokens);
    }
    for (const BenchLength& length : result_.prompts) {
      evaluate_prompt(session_->sequence, std::min(length.tokens, engine::GenerateRequest{}.prompt_piece));
    }
  }

  void measure_ceilings(MemoryReader& reader) {
    const auto rate = [&](double amount, double start) { return amount / (seconds() - start); };
    double fastest = 0;  // a pass is short beside what it is compared with
    for (int pass = 0; pass < kReadPasses; ++pass) {
      for (std::size_t way = 0; way < MemoryReader::ways(); ++way) {
        const double start = seconds();
        reader.read(way);
        fastest = std::max(fastest, rate(static_cast<double>(reader.bytes()), start));
      }
    }
    result_.memory.values.push_back(fastest);
    for (auto [multiplier, series] :
         {std::pair(&byte_multiplier_, &result_.byte_rate), std::pair(&float_multiplier_, &result_.float_rate)}) {
      const double began = seconds();
      const double operations = multiply(*multiplier, threads_);
      series->values.push_back(rate(operations, began));
    }
  }

  /// What the multiplications alone of one token of a prompt take, at the ceilings of this round.
  double multiplying_s(std::size_t prompt_tokens) const {
    const model::TokenCost cost = prompt_cost(prompt_tokens);
    return kOperationsOfProduct *
           (kPlanes * static_cast<double>(cost.quantized_products) / result_.byte_rate.values.back() +
            static_cast<double>(cost.float_products) / result_.float_rate.values.back());
  }

  const Options& options_;
  int threads_;
  InterruptGuard guard_;
  std::unique_ptr<Session> session_;
  Multiplier byte_multiplier_ = byte_multiplier(kernels::kernels().isa);
  Multiplier float_multiplier_ = float_multiplier(kernels::kernels().isa);
  std::vector<engine::SequenceId> sequences_;  ///< one a depth, to decode behind
  BenchResult result_;
};

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_engine_options(line, options->engine);
  const auto lengths = [&](const char* name, std::vector<std::size_t>& values, int least, const char* help) {
    line.add_option(name, values, help).between(least, 1 << 24).separated_by_commas();
  };
  lengths("--prompt-tokens", options->prompts, 1, "Lengths of prompts; 512,2048 where they fit");
  lengths("--depth", options->depths, 0, "Tokens that stand before those decoded; 0,2048 where they fit");
  line.add_option("--decode-tokens", options->decode_tokens, "Tokens decoded behind each depth")
      .between(1, 1 << 24)
      .show_default();
  line.add_option("--repeats", options->repeats, "Measurements of each").between(1, 1000).show_default();
  line.add_option("--clock", options->clock, "wall, or cpu: seconds of CPU a thread, for a busy machine and one thread")
      .one_of({"wall", "cpu"})
      .show_default();
  line.add_flag("--quick", options->quick, "A prompt of 128 and decoding from the start only");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return Bench(*options).run(); };
}

}  // namespace

extern const Command kBench = {"bench", "Measure speed on this machine",
                               "  assay bench smollm2\n"
                               "  assay bench model.gguf --quick --threads 1\n"
                               "  assay bench model.gguf --prompt-tokens 128,1024 --depth 0,4096 --json",
                               setup};

}  // namespace assay::cli
