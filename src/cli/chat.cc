// assay chat: a conversation on the terminal or over a pipe. What the model has read stays in its cache: of each turn
// only what is new is evaluated.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/prompt.h"
#include "cli/session.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

struct Options {
  EngineArguments engine;
  engine::SamplerOptions sampler;
  std::string system;
  long long max_tokens = -1;
  bool json = false;
};

constexpr const char* kHelp =
    "/system TEXT  set the system message (nothing: remove it)\n"
    "/clear        forget the conversation, keep the system message\n"
    "/save FILE    write the conversation as JSON\n"
    "/load FILE    read one\n"
    "/stats        speed, and how full the context is\n"
    "/exit         leave; so does Ctrl-D. Ctrl-C stops an answer\n";

class Chat {
 public:
  explicit Chat(const Options& options)
      : options_(options),
        limit_(length_limit(options.max_tokens)),
        session_(open_session(options.engine)),
        template_(read_chat_template(session_->model.file)),
        sampler_(options.sampler) {
    conversation_.set_system(options.system);
  }

  int run() {
    install_greeting();
    LineReader reader;
    for (;;) {
      guard_.reset();
      prompt();
      const LineReader::Result input = reader.read(guard_.descriptor());
      if (input.status == LineReader::Status::end) break;
      if (input.status == LineReader::Status::interrupted) {
        fmt::print(stderr, "\n");
        print_note("Ctrl-D or /exit leaves");
        continue;
      }
      try {
        if (!handle(input.line)) break;
      } catch (const Error& error) {
        // A mistake in one line is no reason to lose the conversation; without a person to mend it, it is.
        if (!is_terminal(stdin)) throw;
        print_note(fmt::format("{}{}{}", error.what(), error.hint().empty() ? "" : "\n      ", error.hint()));
      }
    }
    if (is_terminal(stdin)) fmt::print(stderr, "\n");
    return 0;
  }

 private:
  void install_greeting() const {
    if (!is_terminal(stdin)) return;
    const Style& style = style_of(stderr);
    fmt::print(stderr, "{}{}, {}. /help lists the commands.{}\n", style.dim, session_->model.file.name(),
               session_->engine->description(), style.reset);
  }

  static void prompt() {
    if (!is_terminal(stdin)) return;
    const Style& style = style_of(stderr);
    fmt::print(stderr, "{}>{} ", style.bold, style.reset);
    std::fflush(stderr);
  }

  /// False when the conversation is over.
  bool handle(const std::string& line) {
    if (line.empty()) return true;
    if (!line.starts_with('/')) {
      check_utf8("the message", line);
      answer(line);
      return true;
    }
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string command = line.substr(0, space);
    const std::size_t begin = line.find_first_not_of(' ', space);
    const std::string argument = begin == std::string::npos ? "" : line.substr(begin);
    if (command == "/exit" || command == "/quit") return false;
    if (command == "/help") {
      fmt::print(stderr, "{}", kHelp);
    } else if (command == "/system") {
      check_utf8("the system message", argument);
      conversation_.set_system(argument);
    } else if (command == "/clear") {
      conversation_.clear();
    } else if (command == "/save") {
      conversation_.save(file_argument(command, argument));
      print_note(fmt::format("{} messages written to {}", conversation_.messages().size(), argument));
    } else if (command == "/load") {
      conversation_.load(file_argument(command, argument));
      print_note(fmt::format("{} messages read from {}", conversation_.messages().size(), argument));
    } else if (command == "/stats") {
      print_note(fmt::format("{}; {} of {} positions used; last answer: {} reused, {}", session_->engine->description(),
                             session_->engine->length(session_->sequence), session_->engine->context_length(), reused_,
                             describe(timing_)));
    } else {
      throw Error(ErrorKind::usage, fmt::format("there is no {}", command), "/help lists the commands.");
    }
    return true;
  }

  static const std::string& file_argument(const std::string& command, const std::string& argument) {
    if (argument.empty()) throw Error(ErrorKind::usage, fmt::format("{} needs a file name", command));
    return argument;
  }

  /// Shortens the sequence to what it has in common with `ids`, and returns what is left to evaluate, at least one
  /// token.
  std::vector<tokenizer::Token> reuse(const std::vector<tokenizer::Token>& ids) {
    const auto differs = std::mismatch(ids.begin(), ids.end(), evaluated_.begin(), evaluated_.end()).first;
    reused_ = std::min(static_cast<std::size_t>(differs - ids.begin()), ids.size() - 1);
    session_->engine->truncate(session_->sequence, reused_);
    evaluated_.resize(reused_);
    return {ids.begin() + static_cast<std::ptrdiff_t>(reused_), ids.end()};
  }

  void answer(const std::string& message) {
    conversation_.add("user", message);
    try {
      say();
    } catch (...) {
      conversation_.remove_last();
      throw;
    }
  }

  void say() {
    const std::vector<tokenizer::Token> ids = render(template_, *session_->tokenizer, conversation_);
    if (ids.empty()) throw Error(ErrorKind::input, "the chat template renders nothing");
    const std::size_t context = session_->engine->context_length();
    if (ids.size() > context) {
      throw Error(ErrorKind::usage,
                  fmt::format("the conversation has {} tokens, but the context holds {}", ids.size(), context),
                  "/clear starts anew; --ctx makes the context larger.");
    }
    engine::GenerateRequest request;
    request.prompt = reuse(ids);
    request.max_tokens = limit_;
    request.ends_generation = [&](std::int32_t token) { return session_->tokenizer->ends_generation(token); };
    request.on_prompt = [&](std::size_t, std::size_t) { return !guard_.interrupted(); };
    tokenizer::StreamDecoder decoder(*session_->tokenizer);
    std::string text;
    const auto put = [&](const std::string& piece) {
      text += piece;
      if (options_.json) return;
      print_text(piece);
      flush_output();
    };
    request.on_token = [&](std::int32_t token) {
      put(decoder.push(token));
      return !guard_.interrupted();
    };
    const engine::Generation generation = generate(*session_, sampler_, request);
    put(decoder.finish());
    remember(ids, generation);
    conversation_.add("assistant", text);
    report(generation, text);
  }

  /// Which tokens the sequence holds: those before the prompt, the prompt as far as it got, and the answer without its
  /// last.
  void remember(const std::vector<tokenizer::Token>& ids, const engine::Generation& generation) {
    evaluated_ = ids;
    evaluated_.insert(evaluated_.end(), generation.tokens.begin(), generation.tokens.end());
    evaluated_.resize(session_->engine->length(session_->sequence));
    timing_ = generation.timing;
  }

  void report(const engine::Generation& generation, const std::string& text) const {
    if (options_.json) {
      print_json({{"version", 1},
                  {"text", text},
                  {"tokens", generation.tokens},
                  {"finish", engine::name(generation.finish)},
                  {"reused_tokens", reused_},
                  {"timing", to_json(generation.timing, session_->load_s)}});
    } else {
      print_text("\n");
    }
    flush_output();
    if (generation.finish == engine::FinishReason::context_full) {
      print_note(fmt::format("stopped, because the context of {} positions is full; /clear starts anew",
                             session_->engine->context_length()));
    }
    if (generation.finish == engine::FinishReason::stopped) print_note("stopped");
  }

  const Options& options_;
  std::optional<std::size_t> limit_;
  InterruptGuard guard_;
  std::unique_ptr<Session> session_;
  tokenizer::ChatTemplate template_;
  engine::Sampler sampler_;
  Conversation conversation_;
  std::vector<tokenizer::Token> evaluated_;  // what the engine's sequence holds
  std::size_t reused_ = 0;
  engine::Timing timing_;
};

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_engine_options(line, options->engine);
  add_length_option(line, options->max_tokens);
  line.add_option("--system", options->system, "The system message");
  add_sampler_options(line, options->sampler);
  line.add_flag("--json", options->json, "Each answer as one line of JSON");
  return [options] { return Chat(*options).run(); };
}

}  // namespace

extern const Command kChat = {"chat", "Talk with a chat model",
                              "  assay chat smollm2\n"
                              "  assay chat smollm2 --system \"Answer in one sentence.\" --temp 0\n"
                              "  printf 'Hello\\nAnd in French?\\n' | assay chat smollm2 --json",
                              setup};

}  // namespace assay::cli
