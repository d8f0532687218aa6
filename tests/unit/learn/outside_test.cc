// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/outside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;

std::set<IpAddress> Addresses(const std::vector<std::string>& texts) {
  std::set<IpAddress> out;
  for (const std::string& text : texts) out.insert(*IpAddress::Parse(text));
  return out;
}

std::vector<std::string> Texts(const std::vector<OutsideBlock>& blocks) {
  std::vector<std::string> out;
  for (const OutsideBlock& block : blocks) {
    std::string text = absl::StrCat(block.block.cidr.ToString(), " x", block.peers);
    if (!block.block.except.empty()) absl::StrAppend(&text, " but ", block.block.except.size());
    out.push_back(text);
  }
  return out;
}

// `count` addresses, each in a network of its own.
std::set<IpAddress> Scattered(uint8_t first, int count) {
  std::set<IpAddress> out;
  for (int i = 0; i < count; ++i) out.insert(IpAddress::V4(first, static_cast<uint8_t>(i), 1, 1));
  return out;
}

TEST(Outside, ThreeOfANetworkAreThreePeersAndFourAreTheNetwork) {
  EXPECT_THAT(Texts(GroupOutside(Addresses({"203.0.113.1", "203.0.113.9", "203.0.113.200"}), {}, {})),
              ElementsAre("203.0.113.1/32 x1", "203.0.113.9/32 x1", "203.0.113.200/32 x1"));
  EXPECT_THAT(Texts(GroupOutside(Addresses({"203.0.113.1", "203.0.113.9", "203.0.113.200", "203.0.113.201", "203.0.114.1"}), {}, {})),
              ElementsAre("203.0.113.0/24 x4", "203.0.114.1/32 x1"));
}

TEST(Outside, Ipv6NetworksAreSixtyFour) {
  EXPECT_THAT(Texts(GroupOutside(Addresses({"2001:db8::1", "2001:db8::2", "2001:db8::3:0:0:3", "2001:db8::4", "2001:db8:0:1::1"}), {}, {})),
              ElementsAre("2001:db8::/64 x4", "2001:db8:0:1::1/128 x1"));
}

TEST(Outside, ANetworkWhereAWorkloadLivesIsNeverTaken) {
  const auto peers = Addresses({"198.18.1.1", "198.18.1.2", "198.18.1.3", "198.18.1.4"});
  EXPECT_EQ(GroupOutside(peers, {}, Addresses({"198.18.1.77"})).size(), 4u);
  EXPECT_EQ(GroupOutside(peers, {}, Addresses({"198.18.2.77"})).size(), 1u);
}

TEST(Outside, MoreThanSixteenPublicBlocksAreTheInternetButPrivateRanges) {
  std::set<IpAddress> peers = Scattered(20, 16);
  EXPECT_EQ(GroupOutside(peers, {}, {}).size(), 16u);
  peers.insert(*IpAddress::Parse("2001:db8::1"));
  peers.insert(*IpAddress::Parse("10.0.0.7"));
  const auto blocks = GroupOutside(peers, {}, {});
  EXPECT_THAT(Texts(blocks), ElementsAre("0.0.0.0/0 x16 but 7", "10.0.0.7/32 x1", "::/0 x1 but 2"));
  for (const char* inside : {"10.1.1.1", "172.31.0.1", "192.168.7.7", "198.18.3.4", "127.0.0.1", "169.254.169.254", "100.100.0.1"}) {
    const auto& except = blocks[0].block.except;
    EXPECT_TRUE(std::any_of(except.begin(), except.end(), [&](const Prefix& p) { return p.Contains(*IpAddress::Parse(inside)); }))
        << inside;
  }
}

TEST(Outside, ANetworkIsOneBlockOfTheSixteen) {
  std::set<IpAddress> peers = Scattered(20, 15);
  for (uint8_t i = 0; i < 100; ++i) peers.insert(IpAddress::V4(203, 0, 113, i));
  EXPECT_EQ(GroupOutside(peers, {}, {}).size(), 16u);
}

TEST(Outside, AThinPeerCountsForItsNetworkAndNotAlone) {
  const auto four = Addresses({"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"});
  const auto thin = Addresses({"203.0.113.3", "203.0.113.4"});
  EXPECT_THAT(Texts(GroupOutside(four, thin, {})), ElementsAre("203.0.113.0/24 x4"));
  EXPECT_THAT(Texts(GroupOutside(Addresses({"203.0.113.1", "203.0.113.3"}), thin, {})), ElementsAre("203.0.113.1/32 x1"));
}

TEST(Outside, ManyOfAPrivateRangeAreTheRange) {
  std::set<IpAddress> peers = Scattered(10, 17);
  peers.insert(*IpAddress::Parse("192.168.0.1"));
  EXPECT_THAT(Texts(GroupOutside(peers, {}, {})), ElementsAre("10.0.0.0/8 x17", "192.168.0.1/32 x1"));
}

}  // namespace
}  // namespace bulkhead::learn
