// SPDX-License-Identifier: Apache-2.0
// Lint: what in policy documents is probably not what their author meant, judged by the documents alone or with those who live there.
//
//   documents  -> rules as sets of ends and ports                       ends.cc, port_set.cc
//   + a world  -> the same as sets of classes, by the compiler's passes  facts.cc
//   checks, one file each: documents.cc allow_all.cc nobody.cc habits.cc cover.cc tiers.cc tiers_static.cc conflicts.cc
//   conflicts_static.cc dns.cc
//
// Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LINT_LINT_H_
#define BULKHEAD_CONTROLPLANE_LINT_LINT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/inventory.h"

namespace bulkhead::lint {

enum class Severity : uint8_t { kInfo, kWarning, kError };
const char* SeverityName(Severity severity);
std::optional<Severity> ParseSeverity(std::string_view name);

// A connection that shows what a finding says. from, to: "shop/web-0", "host", or an address.
struct Witness {
  std::string from, to;
  // Which of the workload's addresses it is; none when it has none. Of "host" and of an address: that.
  std::optional<IpAddress> source, destination;
  uint8_t protocol = kProtoTcp;
  uint16_t port = 0;  // 0: the protocol has none

  std::string Text() const;  // "shop/web-0 -> shop/db-0 5432/tcp"
};

struct Finding {
  Severity severity = Severity::kWarning;
  std::string check;   // "shadowed-rule"
  std::string policy;  // as PolicyRef
  std::string rule;    // "ingress[1]"; empty: the whole policy
  SourcePos pos;
  std::string message;
  std::optional<SourcePos> related;  // of what the message speaks of
  std::optional<Witness> witness;
};

// One workload as policy sees it.
struct LintWorkload {
  std::string name;  // "shop/web-0"
  std::string ns;
  Labels labels;  // of its identity
  std::vector<IpAddress> addresses;
  std::vector<NamedPort> named_ports;
  bool host_network = false;  // it is node traffic: no selector matches it
  std::string via;            // the workload whose network namespace it shares: it has no traffic of its own
};

// Who lives there.
struct LintWorld {
  std::map<std::string, Labels> namespaces;  // those declared
  std::vector<KnownNode> nodes;
  std::vector<IpAddress> host_addresses;
  std::vector<LintWorkload> workloads;
};
LintWorld WorldOf(const Inventory& inventory);

inline constexpr size_t kMaxFindings = 1000;

struct Report {
  std::vector<Finding> findings;     // by file and position; the most severe kMaxFindings of them
  std::array<size_t, 3> counts = {};  // [severity], of all that were found
  size_t omitted() const { return counts[0] + counts[1] + counts[2] - findings.size(); }
};

struct Options {
  PolicyOptions policy;
  // Which policies to report on; the others only count. Empty: all.
  std::function<bool(const Policy&)> about;
};

// world null: only what holds whoever lives there. A world or documents too large to judge in bounded time: an info says so.
Report Lint(const PolicyDocuments& documents, const LintWorld* world, const Options& options = {});

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_LINT_H_
