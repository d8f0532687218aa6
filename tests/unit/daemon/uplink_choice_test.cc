// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/uplink_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_arp.h>

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Link Made(uint32_t ifindex, const std::string& name, const std::string& kind, uint32_t below = 0) {
  Link link;
  link.ifindex = ifindex;
  link.name = name;
  link.kind = kind;
  link.link = below;
  link.type = ARPHRD_ETHER;
  return link;
}

Link Card(uint32_t ifindex, const std::string& name, uint32_t master = 0) {
  Link link = Made(ifindex, name, "");
  link.device = "0000:00:03.0";
  link.master = master;
  return link;
}

// A host with two cards, docker0 with a container's veth, and a loopback.
UplinkFacts Host() {
  UplinkFacts facts;
  Link loopback = Made(1, "lo", "");
  loopback.type = ARPHRD_LOOPBACK;
  for (const Link& link : {loopback, Card(2, "eth0"), Card(3, "eth1"), Made(4, "docker0", "bridge"), Made(5, "veth5", "veth")}) {
    facts.links[link.ifindex] = link;
  }
  facts.workloads = {5};
  return facts;
}

TEST(UplinkChoiceTest, EveryCardIsAnUplink) { EXPECT_THAT(ChooseUplinks(Host()).uplinks, ElementsAre(2, 3)); }

TEST(UplinkChoiceTest, WhateverLeadsOutwardIsOne) {
  UplinkFacts facts = Host();
  facts.links[6] = Made(6, "outer", "veth");
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3));
  facts.outward = {6};
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3, 6));
}

TEST(UplinkChoiceTest, NeverAWorkloadsInterface) {
  UplinkFacts facts = Host();
  facts.outward = {5};
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3)) << "a VPN in a container";
  facts.workloads.insert(3);
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2)) << "a card that is handed to one";
  facts.names = {"veth5"};
  const UplinkChoice choice = ChooseUplinks(facts);
  EXPECT_THAT(choice.uplinks, IsEmpty());
  EXPECT_THAT(choice.problems, ElementsAre("uplink veth5: it is a workload's interface"));
}

TEST(UplinkChoiceTest, OfALayerTheInterfaceBelow) {
  UplinkFacts facts = Host();
  facts.links[7] = Made(7, "outer", "veth");
  facts.links[8] = Made(8, "outer.7", "vlan", 7);
  facts.links[9] = Made(9, "mac0", "macvlan", 8);
  facts.outward = {9};
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3, 7));
  facts.links[8].link_nsid = 3;
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3)) << "what is below is another namespace's";
  facts.links[8].link_nsid.reset();
  facts.links[8].link = 9;  // cannot be, but must not hang
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3));
}

TEST(UplinkChoiceTest, OfABridgeOrBondItsCards) {
  UplinkFacts facts = Host();
  for (const char* kind : {"bridge", "bond", "team"}) {
    facts.links[10] = Made(10, "master", kind);
    facts.links[2].master = 10;
    facts.outward = {10};
    EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3)) << kind;
  }
}

TEST(UplinkChoiceTest, OnlyEthernet) {
  UplinkFacts facts = Host();
  facts.links[11] = Made(11, "wg0", "wireguard");
  facts.links[11].type = ARPHRD_NONE;
  facts.outward = {11, 1, 99};
  EXPECT_THAT(ChooseUplinks(facts).uplinks, ElementsAre(2, 3));
  facts.names = {"wg0"};
  EXPECT_THAT(ChooseUplinks(facts).problems, ElementsAre("uplink wg0: it is no Ethernet interface"));
}

TEST(UplinkChoiceTest, NamesAreAllThereIs) {
  UplinkFacts facts = Host();
  facts.names = {"eth1", "eth7", "docker0"};
  const UplinkChoice choice = ChooseUplinks(facts);
  EXPECT_THAT(choice.uplinks, ElementsAre(3, 4));
  EXPECT_THAT(choice.problems, ElementsAre(HasSubstr("eth7: there is no such interface")));
  facts.names.emplace();
  EXPECT_THAT(ChooseUplinks(facts).uplinks, IsEmpty());
}

}  // namespace
}  // namespace bulkhead
