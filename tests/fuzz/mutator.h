// SPDX-License-Identifier: Apache-2.0
// Mutator: changes seeds at random, the same way each time. Not thread-safe.
#ifndef BULKHEAD_TESTS_FUZZ_MUTATOR_H_
#define BULKHEAD_TESTS_FUZZ_MUTATOR_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead {

// The words of a libFuzzer dictionary: a line each, in quotes, with \xNN, \\ and \".
std::vector<std::string> ReadDictionary(const std::string& path);

class Mutator {
 public:
  // pieces: what random bytes would seldom hit upon.
  Mutator(std::vector<std::string> seeds, std::vector<std::string> pieces, uint64_t seed)
      : seeds_(std::move(seeds)), pieces_(std::move(pieces)), random_(seed) {}

  std::string Next();

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  const std::string& OneOf(const std::vector<std::string>& texts) { return texts[Below(texts.size())]; }
  void Step(std::string* text);

  const std::vector<std::string> seeds_, pieces_;
  std::mt19937_64 random_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_FUZZ_MUTATOR_H_
