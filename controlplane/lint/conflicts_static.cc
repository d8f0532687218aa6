// SPDX-License-Identifier: Apache-2.0
// Conflicts that come whoever lives there.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/lint/conflicts.h"

namespace bulkhead::lint {
namespace {

bool MustMeet(const Rule& a, const Rule& b) {
  return a.ports.MustMeet(b.ports) && lint::MustMeet({a.subject}, {b.subject}) && lint::MustMeet(a.peers, b.peers);
}

bool MayMeet(const Rule& a, const Rule& b) {
  return a.ports.MayMeet(b.ports) && lint::MayMeet({a.subject}, {b.subject}) && lint::MayMeet(a.peers, b.peers);
}

// Whether a rule before it in its own policy may decide what it has in common with the other.
bool MayComeBefore(const std::vector<const Rule*>& rules, const Rule& rule, const Rule& other, Budget* budget) {
  for (const Rule* before : rules) {
    if (before == &rule) return false;
    if (!budget->Spend() || (MayMeet(*before, rule) && MayMeet(*before, other))) return true;
  }
  return false;
}

// The narrower of two sets of ends of which one holds the other.
const Ends& Narrower(const Ends& a, const Ends& b) { return Contains(a, b) ? b : a; }

const Ends& CommonPeer(const Rule& a, const Rule& b) {
  for (const Ends& one : a.peers) {
    for (const Ends& other : b.peers) {
      if (lint::MustMeet({one}, {other})) return Narrower(one, other);
    }
  }
  return a.peers[0];
}

std::string Example(const Rule& a, const Rule& b) {
  const auto [protocol, port] = a.ports.numbers.And(b.ports.numbers).Pick();
  const std::string own = EndsText(Narrower(a.subject, b.subject)), peer = EndsText(CommonPeer(a, b));
  const bool ingress = a.direction == Direction::kIngress;
  return absl::StrCat("{", ingress ? peer : own, "} -> {", ingress ? own : peer, "} ", PortText(protocol, port));
}

}  // namespace

Meeting MeetByDocuments(const PolicyRules& a, const PolicyRules& b, Budget* budget) {
  Meeting out;
  for (size_t d = 0; d < 2; ++d) {
    for (const Rule* first : a[d]) {
      for (const Rule* second : b[d]) {
        if (!budget->Spend()) return out;
        if (!MustMeet(*first, *second)) continue;
        if (first->action() == second->action()) {
          out.alike = true;
          continue;
        }
        if (MayComeBefore(a[d], *first, *second, budget) || MayComeBefore(b[d], *second, *first, budget)) continue;
        out.first = first;
        out.second = second;
        out.example = Example(*first, *second);
        return out;
      }
    }
  }
  return out;
}

}  // namespace bulkhead::lint
