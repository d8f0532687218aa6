// SPDX-License-Identifier: Apache-2.0
// Policy documents as values: what the parser yields, the compiler and the evaluator read, and learning emits. One shape for all
// kinds, so that each pass reads one kind of rule:
//   NetworkPolicy                                      networking.k8s.io/v1          (Kubernetes API reference, "NetworkPolicySpec")
//   ClusterNetworkPolicy                               policy.networking.k8s.io/v1alpha2
//   AdminNetworkPolicy, BaselineAdminNetworkPolicy     policy.networking.k8s.io/v1alpha1
#ifndef BULKHEAD_MODEL_POLICY_H_
#define BULKHEAD_MODEL_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

struct LabelRequirement {
  enum class Op : uint8_t { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Op op = Op::kIn;
  std::vector<std::string> values;  // kIn, kNotIn: at least one; else empty

  bool operator==(const LabelRequirement&) const = default;
};

// All requirements must hold; an empty selector matches everything.
struct LabelSelector {
  Labels match_labels;
  std::vector<LabelRequirement> match_expressions;

  bool operator==(const LabelSelector&) const = default;
};

struct IpBlock {
  Prefix cidr;
  std::vector<Prefix> except;  // each a strict subset of cidr

  auto operator<=>(const IpBlock&) const = default;
};

// Exactly one of: selectors (one or both), ip_block, node_selector, networks, domain_names.
// pod_selector alone: pods of the policy's own namespace, which only a NetworkPolicy has. The peers `namespaces` and `pods` of the
// other kinds always have namespace_selector; `namespaces` has no pod_selector.
struct PolicyPeer {
  std::optional<LabelSelector> pod_selector;
  std::optional<LabelSelector> namespace_selector;
  std::optional<IpBlock> ip_block;             // NetworkPolicy
  std::optional<LabelSelector> node_selector;  // the others, egress: any address of a Node that it selects
  std::vector<Prefix> networks;                // the others, egress: any of them
  std::vector<std::string> domain_names;       // the others, egress: parsed, refused by the compiler
  SourcePos pos;

  bool operator==(const PolicyPeer&) const = default;
};

// name empty and first == 0: every port of the protocol. Else the range first..last, or the port that the destination names so.
// protocol 0: any; only with a name, and never in a NetworkPolicy.
struct PolicyPort {
  uint8_t protocol = kProtoTcp;
  uint16_t first = 0;
  uint16_t last = 0;
  std::string name;
  SourcePos pos;

  bool operator==(const PolicyPort&) const = default;
};

// kAccept is "Accept" of a ClusterNetworkPolicy, "Allow" of the v1alpha1 kinds, and every rule of a NetworkPolicy.
enum class RuleAction : uint8_t { kAccept, kDeny, kPass };

// peers empty: any peer (NetworkPolicy only). ports empty: any protocol and port.
struct PolicyRule {
  RuleAction action = RuleAction::kAccept;
  std::string name;  // optional; never in a NetworkPolicy
  std::vector<PolicyPeer> peers;
  std::vector<PolicyPort> ports;
  SourcePos pos;

  bool operator==(const PolicyRule&) const = default;
};

enum class PolicyKind : uint8_t { kNetworkPolicy, kClusterNetworkPolicy, kAdminNetworkPolicy, kBaselineAdminNetworkPolicy };
inline const char* PolicyKindName(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kNetworkPolicy: return "NetworkPolicy";
    case PolicyKind::kClusterNetworkPolicy: return "ClusterNetworkPolicy";
    case PolicyKind::kAdminNetworkPolicy: return "AdminNetworkPolicy";
    case PolicyKind::kBaselineAdminNetworkPolicy: return "BaselineAdminNetworkPolicy";
  }
  return "";
}

// In the order in which they are asked.
enum class Tier : uint8_t { kAdmin, kNetworkPolicy, kBaseline, kDefault };
inline const char* TierName(Tier tier) {
  switch (tier) {
    case Tier::kAdmin: return "Admin";
    case Tier::kNetworkPolicy: return "NetworkPolicy";
    case Tier::kBaseline: return "Baseline";
    case Tier::kDefault: return "default";
  }
  return "";
}

struct Policy {
  PolicyKind kind = PolicyKind::kNetworkPolicy;
  Tier tier = Tier::kNetworkPolicy;  // kAdmin, kNetworkPolicy or kBaseline
  // Within the tier, ascending; equal ones by kind, then name. BaselineAdminNetworkPolicy: after every priority (kLastPriority).
  int priority = 0;
  std::string ns;  // empty: not in a namespace
  std::string name;
  Labels labels;
  Labels annotations;
  // Annotation bulkhead.dev/mode: audit. Its denials are reported and never drop; they decide nothing, so what comes after them is
  // still asked. What it allows, it allows.
  bool audit = false;
  // Whom it is about: in a namespace, the pods of it that pod_selector matches; else the pods that pod_selector matches in the
  // namespaces that namespace_selector matches. subject_is_pods: the document says `pods`, not `namespaces`.
  LabelSelector pod_selector;
  LabelSelector namespace_selector;
  bool subject_is_pods = false;
  // A NetworkPolicy: policyTypes after defaulting. The others isolate nobody; they judge a direction that has rules.
  bool isolates_ingress = false;
  bool isolates_egress = false;
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;
  SourcePos pos;

  const std::vector<PolicyRule>& rules(Direction direction) const { return direction == Direction::kIngress ? ingress : egress; }
  // Whether it has a say in the direction, for those whom it is about.
  bool Judges(Direction direction) const {
    if (kind != PolicyKind::kNetworkPolicy) return !rules(direction).empty();
    return direction == Direction::kIngress ? isolates_ingress : isolates_egress;
  }

  bool operator==(const Policy&) const = default;
};

inline constexpr int kLastPriority = 1001;
inline constexpr char kModeAnnotation[] = "bulkhead.dev/mode";

// Names a policy in every message, rule key and table: "shop/db"; "cnp:guard", "anp:guard", "banp:default". A colon is in no name.
inline std::string PolicyRef(PolicyKind kind, const std::string& ns, const std::string& name) {
  switch (kind) {
    case PolicyKind::kNetworkPolicy: return ns + "/" + name;
    case PolicyKind::kClusterNetworkPolicy: return "cnp:" + name;
    case PolicyKind::kAdminNetworkPolicy: return "anp:" + name;
    case PolicyKind::kBaselineAdminNetworkPolicy: return "banp:" + name;
  }
  return name;
}
inline std::string PolicyRef(const Policy& policy) { return PolicyRef(policy.kind, policy.ns, policy.name); }

// Everything that the policy folder says, parsed and validated.
struct PolicyDocuments {
  std::vector<Policy> policies;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_POLICY_H_
