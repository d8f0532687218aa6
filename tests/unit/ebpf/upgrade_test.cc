// SPDX-License-Identifier: Apache-2.0
// Starts on what another start left: of the same layout, an older, a newer one.
#include <gtest/gtest.h>

#include <algorithm>

#include "bulkhead/abi/config.h"
#include "dataplane/ebpf/start_report.h"
#include "dataplane/ebpf/tables.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/bpffs.h"
#include "tests/unit/ebpf/backend_fixture.h"
#include "tests/unit/ebpf/policies.h"

namespace bulkhead {
namespace {

constexpr uint32_t kNext = BH_LAYOUT_VERSION + 1;

EbpfOptions NextOptions(AttachMode attach = AttachMode::kClsact) {
  EbpfOptions options = SmallOptions(attach);
  options.layout_version = kNext;
  return options;
}

uint32_t MapIdOf(int fd) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
  return info.id;
}

class UpgradeTest : public EbpfBackendTest {
 protected:
  // A veth with programs, and what the maps say of it.
  void Live(AttachMode attach = AttachMode::kClsact) {
    veth_ = AddVeth("veth0");
    Open(SmallOptions(attach));
    ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(1)).ok());
    ASSERT_TRUE(backend_->PutEndpoint(Web()).ok());
    ASSERT_TRUE(backend_->Attach(veth_, 3).ok());
    old_program_ = ProgramId(3, BH_HOOK_INGRESS);
    flows_ = MapIdOf(backend_->MapFd("bh_flows4"));
    secret_ = backend_->control().secret[0];
    stamp_ = backend_->stamp();
    backend_.reset();
  }
  EndpointState Web() const {
    EndpointState web;
    web.slot = 7;
    web.ifindex = veth_;
    web.zone = 3;
    web.bound = true;
    web.mac = *MacAddress::Parse("02:00:00:00:00:07");
    web.workload = 9;
    web.identity = kWeb;
    web.addresses = {IpAddress::V4(198, 18, 0, 7), *IpAddress::Parse("fd00::7")};
    return web;
  }
  void Finish() {
    ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(2)).ok());
    ASSERT_TRUE(backend_->PutEndpoint(Web()).ok());
    ExpectAttachedTo(veth_, old_program_);
    ASSERT_TRUE(backend_->Attach(veth_, 3).ok());
    ExpectFilters(veth_, 3);
    ASSERT_TRUE(backend_->FinishUpgrade().ok());
  }
  std::vector<std::string> Layouts() {
    std::vector<std::string> out;
    for (const PinnedLayout& layout : FindLayouts(kRoot)) out.push_back(layout.base.substr(std::string(kRoot).size() + 1));
    return out;
  }
  StartReport Report(const EbpfOptions& options) {
    const auto pins = ListTree(kRoot);
    const auto filters = Filters(veth_);
    const auto report = ReportStart(options);
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(ListTree(kRoot), pins) << "it only looks";
    EXPECT_EQ(Filters(veth_), filters);
    return report.value_or(StartReport{});
  }

  uint32_t veth_ = 0, old_program_ = 0, flows_ = 0, stamp_ = 0;
  uint64_t secret_ = 0;
};

TEST_F(UpgradeTest, TheOldJudgesUntilTheNewIsReadyAndThenIsGone) {
  Live();
  Open(NextOptions());
  const AdoptedState& adopted = backend_->adopted();
  EXPECT_FALSE(adopted.adopted);
  EXPECT_EQ(adopted.older_version, uint32_t{BH_LAYOUT_VERSION});
  EXPECT_EQ(adopted.older_interfaces, std::set<uint32_t>{veth_});
  EXPECT_EQ(adopted.endpoints, std::vector<EndpointState>{Web()});
  ExpectAttachedTo(veth_, old_program_);
  EXPECT_EQ(MapIdOf(backend_->MapFd("bh_flows4")), flows_) << "flows are used on";
  EXPECT_EQ(backend_->control().secret[0], secret_) << "or nobody would find them";
  EXPECT_GT(BH_STAMP_EPOCH(backend_->stamp()), BH_STAMP_EPOCH(stamp_)) << "and are judged anew";
  EXPECT_EQ(Layouts(), (std::vector<std::string>{"v" + std::to_string(BH_LAYOUT_VERSION), "v" + std::to_string(kNext)}));
  Finish();
  EXPECT_EQ(Layouts(), std::vector<std::string>{"v" + std::to_string(kNext)});
  backend_.reset();
  Open(NextOptions());
  EXPECT_TRUE(backend_->adopted().adopted);
  EXPECT_TRUE(backend_->adopted().repaired.empty());
  ASSERT_TRUE(backend_->Detach(veth_).ok());
  EXPECT_FALSE(Clsact(veth_)) << "that the clsact is ours is remembered";
}

TEST_F(UpgradeTest, AFlowTableThatChangedInPartIsMadeAnewAsAWhole) {
  Live();
  EbpfOptions options = NextOptions();
  options.fresh_maps = {"bh_flows6"};
  Open(options);
  EXPECT_NE(MapIdOf(backend_->MapFd("bh_flows4")), flows_);
  EXPECT_NE(backend_->control().secret[0], secret_);
  const auto& carried = backend_->adopted().carried;
  EXPECT_NE(std::find(carried.begin(), carried.end(), "bh_edges"), carried.end());
  EXPECT_EQ(std::find(carried.begin(), carried.end(), "bh_flows4"), carried.end());
  Finish();
}

TEST_F(UpgradeTest, InterruptedAnywhereItBeginsAgainAndTheOldGoesOn) {
  Live();
  int left = 0;
  KernelWriter failing([&](const char*, uint64_t) { return left-- > 0 ? absl::OkStatus() : absl::AbortedError("stop"); });
  for (const int calls : {3, 30, 70, 90}) {
    left = calls;
    const auto stopped = EbpfBackend::Open(failing, clock_, NextOptions());
    if (stopped.ok()) break;  // all calls were made
    EXPECT_EQ(stopped.status().code(), absl::StatusCode::kAborted) << calls << ": " << stopped.status();
    ExpectAttachedTo(veth_, old_program_);
    const auto layouts = FindLayouts(kRoot);
    ASSERT_FALSE(layouts.empty());
    EXPECT_TRUE(layouts.front().whole && layouts.front().version == BH_LAYOUT_VERSION) << calls;
  }
  Open(NextOptions());
  EXPECT_EQ(backend_->adopted().endpoints, std::vector<EndpointState>{Web()});
  EXPECT_EQ(MapIdOf(backend_->MapFd("bh_flows4")), flows_);
  Finish();
  EXPECT_EQ(Layouts(), std::vector<std::string>{"v" + std::to_string(kNext)});
}

TEST_F(UpgradeTest, ANewerLayoutIsLeftAloneUnlessReset) {
  veth_ = AddVeth("veth0");
  Open(NextOptions());
  ASSERT_TRUE(backend_->PutEndpoint(Web()).ok());
  ASSERT_TRUE(backend_->Attach(veth_, 3).ok());
  old_program_ = ProgramId(3, BH_HOOK_INGRESS);
  flows_ = MapIdOf(backend_->MapFd("bh_flows4"));
  backend_.reset();
  EXPECT_NE(Report(SmallOptions()).refused, "");
  const auto refused = EbpfBackend::Open(writer_, clock_, SmallOptions());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << refused.status();
  EXPECT_NE(std::string(refused.status().message()).find("--reset"), std::string::npos) << refused.status();
  ExpectAttachedTo(veth_, old_program_);

  EbpfOptions reset = SmallOptions();
  reset.reset = true;
  EXPECT_EQ(Report(reset).kind, StartKind::kReset);
  Open(reset);
  ASSERT_EQ(backend_->adopted().endpoints.size(), 1u);
  EXPECT_EQ(backend_->adopted().endpoints[0].slot, 7) << "packets on their way carry it";
  EXPECT_FALSE(backend_->adopted().endpoints[0].bound);
  EXPECT_NE(MapIdOf(backend_->MapFd("bh_flows4")), flows_);
  Finish();
  EXPECT_EQ(Layouts(), std::vector<std::string>{"v" + std::to_string(BH_LAYOUT_VERSION)});
}

TEST_F(UpgradeTest, ResetOfOurOwnLayoutMakesItAnew) {
  Live();
  EbpfOptions reset = SmallOptions();
  reset.reset = true;
  Open(reset);
  EXPECT_NE(MapIdOf(backend_->MapFd("bh_flows4")), flows_);
  EXPECT_EQ(Layouts().size(), 2u);
  Finish();
  EXPECT_EQ(Layouts(), std::vector<std::string>{"v" + std::to_string(BH_LAYOUT_VERSION)});
}

TEST_F(UpgradeTest, PinnedLinksMoveAlongAndAreUpdatedInPlace) {
  if (TcxMissing()) GTEST_SKIP() << "this kernel has no tcx";
  backend_.reset();
  ASSERT_TRUE(netns_->Command({"ip", "link", "del", "probe"}).ok());
  std::vector<std::string> removed;
  ASSERT_TRUE(Uninstall(writer_, kRoot, removed).ok());
  Live(AttachMode::kTcx);
  Open(NextOptions(AttachMode::kTcx));
  const std::string path = PinBase(kRoot, kNext) + "/links/" + std::to_string(veth_) + "_ingress";
  const UniqueFd link(bpf_obj_get(path.c_str()));
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(ReadLinkInfo(link.get())->program_id, old_program_);
  ASSERT_TRUE(backend_->Attach(veth_, 3).ok());
  EXPECT_EQ(ReadLinkInfo(link.get())->program_id, ProgramId(3, BH_HOOK_INGRESS));
  ASSERT_TRUE(backend_->FinishUpgrade().ok());
  EXPECT_EQ(ReadLinkInfo(link.get())->ifindex, veth_) << "still attached";
}

TEST_F(UpgradeTest, TheReportSaysWhatAStartWouldDo) {
  veth_ = AddVeth("other0");
  StartReport report = Report(SmallOptions());
  EXPECT_EQ(report.kind, StartKind::kNew);
  EXPECT_FALSE(report.Changes());
  ASSERT_TRUE(netns_->Command({"ip", "link", "del", "other0"}).ok());
  Live();
  report = Report(SmallOptions());
  EXPECT_EQ(report.kind, StartKind::kAdopt);
  EXPECT_EQ(report.interfaces, 1u);
  EXPECT_FALSE(report.Changes()) << report.other_build << " " << report.wrong.size();
  report = Report(NextOptions());
  EXPECT_EQ(report.kind, StartKind::kUpgrade);
  EXPECT_EQ(report.from, uint32_t{BH_LAYOUT_VERSION});
  EXPECT_TRUE(report.flows_carried);
  EXPECT_TRUE(report.Changes());
  ASSERT_TRUE(writer_.DeleteFilter(veth_, TcDirection::kEgress).ok());
  report = Report(SmallOptions());
  ASSERT_EQ(report.wrong.size(), 1u);
  EXPECT_NE(report.wrong[0].find("veth0, egress"), std::string::npos) << report.wrong[0];
  EXPECT_TRUE(report.Changes());
}

TEST_F(UpgradeTest, ProgramsOnOtherMapsThanThePinnedOnesAreFoundAndReplaced) {
  Live();
  const std::string path = PinBase(kRoot) + "/maps/bh_fast_ends";
  ASSERT_TRUE(writer_.Unpin(path).ok());
  const auto map = writer_.CreateMap(BPF_MAP_TYPE_ARRAY, "bh_fast_ends", 4, sizeof(bh_fast), BH_MAX_ENDPOINTS, 0);
  ASSERT_TRUE(map.ok());
  ASSERT_TRUE(writer_.Pin(map->get(), path).ok());
  Open(SmallOptions());
  const auto& repaired = backend_->adopted().repaired;
  ASSERT_EQ(repaired.size(), 1u) << "of the two, only what judges at ingress uses it";
  EXPECT_NE(repaired[0].find("bh_fast_ends"), std::string::npos) << repaired[0];
  ExpectFilters(veth_, 3);
  ASSERT_TRUE(backend_->PutEndpoint(Web()).ok());
  const auto slot = ReadElement<uint32_t, uint32_t>(backend_->MapFd("bh_ports"), veth_);
  EXPECT_EQ(slot.value_or(0), 7u) << "what it should say is written anew";
  backend_.reset();
  Open(SmallOptions());
  EXPECT_TRUE(backend_->adopted().repaired.empty());
}

// What others wrote into the maps meanwhile goes when what should be there is said again.
TEST_F(UpgradeTest, MapsThatSomebodyChangedAreBroughtBack) {
  Live();
  const UniqueFd addresses(bpf_obj_get((PinBase(kRoot) + "/maps/bh_addresses").c_str()));
  const UniqueFd endpoints(bpf_obj_get((PinBase(kRoot) + "/maps/bh_endpoints").c_str()));
  const bh_address_key own = AddressKey(3, IpAddress::V4(198, 18, 0, 7)), strange = AddressKey(3, IpAddress::V4(198, 18, 0, 99));
  const auto address = ReadElement<bh_address_key, bh_address>(addresses.get(), own);
  const auto endpoint = ReadElement<uint32_t, bh_endpoint>(endpoints.get(), 7);
  ASSERT_TRUE(address.ok() && endpoint.ok());
  ASSERT_TRUE(writer_.DeleteElement(addresses.get(), &own).ok());
  ASSERT_TRUE(writer_.UpdateElement(addresses.get(), &strange, &*address).ok());
  bh_endpoint forged = *endpoint;
  forged.identity = kWeb + 1;
  const uint32_t slot = 7;
  ASSERT_TRUE(writer_.UpdateElement(endpoints.get(), &slot, &forged).ok());
  Open(SmallOptions());
  ASSERT_TRUE(backend_->PutEndpoint(Web()).ok());
  ASSERT_TRUE(backend_->ApplyPolicy(TwoServices(2)).ok());
  EXPECT_TRUE((ReadElement<bh_address_key, bh_address>(addresses.get(), own).ok()));
  EXPECT_FALSE((ReadElement<bh_address_key, bh_address>(addresses.get(), strange).ok()));
  EXPECT_EQ((ReadElement<uint32_t, bh_endpoint>(endpoints.get(), 7)->identity), uint32_t{kWeb});
}

}  // namespace
}  // namespace bulkhead
