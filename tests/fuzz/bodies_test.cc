// SPDX-License-Identifier: Apache-2.0
// Runs the fuzzers' bodies over their seeds and mutations of them: the same ones each time, for a second or two each.
// BULKHEAD_FUZZ_SECONDS in the environment makes it longer.
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/fuzz/mutator.h"
#include "tests/fuzz/targets.h"
#include "tests/places/places.h"

namespace bulkhead {
namespace {

struct Target {
  const char* name;
  void (*body)(std::string_view);
  std::vector<std::string> (*seeds)();
  size_t least_seeds;
  size_t prefixes;  // of each seed, at most: they cost from a microsecond to some milliseconds
};

constexpr Target kTargets[] = {{"yaml", FuzzYaml, YamlSeeds, 18, 20},          {"docker", FuzzDocker, DockerSeeds, 20, 20},
                               {"netlink", FuzzNetlink, NetlinkSeeds, 12, 500}, {"api", FuzzApi, ApiSeeds, 40, 100},
                               {"database", FuzzDatabase, DatabaseSeeds, 30, 3}, {"dns", FuzzDns, DnsSeeds, 3, 500}};

class BodiesFuzz : public ::testing::TestWithParam<Target> {};

void RunTimed(const Target& target, std::string_view input) {
  const auto began = std::chrono::steady_clock::now();
  target.body(input);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5)) << input.substr(0, 2000);
}

TEST_P(BodiesFuzz, Seeds) {
  const std::vector<std::string> seeds = GetParam().seeds();
  EXPECT_GE(seeds.size(), GetParam().least_seeds);
  for (const std::string& seed : seeds) RunTimed(GetParam(), seed);
}

// Everything that may be cut is cut somewhere.
TEST_P(BodiesFuzz, Prefixes) {
  for (const std::string& seed : GetParam().seeds()) {
    const size_t step = seed.size() / GetParam().prefixes + 1;
    for (size_t size = 0; size < seed.size(); size += step) RunTimed(GetParam(), std::string_view(seed).substr(0, size));
  }
}

TEST_P(BodiesFuzz, Mutations) {
  const std::vector<std::string> pieces = ReadDictionary(SourcePath(absl::StrCat("tests/fuzz/", GetParam().name, ".dict")));
  ASSERT_GE(pieces.size(), 10u);
  const char* seconds = std::getenv("BULKHEAD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 2);
  Mutator mutator(GetParam().seeds(), pieces, 20240229);
  int rounds = 0;
  while (std::chrono::steady_clock::now() < end) {
    RunTimed(GetParam(), mutator.Next());
    ++rounds;
  }
  EXPECT_GT(rounds, 10);
}

INSTANTIATE_TEST_SUITE_P(All, BodiesFuzz, ::testing::ValuesIn(kTargets),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace bulkhead
