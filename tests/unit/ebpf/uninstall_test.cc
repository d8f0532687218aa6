// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/uninstall.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/kernel/bpffs.h"
#include "tests/unit/ebpf/backend_fixture.h"

namespace bulkhead {
namespace {

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
    return std::any_of(listed->begin(), listed->end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(mentions("tc filter bh_ingress"));
  EXPECT_TRUE(mentions("on veth0 egress"));
  EXPECT_TRUE(mentions("clsact qdisc on veth0"));
  EXPECT_EQ(mentions("tcx link"), tcx);
  EXPECT_TRUE(mentions("pin " + PinBase(kRoot) + "/maps/bh_flows4"));
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

}  // namespace
}  // namespace bulkhead
