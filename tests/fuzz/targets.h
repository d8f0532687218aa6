// SPDX-License-Identifier: Apache-2.0
// The bodies of the fuzzers: each takes any bytes, and aborts when something that must hold does not.
#ifndef BULKHEAD_TESTS_FUZZ_TARGETS_H_
#define BULKHEAD_TESTS_FUZZ_TARGETS_H_

#include <string_view>

namespace bulkhead {

// YAML -> policies, inventory, probes. What parses is also printed, parsed again and compiled.
void FuzzPolicyText(std::string_view text);

// A DNS answer -> names, whole and as a cut one.
void FuzzDnsAnswer(std::string_view bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_FUZZ_TARGETS_H_
