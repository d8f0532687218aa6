// SPDX-License-Identifier: Apache-2.0
// The schema check itself: what a cluster takes passes, and each kind of mistake is found.
#include "tests/unit/learn/kubernetes_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace bulkhead::learn {
namespace {

constexpr char kGood[] = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: db
  policyTypes:
  - Ingress
  - Egress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: web
      namespaceSelector:
        matchExpressions:
        - key: team
          operator: In
          values: [a]
    - ipBlock:
        cidr: 198.18.0.0/24
        except: [198.18.0.1/32]
    ports:
    - protocol: TCP
      port: 5432
      endPort: 5440
    - protocol: UDP
      port: dns-tcp
)";

std::vector<std::string> With(const char* old, const char* replacement) {
  const std::string text = absl::StrReplaceAll(kGood, {{old, replacement}});
  EXPECT_NE(text, kGood) << old;
  return CheckAgainstKubernetes(text);
}

TEST(KubernetesSchema, TakesWhatAClusterTakes) {
  EXPECT_THAT(CheckAgainstKubernetes(kGood), testing::ElementsAre());
  EXPECT_THAT(CheckAgainstKubernetes(absl::StrCat(kGood, "---\n", kGood)), testing::ElementsAre());
}

TEST(KubernetesSchema, FindsEachMistake) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"networking.k8s.io/v1", "networking.k8s.io/v2"},
      {"kind: NetworkPolicy", "kind: Networkpolicy"},
      {"name: db\n  namespace", "name: Db\n  namespace"},
      {"name: db\n  namespace", "name: -db\n  namespace"},
      {"name: db\n  namespace", "title: db\n  namespace"},
      {"namespace: shop", "namespace: my.shop"},
      {"name: db\n", "name: yes\n"},
      {"/name: db", "/name: d b"},
      {"/name: db", "/name: 12"},
      {"app.kubernetes.io/name", "app.Kubernetes.io/name"},
      {"app: web", "a/b/app: web"},
      {"app: web", "app: [web]"},
      {"app: web", "app: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"},
      {"operator: In", "operator: Is"},
      {"operator: In", "operator: Exists"},
      {"values: [a]", "values: []"},
      {"- Egress", "- Both"},
      {"- Egress", "- Ingress"},
      {"198.18.0.0/24", "198.18.0.0"},
      {"198.18.0.0/24", "198.18.0.5/24"},
      {"198.18.0.0/24", "198.18.0.0/33"},
      {"198.18.0.1/32", "198.18.1.1/32"},
      {"198.18.0.1/32", "198.18.0.0/24"},
      {"protocol: TCP", "protocol: tcp"},
      {"port: 5432", "port: 0"},
      {"port: 5432", "port: 65536"},
      {"port: 5432", "port: \"5432\""},
      {"endPort: 5440", "endPort: 5431"},
      {"port: dns-tcp", "port: dns--tcp"},
      {"port: dns-tcp", "port: a-name-of-sixteen"},
      {"port: dns-tcp", "port: dns-tcp\n      endPort: 60"},
      {"ports:", "port:"},
      {"    - ipBlock:", "    - podSelector: {}\n      ipBlock:"},
      {"  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: db\n", ""},
  };
  for (const auto& [old, replacement] : mistakes) EXPECT_THAT(With(old, replacement), testing::Not(testing::ElementsAre())) << replacement;
}

}  // namespace
}  // namespace bulkhead::learn
