// SPDX-License-Identifier: Apache-2.0
// Selectors that mean something in every Kubernetes cluster and nothing on a host that runs containers without it.
#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "controlplane/identity/service_name.h"
#include "controlplane/lint/checks.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::lint {
namespace {

constexpr auto kDnsNames = std::to_array<std::string_view>({"kube-dns", "coredns", "node-local-dns", "CoreDNS"});
constexpr auto kDnsKeys = std::to_array<std::string_view>({"k8s-app", "app.kubernetes.io/name", "app", "name"});
// Namespaces that a cluster or its usual add-ons bring along.
constexpr auto kClusterNamespaces = std::to_array<std::string_view>(
    {"kube-system", "kube-public", "kube-node-lease", "ingress-nginx", "nginx-ingress", "traefik", "istio-system", "linkerd",
     "cert-manager", "calico-system", "cilium", "metallb-system", "longhorn-system", "openshift-ingress", "openshift-dns"});
constexpr auto kObservers = std::to_array<std::string_view>({"monitoring", "prometheus", "observability", "logging"});

constexpr char kDnsHint[] =
    "Docker answers names within the container's own network namespace (127.0.0.11), which no policy sees, and asks the host's "
    "resolvers from there: allow 53/UDP and 53/TCP to their addresses by ipBlock, as `bulkhead learn propose` writes it, or to the "
    "labels of the container that answers";
constexpr char kOtherHint[] = "select what has that part here by its own namespace (the Compose project) and labels";

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The values that the selector asks for under that key.
std::vector<std::string> Wanted(const LabelSelector* selector, std::string_view key) {
  std::vector<std::string> out;
  if (!selector) return out;
  if (const auto label = selector->match_labels.find(std::string(key)); label != selector->match_labels.end()) {
    out.push_back(label->second);
  }
  for (const LabelRequirement& requirement : selector->match_expressions) {
    if (requirement.key == key && requirement.op == LabelRequirement::Op::kIn) {
      out.insert(out.end(), requirement.values.begin(), requirement.values.end());
    }
  }
  return out;
}

// Keys that must be there.
std::vector<std::string> Required(const LabelSelector* selector) {
  std::vector<std::string> out;
  if (!selector) return out;
  for (const auto& [key, value] : selector->match_labels) out.push_back(key);
  for (const LabelRequirement& requirement : selector->match_expressions) {
    const bool needs = requirement.op == LabelRequirement::Op::kIn || requirement.op == LabelRequirement::Op::kExists;
    if (needs) out.push_back(requirement.key);
  }
  return out;
}

// Labels that differ between the replicas of one service are no part of who they are.
std::optional<Habit> ReplicaLabel(const LabelSelector* pods) {
  for (const std::string& key : Required(pods)) {
    if (!SecurityLabels({{key, ""}}).empty()) continue;
    return Habit{Habit::Kind::kNever,
                 absl::StrCat("label ", key, " differs between replicas or roll-outs of one service, so it is no part of its identity"),
                 "select by a label that all replicas keep, such as app"};
  }
  return std::nullopt;
}

std::optional<Habit> ClusterDns(const LabelSelector* pods, const char* hint) {
  for (const std::string_view key : kDnsKeys) {
    for (const std::string& value : Wanted(pods, key)) {
      if (!IsOneOf(kDnsNames, value)) continue;
      return Habit{Habit::Kind::kCluster, absl::StrCat(std::string(key), "=", value, " is a cluster's DNS"), hint};
    }
  }
  return std::nullopt;
}

std::optional<Habit> ClusterNamespace(const LabelSelector* namespaces, bool egress) {
  for (const std::string_view key : {std::string_view(kNamespaceNameLabel), std::string_view("name")}) {
    for (const std::string& value : Wanted(namespaces, key)) {
      // What is wanted of it is mostly DNS.
      const char* const hint = egress && value == "kube-system" ? kDnsHint : kOtherHint;
      if (IsOneOf(kClusterNamespaces, value)) {
        return Habit{Habit::Kind::kCluster, absl::StrCat("namespace ", value, " is one of a Kubernetes cluster"), hint};
      }
      if (IsOneOf(kObservers, value)) {
        return Habit{Habit::Kind::kCustom, absl::StrCat("a namespace ", value, " is a custom of Kubernetes clusters"), hint};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Habit> FindHabit(const LabelSelector* namespaces, const LabelSelector* pods, bool egress) {
  if (const auto replica = ReplicaLabel(pods)) return replica;
  if (const auto dns = ClusterDns(pods, egress ? kDnsHint : kOtherHint)) return dns;
  return ClusterNamespace(namespaces, egress);
}

}  // namespace bulkhead::lint
