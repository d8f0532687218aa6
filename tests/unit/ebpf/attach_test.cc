// SPDX-License-Identifier: Apache-2.0
// Programs on interfaces: attached, replaced, taken off.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "tests/unit/ebpf/backend_fixture.h"

namespace bulkhead {
namespace {

TEST_F(EbpfBackendTest, AttachesClsactReplacesAndDetaches) {
  const uint32_t veth = AddVeth("veth0");
  Open(SmallOptions());
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  ExpectFilters(veth, 0);
  ASSERT_TRUE(backend_->Attach(veth, 0).ok()) << "again";
  ExpectFilters(veth, 0);
  ASSERT_TRUE(backend_->Attach(veth, 5).ok()) << "it became a port of a bridge";
  ExpectFilters(veth, 5);
  EXPECT_NE(ProgramId(0, BH_HOOK_INGRESS), ProgramId(5, BH_HOOK_INGRESS));
  ASSERT_TRUE(backend_->Detach(veth).ok());
  EXPECT_TRUE(Filters(veth).empty());
  EXPECT_FALSE(Clsact(veth));
  ASSERT_TRUE(backend_->Detach(veth).ok()) << "again";
}

TEST_F(EbpfBackendTest, LeavesOthersFiltersAndTheirClsact) {
  const uint32_t veth = AddVeth("veth0");
  ASSERT_TRUE(netns_->Command({"tc", "qdisc", "add", "dev", "veth0", "clsact"}).ok());
  Open(SmallOptions());
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  ASSERT_TRUE(backend_->Detach(veth).ok());
  EXPECT_TRUE(Clsact(veth)) << "it was there before";
  const uint32_t other = AddVeth("veth1");
  ASSERT_TRUE(backend_->Attach(other, 0).ok());
  const std::string program = PinBase(kRoot) + "/programs/0/bh_ingress";  // any will do
  const absl::Status foreign = netns_->Command(
      {"tc", "filter", "add", "dev", "veth1", "ingress", "pref", "7", "handle", "3", "bpf", "da", "object-pinned", program});
  ASSERT_TRUE(foreign.ok()) << foreign;
  ASSERT_TRUE(backend_->Detach(other).ok());
  EXPECT_TRUE(Clsact(other)) << "somebody else uses it by now";
  const auto filters = Filters(other);
  ASSERT_EQ(filters.size(), 1u);
  EXPECT_EQ(filters[0].priority, 7u);
  EXPECT_EQ(filters[0].handle, 3u);
}

TEST_F(EbpfBackendTest, AttachToNoInterfaceFailsAndDetachDoesNot) {
  Open(SmallOptions());
  EXPECT_EQ(backend_->Attach(4711, 0).code(), absl::StatusCode::kNotFound) << backend_->Attach(4711, 0);
  EXPECT_TRUE(backend_->Detach(4711).ok());
}

TEST_F(EbpfBackendTest, AttachesTcxReplacesAndDetaches) {
  if (TcxMissing()) GTEST_SKIP() << "this kernel has no tcx";
  const uint32_t veth = AddVeth("veth0");
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  EXPECT_EQ(TcxLink(veth, "ingress").program_id, ProgramId(0, BH_HOOK_INGRESS));
  EXPECT_EQ(TcxLink(veth, "egress").program_id, ProgramId(0, BH_HOOK_EGRESS));
  EXPECT_EQ(TcxLink(veth, "egress").ifindex, veth);
  EXPECT_FALSE(Clsact(veth));
  ASSERT_TRUE(backend_->Attach(veth, 5).ok());
  EXPECT_EQ(TcxLink(veth, "ingress").program_id, ProgramId(5, BH_HOOK_INGRESS));
  ASSERT_TRUE(backend_->Detach(veth).ok());
  EXPECT_EQ(TcxLink(veth, "ingress").type, 0u);
  const auto net = netns_->Output({"bpftool", "net"});
  EXPECT_EQ(net->find("bh_"), std::string::npos) << *net;
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  ASSERT_TRUE(netns_->Command({"ip", "link", "del", "veth0"}).ok());
  EXPECT_TRUE(backend_->Detach(veth).ok()) << "with its interface gone";
  EXPECT_EQ(TcxLink(veth, "ingress").type, 0u);
}

TEST_F(EbpfBackendTest, TheModeCanChangeUnderARunningInterface) {
  if (TcxMissing()) GTEST_SKIP() << "this kernel has no tcx";
  const uint32_t veth = AddVeth("veth0");
  ASSERT_TRUE(backend_->Attach(veth, 3).ok());
  Open(SmallOptions(AttachMode::kClsact));
  ExpectFilters(veth, 3);
  EXPECT_EQ(TcxLink(veth, "ingress").type, 0u);
  Open(SmallOptions(AttachMode::kTcx));
  EXPECT_EQ(TcxLink(veth, "ingress").program_id, ProgramId(3, BH_HOOK_INGRESS));
  EXPECT_TRUE(Filters(veth).empty());
  EXPECT_FALSE(Clsact(veth));
}

// A UDP socket of the namespace that the thread is in, bound to the address; receiving gives up after two seconds.
UniqueFd UdpSocket(const IpAddress& address, uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  std::memcpy(&name.sin_addr, address.bytes.data(), 4);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  const timeval patience{2, 0};
  EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  return fd;
}

// One after the other; how many of `count` datagrams arrived.
int Exchange(int sender, int receiver, const IpAddress& to, uint16_t port, int count) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  std::memcpy(&name.sin_addr, to.bytes.data(), 4);
  int arrived = 0;
  for (int i = 0; i < count; ++i) {
    int got = -1;
    if (sendto(sender, &i, sizeof(i), 0, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != sizeof(i)) break;
    if (recv(receiver, &got, sizeof(got), 0) == sizeof(got) && got == i) ++arrived;
  }
  return arrived;
}

// An upgrade takes the place of the programs that run, without a moment of none and without a lost packet.
TEST_F(EbpfBackendTest, ReplacingProgramsLosesNoPacket) {
  const auto peer = lab::PeerNetns::Create();
  ASSERT_TRUE(peer.ok()) << peer.status();
  for (const AttachMode mode : {AttachMode::kClsact, AttachMode::kTcx}) {
    if (mode == AttachMode::kTcx && TcxMissing()) continue;
    const std::string name = mode == AttachMode::kClsact ? "clsact0" : "tcx0";
    const uint8_t net = mode == AttachMode::kClsact ? 1 : 2;
    const IpAddress outside = IpAddress::V4(198, 18, net, 1), inside = IpAddress::V4(198, 18, net, 2);
    ASSERT_TRUE(netns_->Command({"ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", peer->path()}).ok());
    ASSERT_TRUE(netns_->Command({"ip", "address", "add", outside.ToString() + "/24", "dev", name}).ok());
    ASSERT_TRUE(netns_->Command({"ip", "link", "set", name, "up"}).ok());
    ASSERT_TRUE(peer->Command({"ip", "address", "add", inside.ToString() + "/24", "dev", name}).ok());
    ASSERT_TRUE(peer->Command({"ip", "link", "set", name, "up"}).ok());
    const auto links = DumpLinks(*socket_);
    ASSERT_TRUE(links.ok());
    const auto link = std::find_if(links->begin(), links->end(), [&](const Link& l) { return l.name == name; });
    ASSERT_NE(link, links->end());
    const UniqueFd sender = UdpSocket(outside, 5000);
    UniqueFd receiver;
    ASSERT_TRUE(peer->Run([&] {
                      receiver = UdpSocket(inside, 5001);
                      return absl::OkStatus();
                    })
                    .ok());
    Open(SmallOptions(mode));
    ASSERT_TRUE(backend_->Attach(link->ifindex, 0).ok());
    ASSERT_TRUE(backend_->LoadZone(1).ok());
    EndpointState unbound;
    unbound.slot = 1;
    unbound.ifindex = link->ifindex;
    ASSERT_TRUE(backend_->PutEndpoint(unbound).ok());
    int arrived = 0;
    std::atomic<bool> done = false;
    std::thread traffic([&] {
      arrived = Exchange(sender.get(), receiver.get(), inside, 5001, 5000);
      done = true;
    });
    int replaced = 0;
    for (; !done; ++replaced) EXPECT_TRUE(backend_->Attach(link->ifindex, static_cast<uint16_t>(replaced % 2)).ok());
    traffic.join();
    EXPECT_EQ(arrived, 5000);
    EXPECT_GT(replaced, 5);
    uint64_t packets = 0;
    EXPECT_TRUE(backend_
                    ->ReadFlows([&](const FlowRecord& flow) {
                      if (flow.destination == inside) packets += flow.packets[0];
                      return true;
                    })
                    .ok());
    EXPECT_EQ(packets, 5000u) << "each was judged by one of the programs";
  }
}

}  // namespace
}  // namespace bulkhead
