// SPDX-License-Identifier: Apache-2.0
// The text itself: what others read, by their own YAML.
#include "controlplane/policy/print.h"

#include "controlplane/policy/print_writer.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/tier_text.h"

namespace bulkhead {
namespace {

TEST(PrintTest, ClusterNetworkPolicy) {
  Policy policy = OneTier(
      Cnp("ingress: [{name: 'a: b', action: Accept, from: [{namespaces: {}}, {pods: {podSelector: {matchLabels: {app: a}}}}], "
          "protocols: [{tcp: {destinationPort: {number: 80}}}, {sctp: {destinationPort: {range: {start: 1, end: 9}}}}, "
          "{destinationNamedPort: web}]}], "
          "egress: [{action: Pass, to: [{nodes: {}}, {networks: [10.0.0.0/8, '::/0']}]}, "
          "{action: Accept, to: [{domainNames: ['*.a.b', a.b]}]}]"));
  PolicyComments comments;
  comments.policy = {"one\ntwo"};
  comments.rules[{Direction::kEgress, 1}] = {"the second\xc2\x85"};
  EXPECT_EQ(PrintPolicy(policy, comments), R"(# one two
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: guard
spec:
  tier: Admin
  priority: 5
  subject:
    namespaces: {}
  ingress:
  - name: "a: b"
    action: Accept
    from:
    - namespaces: {}
    - pods:
        namespaceSelector: {}
        podSelector:
          matchLabels:
            app: a
    protocols:
    - tcp:
        destinationPort:
          number: 80
    - sctp:
        destinationPort:
          range:
            start: 1
            end: 9
    - destinationNamedPort: web
  egress:
  - action: Pass
    to:
    - nodes: {}
    - networks:
      - "10.0.0.0/8"
      - "::/0"
  # the second??
  - action: Accept
    to:
    - domainNames:
      - "*.a.b"
      - a.b
)");
}

TEST(PrintTest, AdminNetworkPolicies) {
  const std::string rules =
      "ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {protocol: UDP, port: 53}}, "
      "{portRange: {start: 1, end: 9}}, {namedPort: web}]}]";
  const std::string ingress = R"(  ingress:
  - action: Allow
    from:
    - namespaces: {}
    ports:
    - portNumber:
        protocol: UDP
        port: 53
    - portRange:
        protocol: TCP
        start: 1
        end: 9
    - namedPort: web
)";
  Policy admin = OneTier(Anp(rules));
  admin.subject_is_pods = true;
  EXPECT_EQ(PrintPolicy(admin), R"(apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata:
  name: guard
spec:
  priority: 5
  subject:
    pods:
      namespaceSelector: {}
      podSelector: {}
)" + ingress);
  EXPECT_EQ(PrintPolicy(OneTier(Banp(rules))), R"(apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata:
  name: default
spec:
  subject:
    namespaces: {}
)" + ingress);
}

TEST(PrintTest, ScalarsAreStringsToEveryYaml) {
  for (const char* plain : {"a", "web-1", "kubernetes.io/name", "A_b", "nope", "yesterday"}) EXPECT_EQ(YamlScalar(plain), plain);
  for (const char* quoted :
       {"", "1", "1e3", "0x1f", "-a", "true", "No", "on", "null", "Y", "n", "~", "a b", "a:", "::/0", "*", "{}"}) {
    EXPECT_EQ(YamlScalar(quoted), std::string("\"") + quoted + "\"");
  }
  EXPECT_EQ(YamlScalar("a\"b\\c\n\x7f"), R"("a\"b\\c\x0a\x7f")");
  // NEL, LS, a C1 control, the byte order mark: line breaks to YAML 1.1, or not printable. The rest stands as it is.
  EXPECT_EQ(YamlScalar("\xc2\x85\xe2\x80\xa8\xc2\x9b\xef\xbb\xbf"), R"("\x85\u2028\x9b\ufeff")");
  EXPECT_EQ(YamlScalar("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x99"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x99\"");
}

}  // namespace
}  // namespace bulkhead
