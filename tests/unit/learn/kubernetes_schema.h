// SPDX-License-Identifier: Apache-2.0
// What a Kubernetes API server checks of a networking.k8s.io/v1 NetworkPolicy, written down from the API reference
// (NetworkPolicySpec, LabelSelector, ObjectMeta) and from the rules for names in it (RFC 1123, RFC 6335), and not from the product's
// own parser: it is what a proposal is held against.
#ifndef BULKHEAD_TESTS_UNIT_LEARN_KUBERNETES_SCHEMA_H_
#define BULKHEAD_TESTS_UNIT_LEARN_KUBERNETES_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::learn {

// Every mistake of every document in the text: "spec.ingress[0].ports[1].endPort: ..."; empty: a cluster takes it.
std::vector<std::string> CheckAgainstKubernetes(std::string_view yaml);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_TESTS_UNIT_LEARN_KUBERNETES_SCHEMA_H_
