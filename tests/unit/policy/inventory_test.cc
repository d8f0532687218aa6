// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/inventory.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InventoryTest : public ::testing::Test {
 protected:
  Inventory Parse(const std::string& text) { return ParseInventory({{"i.yaml", text}}, &errors_); }
  static std::vector<std::string> Names(const Inventory& inventory) {
    std::vector<std::string> names;
    for (const InventoryWorkload& workload : inventory.workloads) names.push_back(workload.ns + "/" + workload.name);
    return names;
  }

  std::vector<std::string> errors_;
};

std::string Controller(const std::string& kind, const std::string& name, const std::string& spec) {
  return "---\napiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: shop}\nspec: {" + spec +
         "template: {metadata: {labels: {app: " + name + "}}}}\n";
}

TEST_F(InventoryTest, ReadsPodsWithAddressesAndPorts) {
  const Inventory inventory = Parse(R"(
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}, anything: {}}
spec:
  nodeName: n
  containers:
  - name: db
    ports: [{name: sql, containerPort: 5432}, {containerPort: 80}, {name: dns, containerPort: 53, protocol: UDP}]
    unknown: true
status: {podIP: 198.18.0.1, podIPs: [{ip: 198.18.0.1}, {ip: "fd00::1"}], hostIP: 198.18.9.9}
)");
  EXPECT_THAT(errors_, IsEmpty());
  ASSERT_EQ(inventory.workloads.size(), 1u);
  const InventoryWorkload& pod = inventory.workloads[0];
  EXPECT_EQ(pod.labels, (Labels{{"app", "db"}}));
  EXPECT_THAT(pod.addresses, ElementsAre(IpAddress::V4(198, 18, 0, 1), *IpAddress::Parse("fd00::1")));
  EXPECT_THAT(pod.named_ports, ElementsAre(NamedPort{"dns", kProtoUdp, 53}, NamedPort{"sql", kProtoTcp, 5432}));
  EXPECT_EQ(pod.node, "n");
  EXPECT_FALSE(pod.host_network);
}

TEST_F(InventoryTest, NumbersReplicas) {
  const Inventory inventory = Parse(Controller("Deployment", "web", "replicas: 2, ") + Controller("StatefulSet", "db", "") +
                                    Controller("ReplicaSet", "none", "replicas: 0, "));
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_THAT(Names(inventory), ElementsAre("shop/web-0", "shop/web-1", "shop/db-0"));
  EXPECT_EQ(inventory.workloads[1].labels, (Labels{{"app", "web"}}));
  EXPECT_EQ(inventory.workloads[1].owner, "web");
}

TEST_F(InventoryTest, DaemonSetsHaveOnePodForEachNode) {
  EXPECT_THAT(Names(Parse(Controller("DaemonSet", "agent", ""))), ElementsAre("shop/agent-0"));
  const std::string nodes =
      "---\n{apiVersion: v1, kind: Node, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Node, metadata: {name: b}}\n";
  const Inventory inventory = Parse(Controller("DaemonSet", "agent", "") + nodes);  // nodes may come later
  EXPECT_THAT(Names(inventory), ElementsAre("shop/agent-0", "shop/agent-1"));
  EXPECT_EQ(inventory.workloads[1].node, "b");
}

TEST_F(InventoryTest, PodDocumentsWinOverReplicas) {
  const Inventory inventory =
      Parse(Controller("StatefulSet", "db", "replicas: 2, ") +
            "---\n{apiVersion: v1, kind: Pod, metadata: {name: db-0, namespace: shop, labels: {app: special}}}\n");
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_THAT(inventory.warnings, IsEmpty());
  EXPECT_THAT(Names(inventory), ElementsAre("shop/db-0", "shop/db-1"));
  EXPECT_EQ(inventory.workloads[0].labels.at("app"), "special");
}

TEST_F(InventoryTest, ReplicasOfOneNameAreAWarning) {
  const Inventory inventory = Parse(Controller("StatefulSet", "db", "") + Controller("Deployment", "db", ""));
  EXPECT_THAT(
      inventory.warnings,
      ElementsAre("i.yaml:7:1: warning: shop/db-0 of this Deployment is left out, another controller's replica has that name"));
  EXPECT_EQ(inventory.workloads.size(), 1u);
}

TEST_F(InventoryTest, ReadsNamespacesNodesAndLists) {
  const Inventory inventory = Parse(R"({"apiVersion": "v1", "kind": "List", "extra": 1, "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "x"}}},
    {"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "n"}, "status": {"addresses": [
      {"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "198.18.0.1"},
      {"type": "ExternalIP", "address": "fd00::1"}]}}]}]})");
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(inventory.namespaces.at("shop"), (Labels{{"team", "x"}}));
  ASSERT_EQ(inventory.nodes.size(), 1u);
  EXPECT_THAT(inventory.nodes[0].addresses, ElementsAre(IpAddress::V4(198, 18, 0, 1), *IpAddress::Parse("fd00::1")));
}

TEST_F(InventoryTest, UnknownKindsAreWarnings) {
  const Inventory inventory = Parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n");
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_THAT(inventory.warnings, ElementsAre("i.yaml:1:1: warning: the kind \"ConfigMap\" is not read"));
}

TEST_F(InventoryTest, ReportsWhatIsWrong) {
  Parse(
      "{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {podIP: 1.2.3}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: "
      "a}}\n"
      "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: -1}}\n---\n{apiVersion: v1, kind: "
      "Pod}\n");
  EXPECT_THAT(errors_, ElementsAre("i.yaml:1:66: status.podIP: found the string \"1.2.3\", expected an IP address",
                                   "i.yaml:3:1: found a second Pod default/a, the first is at i.yaml:1:1",
                                   "i.yaml:5:79: spec.replicas: found the number -1, expected a whole number from 0 to 200000",
                                   "i.yaml:7:1: Pod: required field \"metadata.name\" is missing"));
}

TEST_F(InventoryTest, BoundsTheNumberOfWorkloads) {
  Parse(Controller("Deployment", "a", "replicas: 200000, ") + Controller("Deployment", "b", "replicas: 1, "));
  EXPECT_THAT(errors_, ElementsAre("i.yaml:7:1: found more than 200000 workloads"));
}

}  // namespace
}  // namespace bulkhead
