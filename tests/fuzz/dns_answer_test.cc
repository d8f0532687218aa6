// SPDX-License-Identifier: Apache-2.0
// Runs the fuzzer's body over DNS answers and mutations of them: the same ones each time.
#include <cstddef>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

std::string Bytes(const std::vector<int>& bytes) { return std::string(bytes.begin(), bytes.end()); }

// Answers as servers give them: an alias and an address with compressed names; an IPv6 address; an error.
std::vector<std::string> Answers() {
  const std::string header = Bytes({0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0});
  const std::string asked = Bytes({3, 'w', 'w', 'w', 2, 'a', 'b', 0});
  const std::string alias = Bytes({0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'c', 0xc0, 16});
  const std::string address = Bytes({0xc0, 36, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1});
  const std::string wide = Bytes({0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  return {header + asked + Bytes({0, 1, 0, 1}) + alias + address, header + asked + Bytes({0, 28, 0, 1}) + wide + wide,
          Bytes({0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0}) + asked + Bytes({0, 1, 0, 1})};
}

// What random bytes would seldom hit upon.
const std::string kDnsPieces[] = {Bytes({0xc0, 12}), Bytes({0xc0, 16}), Bytes({0xc0, 36}), Bytes({0xff, 0xff}), Bytes({0, 0}),
                                  Bytes({0, 1, 0, 1}), Bytes({0, 5, 0, 1}), Bytes({1, 'x'}), Bytes({63}), Bytes({0x80}), Bytes({0, 4})};

TEST(DnsAnswerFuzz, EveryPrefix) {
  for (const std::string& answer : Answers()) {
    for (size_t size = 0; size <= answer.size(); ++size) FuzzDnsAnswer(std::string_view(answer).substr(0, size));
  }
}

TEST(DnsAnswerFuzz, Mutations) {
  std::mt19937_64 random(20240301);
  const auto below = [&](size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random); };
  const std::vector<std::string> answers = Answers();
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes = answers[below(answers.size())];
    for (size_t i = 0, count = 1 + below(5); i < count; ++i) {
      const size_t at = below(bytes.size() + 1);
      const std::string& piece = kDnsPieces[below(std::size(kDnsPieces))];
      switch (below(4)) {
        case 0: bytes.insert(at, piece); break;
        case 1: bytes.replace(at, piece.size(), piece); break;
        case 2: bytes.erase(at, 1 + below(6)); break;
        case 3: bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(40))); break;
      }
    }
    FuzzDnsAnswer(bytes);
  }
}

}  // namespace
}  // namespace bulkhead
