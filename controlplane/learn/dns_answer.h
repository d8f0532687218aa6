// SPDX-License-Identifier: Apache-2.0
// DNS answers (RFC 1035), as names that somebody was told for addresses. What is parsed comes from the network: everything is bounded,
// and an answer that is wrong anywhere tells nothing. Thread safety: a plain function.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_DNS_ANSWER_H_
#define BULKHEAD_CONTROLPLANE_LEARN_DNS_ANSWER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/learn/learner.h"

namespace bulkhead::learn {

inline constexpr size_t kMostDnsRecords = 64;   // looked at, of one answer
inline constexpr size_t kMostDnsAliases = 8;    // CNAMEs from the name that was asked for to the one that has addresses

// The addresses of an answer to one question for A or AAAA, each with the name that was asked for: in lower case, without the last dot,
// of letters, digits, '-', '_' and '.' alone. Aliases (CNAME) are followed in any order; records of other names are no part of the
// answer. Nothing at all of what is no answer, is an error or truncated (TC), or is malformed: labels or names too long (63, 255
// bytes), compression that does not point back, lengths beyond the message, addresses of a wrong size.
// cut: `message` is only the beginning of the message; then the records that are whole count.
std::vector<SeenName> ParseDnsAnswer(std::span<const uint8_t> message, bool cut);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_DNS_ANSWER_H_
