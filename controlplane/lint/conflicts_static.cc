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

bool Within(const Rule& outer, const Rule& inner) {
  return outer.ports.Contains(inner.ports) && Contains(outer.subject, inner.subject) && Contains(outer.peers, inner.peers);
}

// Whether rules before it in its own policy decide what it has in common with the other.
enum class Before : uint8_t { kNo, kPerhaps, kSurely };
Before DecidedBefore(const std::vector<const Rule*>& rules, const Rule& rule, const Rule& other, Budget* budget) {
  Before out = Before::kNo;
  for (const Rule* before : rules) {
    if (before == &rule) break;
    if (!budget->Spend() || Within(*before, rule) || Within(*before, other)) return Before::kSurely;
    if (MayMeet(*before, rule) && MayMeet(*before, other)) out = Before::kPerhaps;
  }
  return out;
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
        if (!MayMeet(*first, *second)) continue;
        const bool certain = MustMeet(*first, *second);
        if (first->action() == second->action()) {
          out.alike = out.alike || certain;
          continue;
        }
        const Before before = std::max(DecidedBefore(a[d], *first, *second, budget), DecidedBefore(b[d], *second, *first, budget));
        if (before == Before::kSurely) continue;
        if (!certain || before == Before::kPerhaps) {
          out.perhaps = true;
          continue;
        }
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
