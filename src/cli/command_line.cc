#include "cli/command_line.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "cli/command.h"

namespace assay::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  assay run -p \"In the beginning\"            continue a text with the built-in model\n"
    "  assay pull smollm2                         fetch a small chat model\n"
    "  assay run smollm2 --chat -p \"Who are you?\"\n"
    "  assay help run                             all options of a command";

void check_command_name(const std::string& word) {
  std::string known;
  for (const Command* command : commands()) {
    if (word == command->name) return;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", command->name);
  }
  if (word.starts_with("-")) return;
  throw Error(ErrorKind::usage, fmt::format("there is no command '{}'", word), fmt::format("Commands: {}.", known));
}

}  // namespace

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::between(int least, int most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option& Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

Option& Option::one_of(std::vector<std::string> words) {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::show_default(const std::string& text) {
  option_->default_str(text);
  return *this;
}

Option& Option::separated_by_commas() {
  option_->delimiter(',');
  return *this;
}

Option& Option::times(int least, int most) {
  option_->expected(least, most);
  return *this;
}

Option& Option::one_word() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}

Option& Option::excludes(const std::string& name) {
  option_->excludes(name);
  return *this;
}

Option& Option::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

template <typename T>
Option CommandLine::add_option(const char* name, T& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}

template Option CommandLine::add_option(const char*, int&, const std::string&);
template Option CommandLine::add_option(const char*, long long&, const std::string&);
template Option CommandLine::add_option(const char*, std::size_t&, const std::string&);
template Option CommandLine::add_option(const char*, double&, const std::string&);
template Option CommandLine::add_option(const char*, std::string&, const std::string&);
template Option CommandLine::add_option(const char*, std::optional<std::size_t>&, const std::string&);
template Option CommandLine::add_option(const char*, std::optional<double>&, const std::string&);
template Option CommandLine::add_option(const char*, std::optional<std::string>&, const std::string&);
template Option CommandLine::add_option(const char*, std::vector<std::size_t>&, const std::string&);
template Option CommandLine::add_option(const char*, std::vector<std::string>&, const std::string&);

Option CommandLine::add_flag(const char* name, bool& value, const std::string& help) {
  return Option(*app_->add_flag(name, value, help));
}

void CommandLine::add_threads(int& threads, const std::string& help) {
  add_option("-t,--threads", threads, help).between(0, 4096);
}

Action parse_command(std::vector<std::string> words) {
  CLI::App app("Assay runs GGUF language models, with numbers that can be trusted.", "assay");
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(0, 1);
  app.footer(kExamples);
  std::map<const CLI::App*, Action> actions;
  for (const Command* command : commands()) {
    CLI::App* subcommand = app.add_subcommand(command->name, command->help);
    subcommand->footer(fmt::format("Examples:\n{}", command->examples));
    CommandLine line(*subcommand);
    actions[subcommand] = command->setup(line);
  }

  check_command_name(words[0]);
  const std::string help_of = words[0].starts_with("-") ? "" : fmt::format("{} ", words[0]);
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::Success& success) {
    const int code = app.exit(success);  // prints the help or the version
    return [code] { return code; };
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, error.what(), fmt::format("`assay {}--help` shows the options.", help_of));
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) throw Error(ErrorKind::usage, "no command given", "`assay --help` lists the commands.");
  return actions.at(chosen.front());
}

}  // namespace assay::cli
