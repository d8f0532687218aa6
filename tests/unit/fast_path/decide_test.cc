// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fast_path/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::fast_path {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kBridge = 10, kWeb = 11, kDb = 12, kOther = 13;
constexpr uint32_t kPreRouting = 0, kInput = 1, kForward = 2;  // NF_INET_...
const std::set<uint32_t> kEndpoints = {kWeb, kDb};

class DecideTest : public testing::Test {
 protected:
  DecideTest() {
    facts_.bridges[kBridge] = {"br0", true, false, false, ""};
    for (const auto& [ifindex, name] : {std::pair(kWeb, "v-web"), std::pair(kDb, "v-db"), std::pair(kOther, "v-other")}) {
      facts_.ports[ifindex] = {name, kBridge, true, false, false, ""};
    }
  }
  std::string Why() const { return WhyNot(facts_, kBridge, kEndpoints); }
  Chain& Add(const std::string& family, const std::string& table, const std::string& name, uint32_t hook = kForward) {
    facts_.chains.push_back({family, table, name, true, "filter", hook, false, {}, {}});
    return facts_.chains.back();
  }
  void AddInner(const std::string& family, const std::string& table, const std::string& name, std::vector<Rule> rules) {
    facts_.chains.push_back({family, table, name, false, "", 0, false, {}, std::move(rules)});
  }
  static Rule Drops() { return {Rule::Verdict::kDrop, "", false, {}, {}}; }
  static Rule Accepts() { return {Rule::Verdict::kAccept, "", false, {}, {}}; }
  static Rule Jumps(const std::string& chain) { return {Rule::Verdict::kJump, chain, false, {}, {}}; }

  Facts facts_;
};

TEST_F(DecideTest, APlainBridge) { EXPECT_THAT(Why(), IsEmpty()); }

TEST_F(DecideTest, TheBridgeItself) {
  EXPECT_THAT(WhyNot(facts_, 99, kEndpoints), HasSubstr("not a bridge"));
  facts_.bridges[kBridge].up = false;
  EXPECT_THAT(Why(), HasSubstr("down"));
  facts_.bridges[kBridge].up = true;
  facts_.bridges[kBridge].vlan_filtering = true;
  EXPECT_THAT(Why(), HasSubstr("VLAN"));
  facts_.bridges[kBridge].vlan_filtering = false;
  facts_.bridges[kBridge].foreign = "tc filter x at ingress";
  EXPECT_EQ(Why(), "tc filter x at ingress on br0");
}

// Ten to the power of fourteen ways lead through these chains.
TEST_F(DecideTest, ARulesetIsWalkedOnce) {
  Add("bridge", "filter", "c0");
  facts_.chains.back().rules.assign(10, Jumps("c1"));
  for (int i = 1; i < 14; ++i) {
    AddInner("bridge", "filter", "c" + std::to_string(i), std::vector<Rule>(10, Jumps("c" + std::to_string(i + 1))));
  }
  AddInner("bridge", "filter", "c14", {});
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains.back().rules = {Drops()};
  EXPECT_THAT(Why(), HasSubstr("c14"));
}

TEST_F(DecideTest, AnyIsolatedPortOfTheBridge) {
  facts_.ports[kOther].isolated = true;
  EXPECT_EQ(Why(), "isolated port v-other");
  facts_.ports[kOther].bridge = 77;
  EXPECT_THAT(Why(), IsEmpty());
}

TEST_F(DecideTest, ThePortsOfWorkloads) {
  facts_.ports[kOther].foreign = "qdisc tbf";
  facts_.ports[kOther].locked = true;
  EXPECT_THAT(Why(), IsEmpty()) << "nothing goes to it directly";
  facts_.ports[kDb].locked = true;
  EXPECT_EQ(Why(), "locked port v-db");
  facts_.ports[kDb].locked = false;
  facts_.ports[kWeb].foreign = "qdisc tbf";
  EXPECT_EQ(Why(), "qdisc tbf on v-web");
}

TEST_F(DecideTest, ChainsOfTheBridgeFamily) {
  Add("bridge", "theirs", "forward");
  EXPECT_THAT(Why(), IsEmpty()) << "an empty chain does nothing";
  facts_.chains[0].rules = {Accepts()};
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[0].rules = {Accepts(), Drops()};
  EXPECT_EQ(Why(), "nftables chain bridge theirs forward");
  facts_.chains[0].rules[1].only = {"eth7"};
  EXPECT_EQ(Why(), "nftables chain bridge theirs forward") << "interfaces are ports there, and it is not said which";
  facts_.chains[0].hook = kInput;
  EXPECT_THAT(Why(), IsEmpty()) << "what goes to the host";
  facts_.chains[0].hook = kPreRouting;
  EXPECT_FALSE(Why().empty());
  facts_.chains[0].table = "bulkhead";
  EXPECT_THAT(Why(), IsEmpty()) << "ours";
}

TEST_F(DecideTest, ChainsOfIpOnlyWhereTheBridgeShowsThemPackets) {
  Add("inet", "theirs", "forward").rules = {Drops()};
  EXPECT_THAT(Why(), IsEmpty());
  facts_.bridges[kBridge].calls_ip_hooks = true;
  EXPECT_EQ(Why(), "nftables chain inet theirs forward");
  facts_.chains[0].type = "nat";
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[0].type = "filter";
  facts_.chains[0].hook = kInput;
  EXPECT_THAT(Why(), IsEmpty());
}

TEST_F(DecideTest, RulesAboutOtherInterfaces) {
  facts_.bridges[kBridge].calls_ip_hooks = true;
  Rule rule = Drops();
  for (const auto& [only, never, concerns] : {std::tuple("eth0", "", false), std::tuple("br0", "", true), std::tuple("br*", "", true),
                                              std::tuple("eth*", "", false), std::tuple("", "br0", false), std::tuple("", "br*", false),
                                              std::tuple("", "eth0", true)}) {
    rule.only.clear();
    rule.never.clear();
    if (*only != 0) rule.only = {only};
    if (*never != 0) rule.never = {never};
    facts_.chains.clear();
    Add("ip", "theirs", "forward").rules = {rule};
    EXPECT_EQ(Why().empty(), !concerns) << only << " " << never;
  }
}

TEST_F(DecideTest, WhatDoesMoreThanItsVerdict) {
  facts_.bridges[kBridge].calls_ip_hooks = true;
  Rule rule = Accepts();
  rule.acts = true;  // a limit, a mark, a log
  Add("ip", "theirs", "forward").rules = {rule};
  EXPECT_FALSE(Why().empty());
}

TEST_F(DecideTest, TheEnginesOwnChains) {
  facts_.bridges[kBridge].calls_ip_hooks = true;
  Add("ip", "filter", "FORWARD").drops = true;
  facts_.chains[0].rules = {Jumps("DOCKER-USER"), Jumps("DOCKER-FORWARD"), Accepts()};
  AddInner("ip", "filter", "DOCKER-USER", {});
  AddInner("ip", "filter", "DOCKER-FORWARD", {Drops()});
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[1].rules = {Drops()};
  EXPECT_EQ(Why(), "nftables chain ip filter DOCKER-USER") << "the one that is for others' rules";
}

TEST_F(DecideTest, JumpsAreFollowed) {
  facts_.bridges[kBridge].calls_ip_hooks = true;
  Add("ip", "filter", "FORWARD").rules = {Jumps("ufw-forward")};
  EXPECT_FALSE(Why().empty()) << "to a chain that was not read";
  AddInner("ip", "filter", "ufw-forward", {Jumps("ufw-more")});
  AddInner("ip", "filter", "ufw-more", {Accepts()});
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[2].rules.push_back(Drops());
  EXPECT_EQ(Why(), "nftables chain ip filter ufw-more");
  facts_.chains[2].rules = {Jumps("ufw-forward")};
  EXPECT_FALSE(Why().empty()) << "in a circle";
}

TEST_F(DecideTest, ChainsOfDevices) {
  Add("netdev", "theirs", "ingress", 0).rules = {Drops()};
  facts_.chains[0].devices = {"eth0"};
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[0].devices = {"eth0", "v-db"};
  EXPECT_EQ(Why(), "nftables chain netdev theirs ingress");
  facts_.chains[0].devices = {"v-other"};
  EXPECT_THAT(Why(), IsEmpty());
  facts_.chains[0].devices = {"v*"};
  EXPECT_FALSE(Why().empty());
}

TEST_F(DecideTest, WhatCannotBeRead) {
  facts_.unreadable = {"iptables-legacy table filter"};
  EXPECT_THAT(Why(), IsEmpty()) << "the bridge shows it nothing";
  facts_.bridges[kBridge].calls_ip_hooks = true;
  EXPECT_EQ(Why(), "iptables-legacy table filter");
}

}  // namespace
}  // namespace bulkhead::fast_path
