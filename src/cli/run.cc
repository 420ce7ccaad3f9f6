// assay run: continues a text, or with --chat answers one message.

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "cli/session.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

struct Options {
  EngineArguments engine;
  engine::SamplerOptions sampler;
  PromptOptions prompt;
  std::string system;
  std::string tools;
  long long max_tokens = 256;
  bool chat = false;
  bool no_special = false;
  bool stats = false;
  bool json = false;
};

std::vector<tokenizer::Token> prompt_ids(const Options& options, const Session& session, const std::string& text) {
  const tokenizer::Tokenizer& tokenizer = *session.tokenizer;
  if (options.chat) {
    Conversation conversation;
    conversation.set_system(options.system);
    conversation.add("user", text);
    if (!options.tools.empty()) conversation.load_tools(options.tools);
    return render(read_chat_template(session.model.file, !options.tools.empty()), tokenizer, conversation);
  }
  return encode_prompt(tokenizer, text, !options.no_special, session.model.file.name());
}

int execute(const Options& options) {
  if (!options.system.empty() && !options.chat) throw Error(ErrorKind::usage, "--system needs --chat");
  if (!options.tools.empty() && !options.chat) throw Error(ErrorKind::usage, "--tools needs --chat");
  const auto limit = length_limit(options.max_tokens);
  const std::string text = read_prompt(options.prompt);
  const auto session = open_session(options.engine);
  engine::Sampler sampler(options.sampler);
  const InterruptGuard guard;

  engine::GenerateRequest request;
  request.prompt = prompt_ids(options, *session, text);
  request.max_tokens = limit;
  request.ends_generation = [&](std::int32_t token) { return session->tokenizer->ends_generation(token); };
  request.on_prompt = [&](std::size_t, std::size_t) { return !guard.interrupted(); };

  tokenizer::StreamDecoder decoder(*session->tokenizer);
  std::string answer;
  const auto say = [&](const std::string& piece) {
    answer += piece;
    if (options.json) return;
    print_text(piece);
    flush_output();
  };
  request.on_token = [&](std::int32_t token) {
    say(decoder.push(token));
    return !guard.interrupted();
  };
  if (!options.json && !options.chat && is_terminal(stdout)) {
    const Style& style = style_of(stdout);
    print_text(fmt::format("{}{}{}", style.dim, text, style.reset));
  }
  const engine::Generation generation = generate(*session, sampler, request);
  say(decoder.finish());

  if (options.json) {
    print_json({{"version", 1},
                {"model", session->model.file.name()},
                {"engine", session->engine->description()},
                {"prompt_tokens", request.prompt},
                {"tokens", generation.tokens},
                {"text", answer},
                {"finish", engine::name(generation.finish)},
                {"timing", to_json(generation.timing, session->load_s)}});
  } else {
    print_text("\n");
    flush_output();
  }
  if (generation.finish == engine::FinishReason::context_full) {
    print_note(
        fmt::format("stopped, because the context of {} positions is full (--ctx)", session->engine->context_length()));
  }
  if (options.stats) {
    print_note(fmt::format("{}; loaded in {:.2f} s; {}", session->engine->description(), session->load_s,
                           describe(generation.timing)));
  }
  guard.throw_if_interrupted();
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_engine_options(line, options->engine);
  add_prompt_options(line, options->prompt);
  add_length_option(line, options->max_tokens);
  line.add_flag("--chat", options->chat, "Answer the text as a chat message, by the model's template");
  line.add_option("--system", options->system, "The system message, with --chat");
  line.add_option("--tools", options->tools, "File with a JSON list of functions that the model may call, with --chat");
  line.add_flag("--no-special", options->no_special, "No BOS, and special tokens in the prompt are plain text");
  add_sampler_options(line, options->sampler);
  line.add_flag("--stats", options->stats, "Speed, on standard error");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kRun = {"run", "Continue a text, or answer one message",
                             "  assay run -p \"In the beginning\"\n"
                             "  assay run model.gguf -f prompt.txt -n 64 --temp 0\n"
                             "  assay run smollm2 --chat -p \"Why is the sky blue?\"\n"
                             "  assay run qwen3.gguf --chat --tools tools.json -p \"What is the weather in Bern?\"\n"
                             "  printf 'The king' | assay run --temp 0 --json | jq .tokens",
                             setup};

}  // namespace assay::cli
