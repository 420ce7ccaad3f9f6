// sample COUNT [OPTION=VALUE ...] < input
// Input: a line of tokens said so far, a line of logits. Prints the distribution ("token probability" a line), an empty
// line, then COUNT tokens drawn from it.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/sampler.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

void set_option(engine::SamplerOptions& options, const std::string& name, const std::string& value) {
  if (name == "temperature")
    options.temperature = std::stod(value);
  else if (name == "top_k")
    options.top_k = std::stoul(value);
  else if (name == "top_p")
    options.top_p = std::stod(value);
  else if (name == "min_p")
    options.min_p = std::stod(value);
  else if (name == "repetition")
    options.repetition_penalty = std::stod(value);
  else if (name == "frequency")
    options.frequency_penalty = std::stod(value);
  else if (name == "presence")
    options.presence_penalty = std::stod(value);
  else if (name == "window")
    options.penalty_window = std::stoul(value);
  else if (name == "seed")
    options.seed = std::stoull(value);
  else
    throw std::invalid_argument("unknown option " + name);
}

void run(int argc, char** argv) {
  engine::SamplerOptions options;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    set_option(options, argument.substr(0, equals), argument.substr(equals + 1));
  }
  engine::Sampler sampler(options);
  std::string line;
  std::getline(std::cin, line);
  std::istringstream said(line);
  for (std::int32_t token = 0; said >> token;) sampler.accept(token);
  std::vector<float> values;
  // By words, because >> does not read nan and inf.
  for (std::string word; std::cin >> word;) values.push_back(std::strtof(word.c_str(), nullptr));
  const engine::Rows logits{values.data(), nullptr, 1, values.size()};
  for (const engine::Candidate& candidate : sampler.distribution(logits)) {
    std::printf("%d %.17g\n", candidate.token, candidate.probability);
  }
  std::printf("\n");
  for (unsigned long i = 0; i < std::stoul(argv[1]); ++i) std::printf("%d\n", sampler.sample(logits));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw std::invalid_argument("usage: sample COUNT [OPTION=VALUE ...] < input");
    run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
