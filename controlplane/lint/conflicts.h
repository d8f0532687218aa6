// SPDX-License-Identifier: Apache-2.0
// Two policies of one tier and priority, of which only their names tell which is asked first.
#ifndef BULKHEAD_CONTROLPLANE_LINT_CONFLICTS_H_
#define BULKHEAD_CONTROLPLANE_LINT_CONFLICTS_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/lint/checks.h"

namespace bulkhead::lint {

// The rules of one policy that decide something.
using PolicyRules = std::array<std::vector<const Rule*>, 2>;  // [direction]

// What two policies say of the same connections.
struct Meeting {
  bool alike = false;    // both decide some of them, and the same
  bool perhaps = false;  // if somebody matches both they may answer differently; only of documents alone
  // Rules that answer differently, each the first of its policy that matches; null: none.
  const Rule* first = nullptr;
  const Rule* second = nullptr;
  std::optional<Witness> witness;
  std::string example;  // in words
};

// For those who live there.
Meeting MeetByClasses(const Facts& facts, const PolicyRules& a, const PolicyRules& b, Budget* budget);
// Whoever lives there: only what is certain.
Meeting MeetByDocuments(const PolicyRules& a, const PolicyRules& b, Budget* budget);

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_CONFLICTS_H_
