// SPDX-License-Identifier: Apache-2.0
// What the fuzzers' bodies say when something that must hold does not.
#ifndef BULKHEAD_TESTS_FUZZ_REQUIRE_H_
#define BULKHEAD_TESTS_FUZZ_REQUIRE_H_

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bulkhead {

inline void Require(bool holds, std::string_view what, std::string_view found = "") {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(), static_cast<int>(found.size()),
               found.data());
  std::abort();
}

// Fit for a terminal and a log.
inline bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_FUZZ_REQUIRE_H_
