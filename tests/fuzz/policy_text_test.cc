// SPDX-License-Identifier: Apache-2.0
// Runs the fuzzer's body over a corpus and over mutations of it: the same ones each time, for at most some seconds.
// BULKHEAD_FUZZ_SECONDS in the environment makes it longer.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "controlplane/yaml/node.h"
#include "gtest/gtest.h"
#include "tests/fuzz/targets.h"
#include "tests/places/places.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Corpus() {
  std::vector<std::string> corpus;
  for (const char* folder : {"tests/data/shop", "tests/data/tiers"}) {
    for (const auto& entry : fs::recursive_directory_iterator(SourcePath(folder))) {
      if (!entry.is_regular_file()) continue;
      const auto text = yaml::ReadFile(entry.path().string());
      if (text.ok()) corpus.push_back(*text);
    }
  }
  return corpus;
}

// Bits of syntax that random bytes would seldom hit upon.
constexpr const char* kPieces[] = {"[",
                                   "]",
                                   "{",
                                   "}",
                                   ": ",
                                   "- ",
                                   "? ",
                                   ", ",
                                   "#",
                                   "\n",
                                   "\n  ",
                                   "\n    ",
                                   "'",
                                   "\"",
                                   "|\n",
                                   ">\n",
                                   "&a ",
                                   "*a",
                                   "!!str ",
                                   "---\n",
                                   "...\n",
                                   "%YAML 1.2\n",
                                   "null",
                                   "~",
                                   "true",
                                   "1e9",
                                   "-1",
                                   "65536",
                                   "0x10",
                                   "10.0.0.0/8",
                                   "::/0",
                                   "\t",
                                   "\r\n",
                                   "\\x00",
                                   "podSelector",
                                   "matchLabels",
                                   "namespaceSelector",
                                   "ipBlock: {cidr: ",
                                   "except: [",
                                   "ingress",
                                   "from",
                                   "ports",
                                   "endPort",
                                   "items: [",
                                   "tier: Baseline",
                                   "priority: 1000",
                                   "subject: {pods: {podSelector: {}}}",
                                   "action: Pass",
                                   "networks: [",
                                   "nodes: {}",
                                   "domainNames: [*.a.b]",
                                   "protocols: [{tcp: {destinationPort: {",
                                   "number: 80",
                                   "range: {start: 1, end: 2}",
                                   "destinationNamedPort: a",
                                   "portNumber: {port: 1}",
                                   "namedPort: a",
                                   "kind: AdminNetworkPolicy",
                                   "kind: ClusterNetworkPolicyList",
                                   "bulkhead.dev/mode: audit",
                                   "kind: List",
                                   "<<: "};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string Mutate(const std::vector<std::string>& corpus) {
    std::string text = corpus[Below(corpus.size())];
    for (size_t i = 0, count = 1 + Below(8); i < count; ++i) Step(corpus, &text);
    return text;
  }

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : std::uniform_int_distribution<size_t>(0, end - 1)(random_); }

  void Step(const std::vector<std::string>& corpus, std::string* text) {
    const size_t at = Below(text->size() + 1);
    switch (Below(6)) {
      case 0:
        text->insert(at, kPieces[Below(std::size(kPieces))]);
        break;
      case 1:
        text->erase(at, 1 + Below(40));
        break;
      case 2:
        if (at < text->size()) (*text)[at] = static_cast<char>(Below(256));
        break;
      case 3:
        text->insert(at, text->substr(Below(text->size() + 1), Below(200)));
        break;
      case 4: {
        const std::string& other = corpus[Below(corpus.size())];
        text->insert(at, other.substr(Below(other.size() + 1), Below(200)));
        break;
      }
      case 5: {
        const std::string piece = kPieces[Below(std::size(kPieces))];
        for (size_t i = 0, count = Below(300); i < count; ++i) text->insert(at, piece);
        break;
      }
    }
  }

  std::mt19937_64 random_;
};

TEST(PolicyTextFuzz, Corpus) {
  const auto corpus = Corpus();
  ASSERT_GE(corpus.size(), 15u);
  for (const std::string& text : corpus) FuzzPolicyText(text);
}

TEST(PolicyTextFuzz, EveryPrefix) {
  for (const std::string& text : Corpus()) {
    for (size_t size = 0; size < text.size(); size += 7) FuzzPolicyText(std::string_view(text).substr(0, size));
  }
}

TEST(PolicyTextFuzz, Mutations) {
  const char* seconds = std::getenv("BULKHEAD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 5);
  const auto corpus = Corpus();
  Mutator mutator(20240229);
  int rounds = 0;
  while (std::chrono::steady_clock::now() < end) {
    const std::string text = mutator.Mutate(corpus);
    const auto began = std::chrono::steady_clock::now();
    FuzzPolicyText(text);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5)) << text.substr(0, 2000);
    ++rounds;
  }
  EXPECT_GT(rounds, 10);
}

}  // namespace
}  // namespace bulkhead
