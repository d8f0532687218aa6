// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/places/places.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string PolicyText(const std::string& spec, const std::string& name = "db") {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec:\n" + spec;
}

std::vector<std::string> Errors(const std::string& text) { return ParsePolicies(text, "db.yaml").errors; }

Policy One(const std::string& text) {
  const PolicyFile file = ParsePolicies(text, "db.yaml");
  EXPECT_THAT(file.errors, IsEmpty());
  EXPECT_EQ(file.documents.policies.size(), 1u);
  return file.documents.policies.empty() ? Policy{} : file.documents.policies[0];
}

TEST(ParsePolicyTest, ReadsEveryField) {
  const Policy policy = One(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
  labels: {owner: team-a}
  annotations: {note: "any text: 5 %"}
  creationTimestamp: "2024-01-01T00:00:00Z"
  uid: 0a
  resourceVersion: "5"
  generation: 2
  managedFields: [{manager: kubectl}]
spec:
  podSelector:
    matchLabels: {app: db}
    matchExpressions:
    - {key: tier, operator: In, values: [data, cache]}
    - {key: old, operator: DoesNotExist}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}
      namespaceSelector: {}
    - ipBlock: {cidr: 10.1.2.3/8, except: [10.9.0.0/16]}
    ports:
    - {protocol: TCP, port: 5432, endPort: 5440}
    - {port: metrics}
    - {protocol: SCTP}
  egress:
  - {}
status: {}
)");
  EXPECT_EQ(policy.ns, "shop");
  EXPECT_EQ(policy.name, "db");
  EXPECT_EQ(policy.labels, (Labels{{"owner", "team-a"}}));
  EXPECT_EQ(policy.annotations.at("note"), "any text: 5 %");
  EXPECT_EQ(policy.pod_selector.match_labels, (Labels{{"app", "db"}}));
  ASSERT_EQ(policy.pod_selector.match_expressions.size(), 2u);
  EXPECT_EQ(policy.pod_selector.match_expressions[0].op, LabelRequirement::Op::kIn);
  EXPECT_THAT(policy.pod_selector.match_expressions[0].values, ElementsAre("data", "cache"));
  EXPECT_EQ(policy.pod_selector.match_expressions[1].op, LabelRequirement::Op::kDoesNotExist);
  ASSERT_EQ(policy.ingress.size(), 1u);
  const PolicyRule& rule = policy.ingress[0];
  EXPECT_EQ(rule.pos, (SourcePos{"db.yaml", 22, 5}));
  ASSERT_EQ(rule.peers.size(), 2u);
  EXPECT_TRUE(rule.peers[0].namespace_selector && rule.peers[0].pod_selector && !rule.peers[0].ip_block);
  EXPECT_EQ(rule.peers[1].ip_block->cidr.ToString(), "10.0.0.0/8");
  EXPECT_EQ(rule.peers[1].ip_block->except[0].ToString(), "10.9.0.0/16");
  ASSERT_EQ(rule.ports.size(), 3u);
  EXPECT_EQ(rule.ports[0].first, 5432);
  EXPECT_EQ(rule.ports[0].last, 5440);
  EXPECT_EQ(rule.ports[1].name, "metrics");
  EXPECT_EQ(rule.ports[1].protocol, kProtoTcp);
  EXPECT_EQ(rule.ports[2].protocol, kProtoSctp);
  EXPECT_EQ(rule.ports[2].first, 0);
  ASSERT_EQ(policy.egress.size(), 1u);
  EXPECT_TRUE(policy.egress[0].peers.empty() && policy.egress[0].ports.empty());
  EXPECT_TRUE(policy.isolates_ingress && policy.isolates_egress);
}

TEST(ParsePolicyTest, DefaultsPolicyTypes) {
  const auto types = [](const std::string& spec) {
    const Policy policy = One(PolicyText(spec));
    return std::pair(policy.isolates_ingress, policy.isolates_egress);
  };
  EXPECT_EQ(types("  podSelector: {}\n"), std::pair(true, false));
  EXPECT_EQ(types("  podSelector: {}\n  policyTypes: []\n  egress: []\n"), std::pair(true, false));
  EXPECT_EQ(types("  podSelector: {}\n  policyTypes: null\n  egress: [{}]\n"), std::pair(true, true));
  EXPECT_EQ(types("  podSelector: {}\n  policyTypes: [Egress]\n  ingress: [{}]\n"), std::pair(false, true));
  EXPECT_EQ(types("  podSelector: {}\n  policyTypes: [Ingress]\n  egress: [{}]\n"), std::pair(true, false));
}

TEST(ParsePolicyTest, EmptyAndNullMeanEverything) {
  for (const char* rule : {"{}", "{from: [], ports: []}", "{from: null, ports: }"}) {
    const Policy policy = One(PolicyText(std::string("  ingress: [") + rule + "]\n"));
    ASSERT_EQ(policy.ingress.size(), 1u);
    EXPECT_TRUE(policy.ingress[0].peers.empty() && policy.ingress[0].ports.empty()) << rule;
    EXPECT_TRUE(policy.pod_selector.match_labels.empty());
  }
}

TEST(ParsePolicyTest, NamespaceAbsentIsDefault) {
  EXPECT_EQ(One("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n").ns, "default");
}

TEST(ParsePolicyTest, ReadsDocumentsListsAndJson) {
  const std::string json = R"({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": {"podSelector": {}}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": [{"metadata": {"name": "b"}, "spec": {}}]}]})";
  const PolicyFile list = ParsePolicies(json, "l.json");
  EXPECT_THAT(list.errors, IsEmpty());
  ASSERT_EQ(list.documents.policies.size(), 2u);
  EXPECT_EQ(list.documents.policies[1].name, "b");
  const PolicyFile two =
      ParsePolicies("---\n" + PolicyText("  podSelector: {}\n", "a") + "---\n---\n" + PolicyText("  podSelector: {}\n", "b"), "f");
  EXPECT_THAT(two.errors, IsEmpty());
  EXPECT_EQ(two.documents.policies.size(), 2u);
  EXPECT_EQ(two.documents.policies[1].pos.line, 9);
  EXPECT_THAT(ParsePolicies("# nothing\n", "f").errors, IsEmpty());
}

TEST(ParsePolicyTest, NamesUnknownFields) {
  EXPECT_THAT(Errors(PolicyText("  podSelecter: {}\n")),
              ElementsAre("db.yaml:5:3: unknown field \"podSelecter\" (did you mean podSelector?)"));
  EXPECT_THAT(Errors(PolicyText("  ingress:\n  - form: []\n")),
              ElementsAre("db.yaml:6:5: unknown field \"form\" (did you mean from?)"));
  EXPECT_THAT(Errors(PolicyText("  ingress:\n  - to: []\n")), ElementsAre("db.yaml:6:5: unknown field \"to\""));
  EXPECT_THAT(Errors(PolicyText("  podSelector: {app: db}\n")), ElementsAre("db.yaml:5:17: unknown field \"app\""));
  EXPECT_THAT(Errors(PolicyText("  podSelector: {}\n") + "sepc: {}\n"),
              ElementsAre("db.yaml:6:1: unknown field \"sepc\" (did you mean spec?)"));
}

TEST(ParsePolicyTest, ReportsAllErrorsFromTopToBottom) {
  EXPECT_THAT(
      Errors(PolicyText("  ingress:\n  - from: [{}]\n    ports: [{port: 0}]\n  podSelector: 5\n", "DB")),
      ElementsAre(
          "db.yaml:3:18: metadata.name: found \"DB\", expected lower-case letters, digits, - and . with a letter or digit at "
          "each end of each part",
          "db.yaml:6:12: spec.ingress[0].from[0]: found an empty peer, expected podSelector, namespaceSelector or ipBlock",
          "db.yaml:7:20: spec.ingress[0].ports[0].port: found the number 0, expected a port from 1 to 65535 or a port's name",
          "db.yaml:8:16: spec.podSelector: found the number 5, expected a map"));
}

TEST(ParsePolicyTest, RefusesOtherKinds) {
  const std::string expected = ", expected NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy";
  EXPECT_THAT(Errors("apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\n"),
              ElementsAre("db.yaml:2:7: kind: found \"NetworkPolcy\"" + expected + " (did you mean NetworkPolicy?)"));
  EXPECT_THAT(
      Errors("apiVersion: networking.k8s.io/v1\nkind: ClusterNetworkPolicie\n"),
      ElementsAre("db.yaml:2:7: kind: found \"ClusterNetworkPolicie\"" + expected + " (did you mean ClusterNetworkPolicy?)"));
  EXPECT_THAT(Errors("apiVersion: v1\nkind: list\n"),
              ElementsAre("db.yaml:2:7: kind: found \"list\"" + expected + " (did you mean List?)"));
  EXPECT_THAT(Errors("apiVersion: v1\nkind: Pod\n"), ElementsAre("db.yaml:2:7: kind: found \"Pod\"" + expected));
  EXPECT_THAT(
      Errors("apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n"),
      ElementsAre("db.yaml:1:13: apiVersion: found \"extensions/v1beta1\", expected networking.k8s.io/v1 for a NetworkPolicy"));
  EXPECT_THAT(Errors("apiVersion: v2\nkind: List\n"),
              ElementsAre("db.yaml:1:13: apiVersion: found \"v2\", expected v1 for a List"));
  EXPECT_THAT(Errors("a: b\n"), ElementsAre("db.yaml:1:1: apiVersion: found nothing, expected a string",
                                            "db.yaml:1:1: kind: found nothing, expected a string"));
  EXPECT_THAT(Errors("- a\n"), ElementsAre("db.yaml:1:1: found a list, expected an object with apiVersion and kind"));
  EXPECT_THAT(Errors("kind: List\napiVersion: v1\nitems: {}\n"),
              ElementsAre("db.yaml:3:8: List.items: found a map, expected a list"));
}

TEST(ParsePolicyTest, ReadsTheModeOfAPolicy) {
  const auto with = [](const std::string& annotations) {
    return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: a\n  annotations: " + annotations + "\n";
  };
  EXPECT_FALSE(One(with("{note: audit}")).audit);
  EXPECT_TRUE(One(with("{bulkhead.dev/mode: audit}")).audit);
  for (const char* bad : {"enforce", "learn", "Audit", "''"}) {
    const std::string found = std::string(bad) == "''" ? "" : bad;
    EXPECT_THAT(Errors(with("{bulkhead.dev/mode: " + std::string(bad) + "}")),
                ElementsAre("db.yaml:5:36: metadata.annotations[\"bulkhead.dev/mode\"]: found \"" + found +
                            "\", expected audit, the only mode of a policy"));
  }
  EXPECT_THAT(
      Errors(with("{bulkhead.dev/mode: }")),
      ElementsAre("db.yaml:5:36: metadata.annotations[\"bulkhead.dev/mode\"]: found \"\", expected audit, the only mode of a "
                  "policy"));
  EXPECT_THAT(
      Errors(with("{bulkhead.dev/mode: true}")),
      ElementsAre("db.yaml:5:36: metadata.annotations[\"bulkhead.dev/mode\"]: found the bool true, expected a string (write it "
                  "in quotes)"));
}

struct BadSpec {
  const char* spec;
  const char* error;
};

class BadSpecTest : public ::testing::TestWithParam<BadSpec> {};

TEST_P(BadSpecTest, HasOneExactError) { EXPECT_THAT(Errors(PolicyText(GetParam().spec)), ElementsAre(GetParam().error)); }

INSTANTIATE_TEST_SUITE_P(
    Policies, BadSpecTest,
    ::testing::Values(
        BadSpec{"  policyTypes: [ingress]\n",
                "db.yaml:5:17: spec.policyTypes: found the string \"ingress\", expected Ingress or Egress"},
        BadSpec{"  ingress: [null]\n", "db.yaml:5:13: spec.ingress[0]: found nothing, expected a map"},
        BadSpec{"  ingress: {}\n", "db.yaml:5:12: spec.ingress: found a map, expected a list"},
        BadSpec{"  podSelector: {matchLabels: {app: 5}}\n",
                "db.yaml:5:36: spec.podSelector.matchLabels[\"app\"]: found the number 5, expected a string (write it in quotes)"},
        BadSpec{"  podSelector: {matchLabels: {\"a b\": c}}\n",
                "db.yaml:5:31: spec.podSelector.matchLabels: found \"a b\", expected letters, digits, -, _ and . that begin and "
                "end with a "
                "letter or digit"},
        BadSpec{"  podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}\n",
                "db.yaml:5:55: spec.podSelector.matchExpressions[0].operator: found \"in\", expected In, NotIn, Exists or "
                "DoesNotExist (did "
                "you mean In?)"},
        BadSpec{"  podSelector: {matchExpressions: [{key: a, operator: In}]}\n",
                "db.yaml:5:36: spec.podSelector.matchExpressions[0]: found no values, expected at least one for the operator In"},
        BadSpec{
            "  podSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}\n",
            "db.yaml:5:36: spec.podSelector.matchExpressions[0]: found no values, expected at least one for the operator NotIn"},
        BadSpec{"  podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}\n",
                "db.yaml:5:71: spec.podSelector.matchExpressions[0].values: found values, expected none for the operator Exists"},
        BadSpec{"  podSelector: {matchExpressions: [{operator: Exists}]}\n",
                "db.yaml:5:36: spec.podSelector.matchExpressions[0]: required field \"key\" is missing"},
        BadSpec{"  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]\n",
                "db.yaml:5:38: spec.ingress[0].from[0].ipBlock.cidr: found the string \"10.0.0.0\", expected a CIDR such as "
                "10.0.0.0/8 or "
                "2001:db8::/32"},
        BadSpec{"  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]\n",
                "db.yaml:5:38: spec.ingress[0].from[0].ipBlock.cidr: found the string \"10.0.0.0/33\", expected a CIDR such as "
                "10.0.0.0/8 or "
                "2001:db8::/32"},
        BadSpec{"  ingress: [{from: [{ipBlock: {except: []}}]}]\n",
                "db.yaml:5:31: spec.ingress[0].from[0].ipBlock: required field \"cidr\" is missing"},
        BadSpec{
            "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]\n",
            "db.yaml:5:59: spec.ingress[0].from[0].ipBlock.except[0]: found 10.0.0.0/8, expected a strict subset of 10.0.0.0/8"},
        BadSpec{"  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['::/0']}}]}]\n",
                "db.yaml:5:59: spec.ingress[0].from[0].ipBlock.except[0]: found ::/0, expected a strict subset of 10.0.0.0/8"},
        BadSpec{"  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]\n",
                "db.yaml:5:21: spec.ingress[0].from[0]: found ipBlock together with a selector, expected one of them"},
        BadSpec{"  ingress: [{from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]}]\n",
                "db.yaml:5:38: spec.ingress[0].from[0].ipBlock.cidr: found ::ffff:10.0.0.0/104, expected the IPv4 CIDR that it "
                "stands for"},
        BadSpec{"  egress: [{ports: [{protocol: tcp}]}]\n",
                "db.yaml:5:32: spec.egress[0].ports[0].protocol: found \"tcp\", expected TCP, UDP or SCTP"},
        BadSpec{"  egress: [{ports: [{protocol: ICMP}]}]\n",
                "db.yaml:5:32: spec.egress[0].ports[0].protocol: found \"ICMP\", expected TCP, UDP or SCTP"},
        BadSpec{
            "  egress: [{ports: [{port: 65536}]}]\n",
            "db.yaml:5:28: spec.egress[0].ports[0].port: found the number 65536, expected a port from 1 to 65535 or a port's name"},
        BadSpec{
            "  egress: [{ports: [{port: 1.5}]}]\n",
            "db.yaml:5:28: spec.egress[0].ports[0].port: found the number 1.5, expected a port from 1 to 65535 or a port's name"},
        BadSpec{
            "  egress: [{ports: [{port: '80'}]}]\n",
            "db.yaml:5:28: spec.egress[0].ports[0].port: found the string \"80\", expected a port number, or a name of at most 15 "
            "lower-case letters, digits and single -, with a letter in it"},
        BadSpec{"  egress: [{ports: [{port: 80, endPort: 79}]}]\n",
                "db.yaml:5:41: spec.egress[0].ports[0].endPort: found 79, expected at least the port 80"},
        BadSpec{"  egress: [{ports: [{endPort: 79}]}]\n",
                "db.yaml:5:31: spec.egress[0].ports[0].endPort: found an end without a number to begin at, expected port to be a "
                "number"},
        BadSpec{"  egress: [{ports: [{port: http, endPort: 79}]}]\n",
                "db.yaml:5:43: spec.egress[0].ports[0].endPort: found an end without a number to begin at, expected port to be a "
                "number"},
        BadSpec{"  egress: [{ports: [{port: 80, endPort: 70000}]}]\n",
                "db.yaml:5:41: spec.egress[0].ports[0].endPort: found the number 70000, expected a whole number from 1 to 65535"}));

TEST(PolicyFilesTest, SecondObjectOfOneNameIsRefused) {
  std::vector<PolicyFile> files = {
      ParsePolicies(PolicyText("  podSelector: {}\n"), "a.yaml"),
      ParsePolicies(PolicyText("  podSelector: {}\n", "web") + "---\n" + PolicyText("  podSelector: {}\n"), "b.yaml")};
  RefuseDuplicates(&files);
  EXPECT_THAT(files[0].errors, IsEmpty());
  EXPECT_THAT(files[1].errors, ElementsAre("b.yaml:7:1: found a second NetworkPolicy shop/db, the first is at a.yaml:1:1"));
  EXPECT_EQ(JoinPolicies(files).policies.size(), 2u);
}

TEST(PolicyFilesTest, OneNameMayBeOfTwoKindsButNotTwiceOfOne) {
  const std::string spec = "metadata: {name: guard}\nspec: {priority: 1, subject: {namespaces: {}}}\n";
  const std::string anp = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n" + spec;
  const std::string cnp =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
      "metadata: {name: guard}\nspec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n";
  std::vector<PolicyFile> files = {ParsePolicies(anp + "---\n" + cnp, "a.yaml"), ParsePolicies(cnp, "b.yaml")};
  EXPECT_THAT(files[0].errors, IsEmpty());
  RefuseDuplicates(&files);
  EXPECT_THAT(files[0].errors, IsEmpty());
  EXPECT_THAT(files[1].errors, ElementsAre("b.yaml:1:1: found a second ClusterNetworkPolicy guard, the first is at a.yaml:6:1"));
  EXPECT_EQ(JoinPolicies(files).policies.size(), 2u);
}

TEST(PolicyFilesTest, LoadsAFolderButNotBelow) {
  const auto files = LoadPolicies(SourcePath("tests/data/shop/policies"));
  ASSERT_TRUE(files.ok());
  std::vector<std::string> names;
  for (const PolicyFile& file : *files) {
    EXPECT_THAT(file.errors, IsEmpty());
    names.push_back(file.file.substr(file.file.rfind('/') + 1));
  }
  EXPECT_THAT(names, ElementsAre("api.yaml", "cart.json", "data.yaml", "default-deny.yaml", "monitoring.yml", "web.yaml"));
  EXPECT_EQ(LoadPolicies(SourcePath("tests/data/shop"))->size(), 2u);
  EXPECT_EQ(LoadPolicies("/nonexistent").status().message(), "/nonexistent: no such file or folder");
}

}  // namespace
}  // namespace bulkhead
