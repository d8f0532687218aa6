// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Link Inside(uint32_t ifindex, const std::string& name, const std::string& kind, uint32_t peer, std::optional<int32_t> nsid) {
  Link link;
  link.ifindex = ifindex;
  link.name = name;
  link.kind = kind;
  link.link = peer;
  link.link_nsid = nsid;
  link.flags = IFF_UP;
  link.mac = {{2, 0, 0, 0, 0, 9}};
  return link;
}

Link OnHost(uint32_t ifindex, uint32_t peer, int32_t nsid) { return Inside(ifindex, "veth", "veth", peer, nsid); }

LinkAddress Address(uint32_t ifindex, const std::string& text, uint8_t scope) {
  LinkAddress out;
  out.ifindex = ifindex;
  out.address = *IpAddress::Parse(text);
  out.scope = scope;
  return out;
}

TEST(MatchLinksTest, VethWhoseEndsNameEachOtherIsAnInterface) {
  Link lo = Inside(1, "lo", "", 0, std::nullopt);
  lo.flags |= IFF_LOOPBACK;
  const Resolution found = MatchLinks(4, {lo, Inside(2, "eth0", "veth", 70, 0)},
                                      {Address(2, "198.18.0.2", RT_SCOPE_UNIVERSE), Address(2, "fe80::1", RT_SCOPE_LINK),
                                       Address(1, "127.0.0.1", RT_SCOPE_HOST)},
                                      {OnHost(70, 2, 4)});
  ASSERT_EQ(found.interfaces.size(), 1u);
  EXPECT_EQ(found.interfaces[0].host_ifindex, 70u);
  EXPECT_EQ(found.interfaces[0].name, "eth0");
  EXPECT_THAT(found.interfaces[0].addresses, ElementsAre(*IpAddress::Parse("198.18.0.2")));
  EXPECT_TRUE(found.unseen.empty());
  EXPECT_EQ(found.nsid, 4);
}

// The number of an interface means something in one namespace only: each of these is another veth than the host's 70.
TEST(MatchLinksTest, HostEndMustAgree) {
  for (const Link& host : {OnHost(70, 2, 5), OnHost(70, 3, 4), OnHost(71, 2, 4)}) {
    const Resolution found = MatchLinks(4, {Inside(2, "eth0", "veth", 70, 0)}, {}, {host});
    EXPECT_TRUE(found.interfaces.empty());
    EXPECT_THAT(found.unseen, ElementsAre(HasSubstr("eth0 leads to a network namespace that is not the host's")));
  }
}

TEST(MatchLinksTest, OtherWaysOut) {
  Link down = Inside(5, "sit0", "", 0, std::nullopt);
  down.flags = 0;
  const Resolution found = MatchLinks(4,
                                      {Inside(2, "mv0", "macvlan", 3, 0), Inside(3, "ip0", "ipvlan", 3, 0), Inside(4, "nic", "", 0, {}), down,
                                       Inside(6, "inner", "veth", 7, std::nullopt), Inside(8, "br0", "bridge", 0, std::nullopt)},
                                      {}, {});
  EXPECT_THAT(found.unseen, ElementsAre(HasSubstr("mv0 is a macvlan"), HasSubstr("ip0 is a ipvlan"), HasSubstr("nic is a device")));
}

TEST(ResolverTest, HostsOwnNamespaceIsNoWorkloads) {
  KernelWriter writer;
  auto resolver = Resolver::Open(&writer);
  ASSERT_TRUE(resolver.ok()) << resolver.status();
  const std::vector<Resolution> answers = (*resolver)->Resolve({{"a", 1, 0, "/proc/self/ns/net"}, {"b", 1, 0, "/dev/null"}, {"c", 1, 999999999, ""}});
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_THAT(answers[0].status.message(), HasSubstr("host's own"));
  EXPECT_THAT(answers[1].status.message(), HasSubstr("not a network namespace"));
  EXPECT_FALSE(answers[2].status.ok());
}

}  // namespace
}  // namespace bulkhead
