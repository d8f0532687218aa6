// SPDX-License-Identifier: Apache-2.0
// The backend on a real kernel, in a namespace of its own.
#ifndef BULKHEAD_TESTS_UNIT_EBPF_BACKEND_FIXTURE_H_
#define BULKHEAD_TESTS_UNIT_EBPF_BACKEND_FIXTURE_H_

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bulkhead/abi/event.h"
#include "dataplane/ebpf/attach.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/ebpf/uninstall.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/tc.h"
#include "tests/lab/netns.h"

namespace bulkhead {

inline constexpr char kRoot[] = "/sys/fs/bpf/bulkhead";

inline EbpfOptions SmallOptions(AttachMode attach = AttachMode::kClsact) {
  EbpfOptions options;
  options.pin_root = kRoot;
  options.attach = attach;
  options.flow_entries = 1024;
  for (const char* map :
       {"bh_addresses", "bh_edges", "bh_edges_outside", "bh_staged_edges", "bh_fragments", "bh_published", "bh_targets"}) {
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
    const std::string path = PinBase(kRoot) + "/links/" + std::to_string(ifindex) + "_" + direction;
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

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_EBPF_BACKEND_FIXTURE_H_
