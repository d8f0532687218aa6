// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/ebpf/tables.h"
#include "dataplane/kernel/bpf_map.h"
#include "tests/unit/ebpf/backend_fixture.h"
#include "tests/unit/ebpf/policies.h"

namespace bulkhead {
namespace {

TEST_F(EbpfBackendTest, OpensAndPins) {
  Open(SmallOptions());
  EXPECT_FALSE(backend_->adopted().adopted);
  EXPECT_EQ(access((PinBase(kRoot) + "/maps/bh_control").c_str(), F_OK), 0);
  EXPECT_EQ(access((PinBase(kRoot) + "/programs/0/bh_ingress").c_str(), F_OK), 0);
  EXPECT_EQ(access((PinBase(kRoot) + "/programs/0/bh_ingress_next").c_str(), F_OK), -1);
  const auto counters = backend_->ReadCounters();
  ASSERT_TRUE(counters.ok()) << counters.status();
  EXPECT_EQ(counters->size(), static_cast<size_t>(BH_COUNTER_COUNT));
  EXPECT_TRUE(backend_->ReadFlows([](const FlowRecord&) { return true; }).ok());
  EXPECT_TRUE(backend_->ReadEdges([](const EdgeRecord&) { return true; }).ok());
  EXPECT_TRUE(backend_->DrainEvents([](const bh_event&) {}).ok());
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
  EXPECT_TRUE(adopted.policy);
  EXPECT_EQ(adopted.stamp, stamp);
  EXPECT_EQ(adopted.endpoints, (std::vector<EndpointState>{Web(veth)}));
  EXPECT_EQ(adopted.host_addresses, (std::vector<IpAddress>{IpAddress::V4(198, 18, 0, 1)}));
  EXPECT_EQ(adopted.attachments, (std::vector<AdoptedAttachment>{{veth, 3}}));
  ExpectFilters(veth, 3);
  EXPECT_NE(ProgramId(3, BH_HOOK_INGRESS), old_program) << "this build's program took the old one's place";
  EXPECT_NE(access((PinBase(kRoot) + "/programs/4").c_str(), F_OK), 0) << "nothing uses that zone any more";

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
  const std::string path = PinBase(kRoot) + "/maps/bh_ports";
  ASSERT_TRUE(writer_.Unpin(path).ok());
  const auto map = writer_.CreateMap(BPF_MAP_TYPE_HASH, "bh_ports", 8, 8, 16, 0);
  ASSERT_TRUE(map.ok());
  ASSERT_TRUE(writer_.Pin(map->get(), path).ok());
  const auto backend = EbpfBackend::Open(writer_, clock_, SmallOptions());
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition) << backend.status();
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
    const auto stamp_now = [&] {
      return ReadElement<uint32_t, bh_control>(backend_->MapFd("bh_control"), 0).value_or(bh_control{}).stamp;
    };
    while (!stop) {
      const uint32_t stamp = stamp_now();
      const uint32_t slot = BH_STAMP_SLOT(stamp);
      const auto policy = ReadElement<uint32_t, bh_policy>(backend_->MapFd("bh_policy"), slot);
      const auto address = ReadElement<bh_address_key, bh_address>(backend_->MapFd("bh_addresses"), key);
      if (!policy.ok() || !address.ok()) continue;
      const auto subject =
          ReadElement<uint32_t, bh_subject>(backend_->MapFd("bh_subjects"), slot * BH_MAX_SUBJECTS + address->subject[slot]);
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
    EXPECT_LE(writer_.sequence() - before, 6u) << "two places, endpoint, port, MAC, the word of arrivals";
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
  EXPECT_EQ(DefaultFlowEntries(2 * kGiB), 1u << 16);
  EXPECT_EQ(DefaultFlowEntries(512 * kGiB), 1u << 22);
}

}  // namespace
}  // namespace bulkhead
