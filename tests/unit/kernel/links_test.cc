// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/links.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "dataplane/kernel/netns.h"
#include "tests/lab/netns.h"
#include "tests/places/temporary_folder.h"

namespace bulkhead {
namespace {

class Links : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
    auto netns = lab::TestNetns::Create();
    ASSERT_TRUE(netns.ok()) << netns.status();
    netns_ = *std::move(netns);
    auto peer = lab::PeerNetns::Create();
    ASSERT_TRUE(peer.ok()) << peer.status();
    peer_ = *std::move(peer);
    auto socket = NetlinkSocket::Open();
    ASSERT_TRUE(socket.ok()) << socket.status();
    socket_ = std::make_unique<NetlinkSocket>(*std::move(socket));
  }

  void Ip(std::vector<std::string> words) {
    words.insert(words.begin(), "ip");
    const auto status = netns_->Command(words);
    ASSERT_TRUE(status.ok()) << status;
  }
  void IpInPeer(std::vector<std::string> words) {
    words.insert(words.begin(), "ip");
    const auto status = peer_->Command(words);
    ASSERT_TRUE(status.ok()) << status;
  }
  // A veth whose other end is eth0 in the peer namespace, as an engine makes it.
  void AddVeth(const std::string& name) {
    Ip({"link", "add", name, "type", "veth", "peer", "name", "eth0", "address", "02:00:00:00:00:07", "netns", peer_->path()});
  }
  Link Find(std::optional<int32_t> nsid, const std::string& name) {
    const auto links = DumpLinks(*socket_, nsid);
    EXPECT_TRUE(links.ok()) << links.status();
    if (!links.ok()) return {};
    const auto found = std::find_if(links->begin(), links->end(), [&](const Link& link) { return link.name == name; });
    EXPECT_NE(found, links->end()) << name;
    return found == links->end() ? Link{} : *found;
  }

  std::unique_ptr<lab::TestNetns> netns_;
  std::optional<lab::PeerNetns> peer_;
  std::unique_ptr<NetlinkSocket> socket_;
};

TEST_F(Links, DumpTellsKindMasterAndMac) {
  Ip({"link", "add", "br0", "address", "02:00:00:00:00:01", "type", "bridge"});
  AddVeth("veth0");
  Ip({"link", "set", "veth0", "master", "br0", "up"});
  const Link bridge = Find(std::nullopt, "br0");
  const Link veth = Find(std::nullopt, "veth0");
  EXPECT_EQ(bridge.kind, "bridge");
  EXPECT_EQ(bridge.mac.ToString(), "02:00:00:00:00:01");
  EXPECT_EQ(bridge.master, 0u);
  EXPECT_EQ(veth.kind, "veth");
  EXPECT_EQ(veth.master, bridge.ifindex);
  EXPECT_TRUE(veth.flags & IFF_UP);
  EXPECT_EQ(Find(std::nullopt, "lo").kind, "");
}

// How a container's interfaces are matched with their host sides, without entering the container.
TEST_F(Links, PeerNamespaceDumpGivesTheHostIfindex) {
  AddVeth("veth0");
  IpInPeer({"address", "add", "198.18.0.2/24", "dev", "eth0"});
  IpInPeer({"address", "add", "fd00::2/64", "dev", "eth0"});
  KernelWriter writer;
  const auto nsid = EnsureNsid(*socket_, writer, peer_->fd());
  ASSERT_TRUE(nsid.ok()) << nsid.status();
  const Link host = Find(std::nullopt, "veth0");
  const Link inside = Find(*nsid, "eth0");
  EXPECT_EQ(inside.link, host.ifindex);
  EXPECT_EQ(host.link, inside.ifindex);
  EXPECT_EQ(host.link_nsid, *nsid);
  EXPECT_EQ(inside.mac.ToString(), "02:00:00:00:00:07");
  const auto addresses = DumpAddresses(*socket_, *nsid);
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  std::vector<std::string> found;
  for (const LinkAddress& address : *addresses) {
    if (address.ifindex == inside.ifindex) found.push_back(Prefix{address.address, address.prefix_length}.ToString());
  }
  EXPECT_NE(std::find(found.begin(), found.end(), "198.18.0.2/24"), found.end());
  EXPECT_NE(std::find(found.begin(), found.end(), "fd00::2/64"), found.end());
  const auto own = DumpAddresses(*socket_);
  ASSERT_TRUE(own.ok()) << own.status();
  for (const LinkAddress& address : *own) EXPECT_NE(address.address.ToString(), "198.18.0.2");
}

TEST_F(Links, NsidIsAllocatedOnce) {
  KernelWriter writer;
  const auto none = FindNsid(*socket_, peer_->fd());
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  const auto first = EnsureNsid(*socket_, writer, peer_->fd());
  ASSERT_TRUE(first.ok()) << first.status();
  const uint64_t calls = writer.sequence();
  EXPECT_EQ(calls, 1u);
  const auto second = EnsureNsid(*socket_, writer, peer_->fd());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(writer.sequence(), calls);
}

TEST_F(Links, DumpOfANumberThatNobodyHasFails) {
  EXPECT_FALSE(DumpLinks(*socket_, 4711).ok());
  EXPECT_FALSE(DumpAddresses(*socket_, 4711).ok());
}

TEST_F(Links, MonitorTellsOfLinksAndAddresses) {
  auto monitor = LinkMonitor::Open();
  ASSERT_TRUE(monitor.ok()) << monitor.status();
  Ip({"link", "add", "br0", "type", "bridge"});
  AddVeth("veth0");
  Ip({"link", "set", "veth0", "master", "br0"});
  Ip({"address", "add", "198.18.0.1/24", "dev", "br0"});
  const uint32_t bridge = Find(std::nullopt, "br0").ifindex;
  const uint32_t veth = Find(std::nullopt, "veth0").ifindex;
  Ip({"address", "del", "198.18.0.1/24", "dev", "br0"});
  Ip({"link", "set", "veth0", "nomaster"});  // tells RTM_DELLINK of family AF_BRIDGE: not the end of the link
  std::vector<LinkEvent> events;
  ASSERT_TRUE(monitor->Drain([&](const LinkEvent& event) { events.push_back(event); }).ok());
  const auto count = [&](auto matches) { return std::count_if(events.begin(), events.end(), matches); };
  EXPECT_GE(count([&](const LinkEvent& e) {
              return e.type == LinkEvent::Type::kLink && e.link.ifindex == veth && e.link.master == bridge && e.link.kind == "veth";
            }),
            1);
  EXPECT_EQ(count([&](const LinkEvent& e) { return e.type == LinkEvent::Type::kLinkGone; }), 0);
  EXPECT_EQ(count([&](const LinkEvent& e) {
              return e.type == LinkEvent::Type::kAddress && e.address.address.ToString() == "198.18.0.1";
            }),
            1);
  EXPECT_EQ(count([&](const LinkEvent& e) {
              return e.type == LinkEvent::Type::kAddressGone && e.address.address.ToString() == "198.18.0.1";
            }),
            1);
  Ip({"link", "del", "veth0"});
  events.clear();
  ASSERT_TRUE(monitor->Drain([&](const LinkEvent& event) { events.push_back(event); }).ok());
  EXPECT_EQ(count([&](const LinkEvent& e) { return e.type == LinkEvent::Type::kLinkGone && e.link.ifindex == veth; }), 1);
}

TEST_F(Links, OverrunIsToldAndTheMonitorGoesOn) {
  auto monitor = LinkMonitor::Open();
  ASSERT_TRUE(monitor.ok()) << monitor.status();
  const int small = 1;  // the kernel's minimum
  ASSERT_EQ(setsockopt(monitor->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof(small)), 0);
  for (int i = 0; i < 20; ++i) Ip({"link", "add", "br" + std::to_string(i), "type", "bridge"});
  EXPECT_EQ(monitor->Drain([](const LinkEvent&) {}).code(), absl::StatusCode::kDataLoss);
  Ip({"link", "add", "late", "type", "bridge"});
  bool seen = false;
  EXPECT_TRUE(monitor->Drain([&](const LinkEvent& event) { seen |= event.link.name == "late"; }).ok());
  EXPECT_TRUE(seen);
}

TEST_F(Links, OpenNetnsTakesOnlyNetworkNamespaces) {
  const auto opened = OpenNetns(peer_->path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto identity = IdentifyNetns(opened->get());
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->inode, peer_->inode());
  const auto here = CurrentNetns();
  ASSERT_TRUE(here.ok());
  EXPECT_EQ(here->inode, netns_->inode());
  EXPECT_NE(*here, *identity);
  EXPECT_EQ(OpenNetns("/proc/self/ns/mnt").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenNetns("/nowhere/net").status().code(), absl::StatusCode::kNotFound);
  const TemporaryFolder folder;
  const std::string fifo = folder.path() / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(OpenNetns(fifo).status().code(), absl::StatusCode::kInvalidArgument) << "and it must not wait for a writer";
}

}  // namespace
}  // namespace bulkhead
