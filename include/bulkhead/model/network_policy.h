// SPDX-License-Identifier: Apache-2.0
// Policy documents as values: what the parser yields, the compiler and the evaluator read, and learning emits.
// Shapes follow networking.k8s.io/v1 NetworkPolicy (Kubernetes API reference, "NetworkPolicySpec").
#ifndef BULKHEAD_MODEL_NETWORK_POLICY_H_
#define BULKHEAD_MODEL_NETWORK_POLICY_H_

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
};

// All requirements must hold; an empty selector matches everything.
struct LabelSelector {
  Labels match_labels;
  std::vector<LabelRequirement> match_expressions;
};

struct IpBlock {
  Prefix cidr;
  std::vector<Prefix> except;  // each a strict subset of cidr
};

// Either ip_block alone, or one or both selectors. pod_selector alone: pods of the policy's own namespace.
struct PolicyPeer {
  std::optional<LabelSelector> pod_selector;
  std::optional<LabelSelector> namespace_selector;
  std::optional<IpBlock> ip_block;
  SourcePos pos;
};

// name empty and first == 0: every port of the protocol. Else the range first..last, or the port that the destination names so.
struct PolicyPort {
  uint8_t protocol = kProtoTcp;
  uint16_t first = 0;
  uint16_t last = 0;
  std::string name;
  SourcePos pos;
};

// peers empty: any peer. ports empty: any protocol and port.
struct PolicyRule {
  std::vector<PolicyPeer> peers;
  std::vector<PolicyPort> ports;
  SourcePos pos;
};

struct NetworkPolicy {
  std::string ns;
  std::string name;
  Labels labels;
  Labels annotations;
  LabelSelector pod_selector;
  bool isolates_ingress = false;  // policyTypes after defaulting
  bool isolates_egress = false;
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;
  SourcePos pos;
};

// Everything that the policy folder says, parsed and validated.
struct PolicyDocuments {
  std::vector<NetworkPolicy> network_policies;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_NETWORK_POLICY_H_
