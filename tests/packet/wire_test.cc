// SPDX-License-Identifier: Apache-2.0
// What BPF_PROG_TEST_RUN cannot show, over real interfaces of the private namespace: the tag that the ingress program leaves, and
// frames that are cut within their IP header.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "bulkhead/abi/policy.h"
#include "dataplane/kernel/unique_fd.h"
#include "tests/packet/ebpf_world.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class WireTest : public testing::Test {
 protected:
  void SetUp() override {
    world_ = SharedWorld();
    if (world_ == nullptr) GTEST_SKIP() << "needs ebpf";
    ASSERT_TRUE(world_->Reset().ok());
    std::vector<EndpointState> endpoints;
    for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
    auto policy = std::make_shared<const CompiledPolicy>(CompileSetting({}, endpoints, 1));
    ASSERT_TRUE(world_->backend().ApplyPolicy(policy).ok());
    for (const EndpointState& endpoint : endpoints) ASSERT_TRUE(world_->backend().PutEndpoint(endpoint).ok());
    ASSERT_TRUE(world_->netns().Check().ok());
    socket_ = UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_GE(socket_.get(), 0);
  }

  // The interfaces do not talk on their own: no address is made for them.
  void BringUp(uint32_t ifindex) {
    const std::string name = "v" + std::to_string(ifindex), peer = "p" + std::to_string(ifindex);
    for (const std::string& link : {name, peer}) {
      const auto quiet = world_->netns().Command({"ip", "link", "set", link, "addrgenmode", "none"});
      const auto up = world_->netns().Command({"ip", "link", "set", link, "up"});
      ASSERT_TRUE(quiet.ok() && up.ok()) << quiet << up;
    }
  }

  void AttachBehind(uint32_t ifindex, bpf_tc_attach_point point, const char* program) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex), .attach_point = point);
    const int made = bpf_tc_hook_create(&hook);
    ASSERT_TRUE(made == 0 || made == -EEXIST) << made;
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = world_->TagProgram(program), .handle = 1, .priority = 9);
    ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  }

  // From inside the workload: out of the other end of the veth.
  void Send(uint32_t ifindex, const ByteVector& bytes) {
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(ifindex + 1000);
    to.sll_halen = 6;
    ASSERT_EQ(sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(bytes.size()));
  }

  void ForgetTag() { SetSeen(0); }
  // 0: no packet came through.
  uint32_t SeenTag() {
    uint32_t value = 0;
    for (int i = 0; i < 200 && value == 0; ++i) {
      const uint32_t zero = 0;
      EXPECT_EQ(bpf_map_lookup_elem(world_->TagMap("seen"), &zero, &value), 0);
      if (value == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return value;
  }
  uint64_t Truncated() { return world_->backend().ReadCounters().value()[BH_REASON_TRUNCATED * 3 + BH_DENY]; }

  EbpfWorld* world_ = nullptr;

 private:
  void SetSeen(uint32_t value) {
    const uint32_t zero = 0;
    ASSERT_EQ(bpf_map_update_elem(world_->TagMap("seen"), &zero, &value, BPF_ANY), 0);
  }

  UniqueFd socket_;
};

TEST_F(WireTest, IngressLeavesTheSendersTag) {
  BringUp(kWeb.ifindex());
  ASSERT_TRUE(world_->backend().Attach(kWeb.ifindex(), kWeb.zone()).ok());
  AttachBehind(kWeb.ifindex(), BPF_TC_INGRESS, "seen_tag");
  const Frame frames[] = {Between(kWeb, kDb) / Udp{1, 2, {}}, Between(kWeb, kDb) / Udp{1, 2, {}}, Between(kWeb, kDb, 6) / Tcp{1, 2},
                          Ethernet{kWeb.mac(), Broadcast(), {}} / Arp{1, kWeb.mac(), kWeb.v4, {}, kDb.v4},
                          Ethernet{kWeb.mac(), kDb.mac(), {}} / IPv6{kWeb.v6, kDb.v6, {}, 255} / NeighbourSolicitation(kDb.v6)};
  for (const bool forged : {false, true}) {
    if (forged) AttachBehind(kWeb.ifindex() + 1000, BPF_TC_EGRESS, "forge_tag");
    for (const Frame& frame : frames) {
      ForgetTag();
      Send(kWeb.ifindex(), frame.Build());
      EXPECT_EQ(SeenTag(), kWeb.slot() + 1u) << (forged ? "over a forged one" : "");
    }
  }
  EXPECT_TRUE(world_->backend().Detach(kWeb.ifindex()).ok());
}

TEST_F(WireTest, AForgedTagDoesCrossAVeth) {
  BringUp(kNoEndpoint);
  AttachBehind(kNoEndpoint, BPF_TC_INGRESS, "seen_tag");
  AttachBehind(kNoEndpoint + 1000, BPF_TC_EGRESS, "forge_tag");
  ForgetTag();
  Send(kNoEndpoint, (Between(kWeb, kDb) / Udp{1, 2, {}}).Build());
  EXPECT_EQ(SeenTag(), 4u + 1) << "else the case above shows nothing";
}

TEST_F(WireTest, FramesCutWithinTheirIpHeader) {
  BringUp(kApi.ifindex());
  ASSERT_TRUE(world_->backend().Attach(kApi.ifindex(), kApi.zone()).ok());
  const uint64_t before = Truncated();
  uint64_t sent = 0;
  for (const int family : {4, 6}) {
    const ByteVector whole = (Between(kApi, kDb, family) / Udp{1, 2, {}}).Build();
    for (size_t length = 15; length < (family == 4 ? 34u : 54u); ++length, ++sent) {
      Send(kApi.ifindex(), ByteVector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    }
  }
  for (int i = 0; i < 200 && Truncated() < before + sent; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(Truncated(), before + sent);
  EXPECT_TRUE(world_->backend().Detach(kApi.ifindex()).ok());
}

}  // namespace
}  // namespace bulkhead::packet_test
