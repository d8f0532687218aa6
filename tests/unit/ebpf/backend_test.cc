// SPDX-License-Identifier: Apache-2.0
// The backend on a real kernel, in a namespace of its own.
#include "dataplane/ebpf/ebpf_backend.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/ebpf/tables.h"
#include "dataplane/ebpf/uninstall.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/bpffs.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/tc.h"
#include "tests/lab/netns.h"
#include "tests/unit/ebpf/policies.h"

namespace bulkhead {
namespace {

constexpr char kRoot[] = "/sys/fs/bpf/bulkhead";

EbpfOptions SmallOptions(AttachMode attach = AttachMode::kClsact) {
  EbpfOptions options;
  options.pin_root = kRoot;
  options.attach = attach;
  options.flow_entries = 1024;
  for (const char* map : {"bh_addresses", "bh_edges", "bh_edges_outside", "bh_fragments", "bh_published", "bh_targets"}) {
    options.max_entries[map] = 1024;
  }
  return options;
}

class EbpfBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
    auto netns = lab::TestNetns::Create();
    ASSERT_TRUE(netns.ok()) << netns.status();
    netns_ = *std::move(netns);
    auto socket = NetlinkSocket::Open();
    ASSERT_TRUE(socket.ok()) << socket.status();
    socket_ = std::make_unique<NetlinkSocket>(*std::move(socket));
  }

  void Open(const EbpfOptions& options) {
    backend_.reset();
    auto backend = EbpfBackend::Open(writer_, clock_, options);
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
  }
  uint32_t AddVeth(const std::string& name) {
    const auto status = netns_->Command({"ip", "link", "add", name, "type", "veth", "peer", "name", name + "p"});
    EXPECT_TRUE(status.ok()) << status;
    const auto links = DumpLinks(*socket_);
    EXPECT_TRUE(links.ok());
    for (const Link& link : *links) {
      if (link.name == name) return link.ifindex;
    }
    ADD_FAILURE() << name;
    return 0;
  }
  std::vector<TcFilter> Filters(uint32_t ifindex) {
    const auto filters = DumpFilters(*socket_, ifindex);
    EXPECT_TRUE(filters.ok()) << filters.status();
    return filters.value_or(std::vector<TcFilter>{});
  }
  bool Clsact(uint32_t ifindex) { return HasClsact(*socket_, ifindex).value_or(false); }
  uint32_t ProgramId(uint16_t zone, int hook) {
    const auto fd = backend_->ProgramFd(zone, hook);
    EXPECT_TRUE(fd.has_value());
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(fd.value_or(-1), &info, &size), 0);
    return info.id;
  }
  void ExpectFilters(uint32_t ifindex, uint16_t zone) {
    const auto filters = Filters(ifindex);
    ASSERT_EQ(filters.size(), 2u);
    EXPECT_EQ(filters[0].direction, TcDirection::kIngress);
    EXPECT_EQ(filters[0].program_id, ProgramId(zone, BH_HOOK_INGRESS));
    EXPECT_EQ(filters[1].direction, TcDirection::kEgress);
    EXPECT_EQ(filters[1].program_id, ProgramId(zone, BH_HOOK_EGRESS));
  }
  void ExpectAttachedTo(uint32_t ifindex, uint32_t ingress_program) {
    const auto filters = Filters(ifindex);
    ASSERT_EQ(filters.size(), 2u);
    EXPECT_EQ(filters[0].program_id, ingress_program);
  }
  LinkInfo TcxLink(uint32_t ifindex, const char* direction) {
    const std::string path = std::string(kRoot) + "/v1/links/" + std::to_string(ifindex) + "_" + direction;
    const UniqueFd fd(bpf_obj_get(path.c_str()));
    return fd.ok() ? ReadLinkInfo(fd.get()).value_or(LinkInfo{}) : LinkInfo{};
  }
  // Kernels before 6.6 have no tcx.
  bool TcxMissing() {
    const uint32_t probe = AddVeth("probe");
    Open(SmallOptions(AttachMode::kTcx));
    const absl::Status status = backend_->Attach(probe, 0);
    EXPECT_TRUE(backend_->Detach(probe).ok());
    return absl::IsInvalidArgument(status);
  }
  void ExpectNothingLeft() {
    backend_.reset();
    EXPECT_NE(access(kRoot, F_OK), 0);
    const auto links = DumpLinks(*socket_);
    ASSERT_TRUE(links.ok());
    for (const Link& link : *links) {
      EXPECT_TRUE(Filters(link.ifindex).empty()) << link.name;
      EXPECT_FALSE(Clsact(link.ifindex)) << link.name;
    }
    const auto net = netns_->Output({"bpftool", "net"});
    ASSERT_TRUE(net.ok()) << net.status();
    EXPECT_EQ(net->find("bh_"), std::string::npos) << *net;
    const auto listed = ListInstalled(kRoot);
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_TRUE(listed->empty());
  }

  std::unique_ptr<lab::TestNetns> netns_;
  std::unique_ptr<NetlinkSocket> socket_;
  KernelWriter writer_;
  RealClock clock_;
  std::unique_ptr<EbpfBackend> backend_;
};

TEST_F(EbpfBackendTest, OpensAndPins) {
  Open(SmallOptions());
  EXPECT_FALSE(backend_->adopted().adopted);
  EXPECT_EQ(access((std::string(kRoot) + "/v1/maps/bh_control").c_str(), F_OK), 0);
  EXPECT_EQ(access((std::string(kRoot) + "/v1/programs/0/bh_ingress").c_str(), F_OK), 0);
  EXPECT_EQ(access((std::string(kRoot) + "/v1/programs/0/bh_ingress_next").c_str(), F_OK), -1);
  const auto counters = backend_->ReadCounters();
  ASSERT_TRUE(counters.ok()) << counters.status();
  EXPECT_EQ(counters->size(), static_cast<size_t>(BH_COUNTER_COUNT));
  EXPECT_TRUE(backend_->ReadFlows([](const FlowRecord&) { return true; }).ok());
  EXPECT_TRUE(backend_->ReadEdges([](const EdgeRecord&) { return true; }).ok());
  EXPECT_TRUE(backend_->DrainEvents([](const bh_event&) {}).ok());
}

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
  const std::string program = std::string(kRoot) + "/v1/programs/0/bh_ingress";  // any will do
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

EndpointState Web(uint32_t ifindex) {
  return {.slot = 7,
          .ifindex = ifindex,
          .zone = 3,
          .bound = true,
          .mac = *MacAddress::Parse("02:00:00:00:00:07"),
          .workload = 9,
          .identity = kWeb,
          .addresses = {IpAddress::V4(198, 18, 0, 7), *IpAddress::Parse("fd00::7")}};
}

TEST_F(EbpfBackendTest, ALaterBackendAdoptsWhatIsThere) {
  const uint32_t veth = AddVeth("veth0");
  const uint32_t gone = AddVeth("gone0");
  Open(SmallOptions());
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(backend_->PutEndpoint(Web(veth)).ok());
  ASSERT_TRUE(backend_->SetHostAddresses({IpAddress::V4(198, 18, 0, 1)}).ok());
  ASSERT_TRUE(backend_->Attach(veth, 3).ok());
  ASSERT_TRUE(backend_->Attach(gone, 4).ok());
  const uint32_t old_program = ProgramId(3, BH_HOOK_INGRESS);
  const uint32_t stamp = backend_->stamp();
  const bh_address_key key = AddressKey(3, IpAddress::V4(198, 18, 0, 7));
  const auto before = ReadElement<bh_address_key, bh_address>(backend_->MapFd("bh_addresses"), key);
  ASSERT_TRUE(before.ok());
  ASSERT_NE(before->subject[BH_STAMP_SLOT(stamp)], BH_SUBJECT_UNKNOWN);
  backend_.reset();
  ExpectAttachedTo(veth, old_program);
  ASSERT_TRUE(netns_->Command({"ip", "link", "del", "gone0"}).ok());

  Open(SmallOptions());
  const AdoptedState& adopted = backend_->adopted();
  EXPECT_TRUE(adopted.adopted);
  EXPECT_EQ(adopted.stamp, stamp);
  EXPECT_EQ(adopted.endpoints, (std::vector<EndpointState>{Web(veth)}));
  EXPECT_EQ(adopted.host_addresses, (std::vector<IpAddress>{IpAddress::V4(198, 18, 0, 1)}));
  EXPECT_EQ(adopted.attachments, (std::vector<AdoptedAttachment>{{veth, 3}}));
  ExpectFilters(veth, 3);
  EXPECT_NE(ProgramId(3, BH_HOOK_INGRESS), old_program) << "this build's program took the old one's place";
  EXPECT_NE(access((std::string(kRoot) + "/v1/programs/4").c_str(), F_OK), 0) << "nothing uses that zone any more";

  ASSERT_TRUE(backend_->PutEndpoint(Web(veth)).ok());
  EXPECT_EQ(backend_->stamp(), stamp) << "the same endpoint again changes no verdict";
  const auto after = ReadElement<bh_address_key, bh_address>(backend_->MapFd("bh_addresses"), key);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->subject[BH_STAMP_SLOT(stamp)], before->subject[BH_STAMP_SLOT(stamp)]);
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(2)).ok());
  EXPECT_EQ(BH_STAMP_EPOCH(backend_->stamp()), BH_STAMP_EPOCH(stamp) + 1) << "the epoch goes on";
}

// Ends the start at several of its changes to the kernel, one after the other in the same bpffs, as a killed process would.
TEST_F(EbpfBackendTest, AnInterruptedStartIsRepaired) {
  int left = 0;
  KernelWriter failing([&](const char*, uint64_t) { return left-- > 0 ? absl::OkStatus() : absl::AbortedError("stop"); });
  for (const int calls : {2, 6, 12, 20, 30, 33, 36}) {
    left = calls;
    const auto stopped = EbpfBackend::Open(failing, clock_, SmallOptions());
    EXPECT_EQ(stopped.status().code(), absl::StatusCode::kAborted) << calls << ": " << stopped.status();
  }
  Open(SmallOptions());
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(1)).ok());
  const uint32_t veth = AddVeth("veth0");
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  ExpectFilters(veth, 0);
}

TEST_F(EbpfBackendTest, AForeignLayoutIsRefused) {
  Open(SmallOptions());
  backend_.reset();
  const std::string path = std::string(kRoot) + "/v1/maps/bh_ports";
  ASSERT_TRUE(writer_.Unpin(path).ok());
  const auto map = writer_.CreateMap(BPF_MAP_TYPE_HASH, "bh_ports", 8, 8, 16, 0);
  ASSERT_TRUE(map.ok());
  ASSERT_TRUE(writer_.Pin(map->get(), path).ok());
  const auto backend = EbpfBackend::Open(writer_, clock_, SmallOptions());
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition) << backend.status();
}

TEST_F(EbpfBackendTest, UninstallLeavesNothing) {
  const bool tcx = !TcxMissing();
  const uint32_t first = AddVeth("veth0");
  const uint32_t second = AddVeth("veth1");
  if (tcx) {
    ASSERT_TRUE(backend_->Attach(second, 0).ok());
  }
  auto clsact = Attacher::Open(writer_, PinBase(kRoot), AttachMode::kClsact);
  ASSERT_TRUE(clsact.ok()) << clsact.status();
  const ZonePrograms programs{*backend_->ProgramFd(0, BH_HOOK_INGRESS), *backend_->ProgramFd(0, BH_HOOK_EGRESS),
                              ProgramId(0, BH_HOOK_INGRESS), ProgramId(0, BH_HOOK_EGRESS)};
  ASSERT_TRUE((*clsact)->Attach(first, 0, programs).ok());
  backend_.reset();
  const auto listed = ListInstalled(kRoot);
  ASSERT_TRUE(listed.ok()) << listed.status();
  const auto mentions = [&](const std::string& text) {
    return std::any_of(listed->begin(), listed->end(), [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(mentions("tc filter bh_ingress"));
  EXPECT_TRUE(mentions("on veth0 egress"));
  EXPECT_TRUE(mentions("clsact qdisc on veth0"));
  EXPECT_EQ(mentions("tcx link"), tcx);
  EXPECT_TRUE(mentions("pin /sys/fs/bpf/bulkhead/v1/maps/bh_flows4"));
  std::vector<std::string> removed;
  const absl::Status status = Uninstall(writer_, kRoot, removed);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(removed, *listed);
  ExpectNothingLeft();
  removed.clear();
  EXPECT_TRUE(Uninstall(writer_, kRoot, removed).ok()) << "again";
  EXPECT_TRUE(removed.empty());
}

TEST_F(EbpfBackendTest, UninstallFindsFiltersWithoutPins) {
  const uint32_t veth = AddVeth("veth0");
  Open(SmallOptions());
  ASSERT_TRUE(backend_->Attach(veth, 0).ok());
  backend_.reset();
  std::vector<std::string> removed;
  for (const std::string& path : ListTree(kRoot)) {
    if (unlink(path.c_str()) != 0) rmdir(path.c_str());
  }
  ASSERT_TRUE(Uninstall(writer_, kRoot, removed).ok());
  EXPECT_EQ(removed.size(), 3u);
  ExpectNothingLeft();
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
    EXPECT_TRUE(backend_->ReadFlows([&](const FlowRecord& flow) {
                          if (flow.destination == inside) packets += flow.packets[0];
                          return true;
                        })
                    .ok());
    EXPECT_EQ(packets, 5000u) << "each was judged by one of the programs";
  }
}

// Packets must see a whole old policy or a whole new one. A reader does as the programs do: it takes the stamp once, then reads the
// tables of that slot; what it finds must be of the generation that the stamp belongs to, if the stamp is still the same after.
TEST_F(EbpfBackendTest, FlipsAreWhole) {
  Open(SmallOptions());
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(backend_->PutEndpoint(Web(42)).ok());
  const uint32_t start = BH_STAMP_EPOCH(backend_->stamp());
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> checked = 0, mixed = 0;
  std::thread reader([&] {
    const bh_address_key key = AddressKey(3, IpAddress::V4(198, 18, 0, 7));
    const auto stamp_now = [&] { return ReadElement<uint32_t, bh_control>(backend_->MapFd("bh_control"), 0).value_or(bh_control{}).stamp; };
    while (!stop) {
      const uint32_t stamp = stamp_now();
      const uint32_t slot = BH_STAMP_SLOT(stamp);
      const auto policy = ReadElement<uint32_t, bh_policy>(backend_->MapFd("bh_policy"), slot);
      const auto address = ReadElement<bh_address_key, bh_address>(backend_->MapFd("bh_addresses"), key);
      if (!policy.ok() || !address.ok()) continue;
      const auto subject = ReadElement<uint32_t, bh_subject>(backend_->MapFd("bh_subjects"), slot * BH_MAX_SUBJECTS + address->subject[slot]);
      if (!subject.ok() || stamp_now() != stamp) continue;
      ++checked;
      const uint32_t generation = BH_STAMP_EPOCH(stamp) - start + 1;
      if (policy->generation != generation || subject->identity != kWeb) ++mixed;
    }
  });
  for (uint64_t generation = 2; generation <= 60; ++generation) {
    ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(generation)).ok());
  }
  stop = true;
  reader.join();
  EXPECT_GT(checked, 100u);
  EXPECT_EQ(mixed, 0u);
}

TEST_F(EbpfBackendTest, ManyEndpointsStayCheap) {
  Open(SmallOptions());
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(1)).ok());
  for (uint16_t slot = 1; slot <= 400; ++slot) {
    EndpointState endpoint = Web(slot + 100u);
    endpoint.slot = slot;
    endpoint.addresses = {IpAddress::V4(198, 18, static_cast<uint8_t>(slot / 200), static_cast<uint8_t>(slot % 200 + 2))};
    const uint64_t before = writer_.sequence();
    ASSERT_TRUE(backend_->PutEndpoint(endpoint).ok());
    EXPECT_LE(writer_.sequence() - before, 4u) << "two places, endpoint, port";
  }
  EndpointState more = Web(5000);
  more.slot = 401;
  more.addresses.clear();
  for (uint8_t i = 2; i < 250; ++i) more.addresses.push_back(IpAddress::V4(198, 18, 9, i));
  const uint32_t stamp = backend_->stamp();
  const absl::Status status = backend_->PutEndpoint(more);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(backend_->stamp(), stamp);
  more.addresses.resize(5);
  EXPECT_TRUE(backend_->PutEndpoint(more).ok());
}

TEST(DefaultFlowEntriesTest, IsHalfAPercentWithinBounds) {
  constexpr uint64_t kGiB = 1ull << 30;
  EXPECT_EQ(DefaultFlowEntries(0), 1u << 14);
  EXPECT_EQ(DefaultFlowEntries(2 * kGiB), 1u << 15);
  EXPECT_EQ(DefaultFlowEntries(512 * kGiB), 1u << 17);
}

}  // namespace
}  // namespace bulkhead
