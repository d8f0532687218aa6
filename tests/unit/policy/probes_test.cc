// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/probes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/world.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseProbesTest, ReadsEachField) {
  std::vector<std::string> errors;
  const auto probes = ParseProbes(
      "probes:\n- {from: shop/web-0, to: 198.18.0.1, protocol: UDP, port: 53, expect: deny}\n- {from: '::1', to: a/b, port: 1}\n"
      "- {from: a/b, to: a/b, protocol: icmp, expect: allow}\n",
      "p", &errors);
  EXPECT_THAT(errors, IsEmpty());
  ASSERT_EQ(probes.size(), 3u);
  EXPECT_EQ(probes[0].protocol, kProtoUdp);
  EXPECT_EQ(probes[0].expect_allow, false);
  EXPECT_EQ(probes[1].protocol, kProtoTcp);
  EXPECT_EQ(probes[1].expect_allow, std::nullopt);
  EXPECT_EQ(probes[2].port, 0);
}

TEST(ParseProbesTest, ReportsWhatIsWrong) {
  std::vector<std::string> errors;
  ParseProbes(
      "probes:\n- {from: web, to: a/b, port: 80}\n- {from: a/b, to: a/b, protocol: gre, port: 80}\n- {from: a/b, to: a/b}\n"
      "- {from: a/b, to: a/b, protocol: icmp, port: 1}\n- {from: a/b, to: a/b, port: 80, expect: maybe}\n"
      "- {from: a/b, to: a/b, port: 80, expected: allow}\n- {to: a/b, port: 0}\n",
      "p", &errors);
  EXPECT_THAT(errors, ElementsAre("p:2:10: from: found \"web\", expected namespace/name or an IP address",
                                  "p:3:34: protocol: found the string \"gre\", expected tcp, udp, sctp or icmp",
                                  "p:4:3: probe: required field \"port\" is missing",
                                  "p:5:46: port: found the number 1, expected none: icmp has no ports",
                                  "p:6:42: expect: found the string \"maybe\", expected allow or deny",
                                  "p:7:34: unknown field \"expected\" (did you mean expect?)",
                                  "p:8:3: probe: required field \"from\" is missing",
                                  "p:8:19: probe.port: found the number 0, expected a whole number from 1 to 65535"));
  errors.clear();
  ParseProbes("probe: []\n", "p", &errors);
  EXPECT_THAT(errors,
              ElementsAre("p:1:1: required field \"probes\" is missing", "p:1:1: unknown field \"probe\" (did you mean probes?)"));
  errors.clear();
  ParseProbes("", "p", &errors);
  EXPECT_THAT(errors, ElementsAre("p:1:1: found nothing, expected a map with the field probes"));
}

constexpr char kInventory[] = R"(
{apiVersion: v1, kind: Node, metadata: {name: n}, status: {addresses: [{type: InternalIP, address: 198.18.5.1}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: dual, namespace: shop}, status: {podIPs: [{ip: 198.18.0.1}, {ip: "fd00::1"}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: six, namespace: shop}, status: {podIP: "fd00::2"}}
---
{apiVersion: v1, kind: Pod, metadata: {name: none, namespace: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent, namespace: shop, labels: {app: agent}}, spec: {hostNetwork: true, nodeName: n},
 status: {podIP: 198.18.5.1}}
)";

constexpr char kPolicy[] = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: ";

// The verdicts of one probe: "egress / ingress".
std::string Ask(const std::string& spec, const std::string& from, const std::string& to) {
  std::vector<std::string> errors;
  const Inventory inventory = ParseInventory({{"i", kInventory}}, &errors);
  EXPECT_THAT(errors, IsEmpty());
  Probe probe;
  probe.from = from;
  probe.to = to;
  probe.port = 80;
  const auto results = RunProbes(inventory, *Documents(kPolicy + spec), {probe});
  EXPECT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(Text((*results)[0].compiled), Text((*results)[0].evaluated));
  return Text((*results)[0].compiled);
}

TEST(RunProbesTest, AWorkloadReachesItselfByNameAndAnyAddress) {
  const std::string deny = "{podSelector: {}, policyTypes: [Ingress, Egress]}\n";
  for (const char* to : {"shop/dual", "198.18.0.1", "fd00::1"}) EXPECT_EQ(Ask(deny, "shop/dual", to), "allow self / allow self");
  EXPECT_EQ(Ask(deny, "198.18.0.1", "fd00::1"), "allow self / allow self");
  EXPECT_EQ(Ask(deny, "shop/dual", "shop/six"), "deny shop/p isolated / deny shop/p isolated");
}

TEST(RunProbesTest, TheTargetsFirstAddressWhoseFamilyTheSourceHas) {
  const std::string spec =
      "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.18.0.0/16}}]}, {to: [{ipBlock: {cidr: "
      "'fd00::/16'}}]}]}\n";
  EXPECT_EQ(Ask(spec, "shop/six", "shop/dual"), "allow shop/p egress[1] / allow default");
  EXPECT_EQ(Ask(spec, "shop/dual", "shop/six"), "allow shop/p egress[1] / allow default");
  EXPECT_EQ(Ask(spec, "shop/none", "shop/dual"), "allow shop/p egress[0] / allow default");  // no address binds it to no family
  EXPECT_EQ(Ask(spec, "shop/six", "198.18.0.9"), "deny shop/p isolated / allow default");    // no way to get there
}

TEST(RunProbesTest, AWorkloadWithoutAddressIsInNoCidr) {
  const std::string spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}\n";
  EXPECT_EQ(Ask(spec, "shop/none", "shop/dual"), "allow default / deny shop/p isolated");
  EXPECT_EQ(Ask(spec, "shop/six", "shop/dual"), "allow default / allow shop/p ingress[0]");
}

TEST(RunProbesTest, HostNetworkIsTheNodesTraffic) {
  const std::string by_label =
      "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: agent}}}]}]}\n";
  EXPECT_EQ(Ask(by_label, "shop/agent", "shop/dual"), "allow default / deny shop/p isolated");
  const std::string by_address = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 198.18.5.1/32}}]}]}\n";
  for (const char* from : {"shop/agent", "198.18.5.1"})
    EXPECT_EQ(Ask(by_address, from, "shop/dual"), "allow default / allow shop/p ingress[0]");
  EXPECT_EQ(Ask(by_address, "198.18.5.2", "shop/agent"), "allow default / allow default");  // no subject of policy
}

TEST(RunProbesTest, UnknownNamesAreInvalid) {
  std::vector<std::string> errors;
  const Inventory inventory = ParseInventory({{"i", kInventory}}, &errors);
  const auto probes = ParseProbes("probes:\n- {from: shop/duel, to: nowhere/x, port: 1}\n", "p", &errors);
  const auto results = RunProbes(inventory, {}, probes);
  EXPECT_EQ(results.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(results.status().message()),
            "p:2:10: found \"shop/duel\", expected a workload of the inventory (did you mean shop/dual?)\n"
            "p:2:25: found \"nowhere/x\", expected a workload of the inventory");
}

}  // namespace
}  // namespace bulkhead
