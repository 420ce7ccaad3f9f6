#include "base/glob.h"

#include <algorithm>
#include <random>
#include <string>

#include <fnmatch.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

std::string random_text(std::mt19937& random, const char* letters, std::size_t count, std::size_t max_length) {
  std::string text(random() % (max_length + 1), ' ');
  for (char& c : text) c = letters[random() % count];
  return text;
}

TEST(Glob, MatchesAsTheCLibraryDoes) {
  std::mt19937 random(1);
  std::size_t matching = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string pattern = random_text(random, "ab*?", 4, 6);
    const std::string text = random_text(random, "ab", 2, 6);
    const bool expected = ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    matching += expected ? 1 : 0;
    EXPECT_EQ(glob_matches(pattern, text), expected) << pattern << " " << text;
    EXPECT_EQ(glob_distance(pattern, text) == 0, expected) << pattern << " " << text;
  }
  EXPECT_GT(matching, 3000U);
}

TEST(Glob, DistanceCountsEdits) {
  EXPECT_EQ(glob_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(glob_distance("blk.*.attn_k", "blk.12.attn_q"), 1U);
  EXPECT_EQ(glob_distance("", "abc"), 3U);
  EXPECT_EQ(glob_distance("abc", ""), 3U);
}

TEST(Glob, NearestNames) {
  const std::vector<std::string> names = {"embed", "blk.0.q", "blk.0.q_rope", "blk.0.k", "logits"};
  EXPECT_EQ(nearest_names("logit", names, 1), std::vector<std::string>{"logits"});
  EXPECT_EQ(nearest_names("blk.*.qq", names, 2), (std::vector<std::string>{"blk.0.q", "blk.0.k"}));
  EXPECT_EQ(nearest_names("x", names, 9).size(), names.size());
}

}  // namespace
}  // namespace assay
