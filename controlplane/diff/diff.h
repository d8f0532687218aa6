// SPDX-License-Identifier: Apache-2.0
// DiffPolicies: which connections between services get another verdict by one policy than by another.
//
// Thread safety: pure functions; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_DIFF_H_
#define BULKHEAD_CONTROLPLANE_DIFF_DIFF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/diff/changes.h"
#include "controlplane/diff/pair.h"

namespace bulkhead {

// The workloads of an identity.
struct Headcount {
  uint64_t workloads = 2;        // a single one never talks to another of its kind
  bool some_addressless = true;  // of its workloads at least one has no address
};

struct DiffOptions {
  bool with_host = true;  // the host and the unknown as well; without a daemon there is neither
  bool rule_rows = false;
  size_t max_rows = 1000;
  uint64_t max_steps = 400'000'000;  // a few seconds; 1,000 kinds of workload on which everything changes take a hundredth
};

// What decided, in words: policy as PolicyRef, "" for "default", "self" and "from-host".
struct DiffRule {
  std::string policy;
  std::string rule;  // "ingress[0]", "isolated"
  Direction side = Direction::kIngress;
  SourcePos pos;  // line 0: no document

  bool operator==(const DiffRule&) const = default;
};

struct DiffRow {
  std::string from, to;  // "shop/web", and what part of it: see PartText
  PortSet ports;
  Outcome before = Outcome::kAllow, after = Outcome::kAllow;
  DiffRule before_rule, after_rule;

  bool operator==(const DiffRow&) const = default;
};

// Rows in the order of their names; the counts are of all of them, shown or not.
struct PolicyDiff {
  std::vector<DiffRow> rows;       // the verdict is another
  std::vector<DiffRow> rule_rows;  // only the rule that decides is another; if asked for
  uint64_t denied = 0;             // by policy from now on, and not before
  uint64_t allowed = 0;            // and denied before
  uint64_t others = 0;             // what a denial does: reported, recorded, dropped
  uint64_t rule_changes = 0;

  uint64_t changed() const { return denied + allowed + others; }
};

// world: what both were compiled from (either's). headcounts: of world.identities, in their order; empty: unknown. Time grows with
// the square of the kinds of subjects, and with what differs. kResourceExhausted: that would be too much; the message has the
// counts.
absl::StatusOr<PolicyDiff> DiffPolicies(const PolicyPair& pair, const CompileInput& world, const std::vector<Headcount>& headcounts,
                                        const DiffOptions& options = {});

// "cnp:guard egress[2]", "default".
std::string RuleText(const DiffRule& rule);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_DIFF_H_
