// dump_drift REFERENCE CANDIDATE ENGINE ID...: compares the candidate with the reference on one text and prints what
// depth.h measures, as JSON.
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "compare/depth.h"
#include "compare/plan_pair.h"
#include "gguf/file.h"
#include "model/model.h"
#include "tests/support/program.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests
using Json = nlohmann::ordered_json;

void dump(int argc, char** argv) {
  const model::Model reference = model::load_model(gguf::File::open(argv[1]));
  const model::Model candidate = model::load_model(gguf::File::open(argv[2]));
  const compare::PlanPair pair(reference.plan, candidate.plan, argv[1], argv[2]);
  compare::DepthRequest request;
  request.engine = argv[3];
  request.texts.emplace_back();
  for (int i = 4; i < argc; ++i) request.texts[0].push_back(std::atoi(argv[i]));
  const compare::Depth depth = compare::compare_depth(pair, request);

  Json taps = Json::array();
  for (const compare::TapDrift& tap : depth.taps) {
    taps.push_back({{"tap", tap.tap},
                    {"layer", tap.layer},
                    {"operation", tap.operation},
                    {"weight", tap.weight},
                    {"weight_type", tap.weight_type},
                    {"relative_error", tap.relative_error},
                    {"cosine", tap.cosine},
                    {"sqnr_db", tap.sqnr_db},
                    {"rms_reference", tap.rms_reference},
                    {"rms_candidate", tap.rms_candidate},
                    {"introduced", tap.introduced},
                    {"inherited", tap.inherited},
                    {"worst_channel", tap.worst_channel}});
  }
  Json massive = Json::array();
  for (const compare::MassiveChannel& channel : depth.growth.massive_channels) {
    massive.push_back({{"tap", channel.tap},
                       {"channel", channel.channel},
                       {"position", channel.position},
                       {"value", channel.value},
                       {"candidate", channel.candidate},
                       {"median", channel.median},
                       {"first_tap", channel.first_tap},
                       {"last_tap", channel.last_tap}});
  }
  fmt::print("{}\n", Json{{"taps", taps},
                          {"growth",
                           {{"reference", depth.growth.reference},
                            {"candidate", depth.growth.candidate},
                            {"massive_channels", massive},
                            {"verdict", depth.growth.verdict}}}}
                         .dump());
}

}  // namespace

int main(int argc, char** argv) {
  return test::run_program(argc, argv, 4, "dump_drift REFERENCE CANDIDATE ENGINE ID...", dump);
}
