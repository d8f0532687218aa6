// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bulkhead/abi/address.h"
#include "bulkhead/abi/policy.h"

namespace bulkhead::reference {
namespace {

EndpointState Workload(uint16_t slot, uint8_t number) {
  EndpointState endpoint;
  endpoint.slot = slot;
  endpoint.ifindex = 100u + slot;
  endpoint.zone = 1;
  endpoint.bound = true;
  endpoint.workload = slot;
  endpoint.identity = kFirstIdentity;
  endpoint.mac.bytes = {2, 0, 0, 0, 1, number};
  endpoint.addresses = {IpAddress::V4(198, 18, 1, number)};
  return endpoint;
}

Packet Udp(uint8_t from, uint8_t to, uint16_t port) {
  Packet packet;
  packet.zone = 1;
  packet.ifindex = packet.ingress_ifindex = 100u + from;
  packet.bytes = {2,
                  0,
                  0,
                  0,
                  1,
                  to,
                  2,
                  0,
                  0,
                  0,
                  1,
                  from,
                  8,
                  0,
                  0x45,
                  0,
                  0,
                  28,
                  0,
                  0,
                  0,
                  0,
                  64,
                  17,
                  0,
                  0,
                  198,
                  18,
                  1,
                  from,
                  198,
                  18,
                  1,
                  to,
                  0x9c,
                  0x40,
                  static_cast<uint8_t>(port >> 8),
                  static_cast<uint8_t>(port),
                  0,
                  8,
                  0,
                  0};
  return packet;
}

class ReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(reference_.PutEndpoint(Workload(2, 2)).ok());
    ASSERT_TRUE(reference_.PutEndpoint(Workload(5, 5)).ok());
  }

  Reference reference_;
};

TEST_F(ReferenceTest, WithoutAPolicyEverythingPasses) {
  const Outcome outcome = reference_.Judge(Udp(2, 5, 53));
  EXPECT_TRUE(outcome.pass);
  EXPECT_EQ(outcome.verdict, Verdict::kAllow);
  EXPECT_EQ(outcome.tag, 2);
}

TEST_F(ReferenceTest, FlowsAreReadFromWhoOpenedThem) {
  reference_.Judge(Udp(5, 2, 53));
  std::vector<FlowRecord> flows;
  ASSERT_TRUE(reference_
                  .ReadFlows([&](const FlowRecord& flow) {
                    flows.push_back(flow);
                    return true;
                  })
                  .ok());
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].source, IpAddress::V4(198, 18, 1, 5));
  EXPECT_EQ(flows[0].source_port, 40000);
  EXPECT_EQ(flows[0].destination_port, 53);
  EXPECT_EQ(flows[0].packets[0], 1u);
  EXPECT_EQ(flows[0].bytes[0], 42u);
  EXPECT_EQ(flows[0].packets[1], 0u);
  EXPECT_EQ(flows[0].source_slot, 5);
}

TEST_F(ReferenceTest, ReadersMayStop) {
  reference_.Judge(Udp(2, 5, 53));
  reference_.Judge(Udp(2, 5, 54));
  int flows = 0;
  ASSERT_TRUE(reference_.ReadFlows([&](const FlowRecord&) { return ++flows < 1; }).ok());
  EXPECT_EQ(flows, 1);
}

TEST_F(ReferenceTest, NewContainersDoNotRaiseTheEpoch) {
  const uint32_t stamp = reference_.stamp();
  ASSERT_TRUE(reference_.PutEndpoint(Workload(7, 7)).ok());
  ASSERT_TRUE(reference_.PutEndpoint(Workload(7, 7)).ok());
  EXPECT_EQ(reference_.stamp(), stamp);
  EndpointState rebound = Workload(7, 7);
  rebound.identity = kFirstIdentity + 1;
  ASSERT_TRUE(reference_.PutEndpoint(rebound).ok());
  EXPECT_NE(reference_.stamp(), stamp);
  const uint32_t later = reference_.stamp();
  ASSERT_TRUE(reference_.RemoveEndpoint(7).ok());
  EXPECT_NE(reference_.stamp(), later);
}

TEST_F(ReferenceTest, WhatChangesNothingDoesNotRaiseTheEpoch) {
  const std::vector<PublishedTarget> targets = {{IpAddress::V4(0, 0, 0, 0), 80, kProtoTcp, IpAddress::V4(198, 18, 1, 2), 8080, 1},
                                                {IpAddress::V4(0, 0, 0, 0), 81, kProtoTcp, IpAddress::V4(198, 18, 1, 5), 8081, 1}};
  const std::vector<IpAddress> host = {IpAddress::V4(198, 19, 0, 1)};
  EndpointState unbound = Workload(7, 7);
  unbound.bound = false;
  ASSERT_TRUE(reference_.SetPublished(targets).ok());
  ASSERT_TRUE(reference_.SetHostAddresses(host).ok());
  ASSERT_TRUE(reference_.PutEndpoint(unbound).ok());
  const uint32_t stamp = reference_.stamp();
  ASSERT_TRUE(reference_.SetPublished({targets[1], targets[0]}).ok());
  ASSERT_TRUE(reference_.SetHostAddresses(host).ok());
  ASSERT_TRUE(reference_.SetOptions({}).ok());
  unbound.identity = kFirstIdentity + 1;  // nobody's yet
  ASSERT_TRUE(reference_.PutEndpoint(unbound).ok());
  EXPECT_EQ(reference_.stamp(), stamp);
}

TEST_F(ReferenceTest, WhatMayChangeAVerdictRaisesTheEpoch) {
  uint32_t stamp = reference_.stamp();
  const auto raised = [&] { return std::exchange(stamp, reference_.stamp()) != reference_.stamp(); };
  DataplaneOptions options;
  options.proxy_is_world = false;
  ASSERT_TRUE(reference_.SetOptions(options).ok());
  EXPECT_TRUE(raised()) << "the proxy is the host";
  ASSERT_TRUE(reference_.SetPublished({{IpAddress::V4(0, 0, 0, 0), 80, kProtoTcp, IpAddress::V4(198, 18, 1, 2), 8080, 1}}).ok());
  EXPECT_TRUE(raised()) << "published";
  ASSERT_TRUE(reference_.SetHostAddresses({IpAddress::V4(198, 19, 0, 1)}).ok());
  EXPECT_TRUE(raised()) << "the host's address";
  EndpointState rival = Workload(9, 9);
  rival.addresses = {IpAddress::V4(198, 19, 0, 1)};
  ASSERT_TRUE(reference_.PutEndpoint(rival).ok());
  EXPECT_TRUE(raised()) << "the host's address is ambiguous";
}

TEST_F(ReferenceTest, APolicyFlipsTheSlot) {
  const uint32_t stamp = reference_.stamp();
  ASSERT_FALSE(reference_.ApplyPolicy(nullptr).ok());
  EXPECT_EQ(reference_.stamp(), stamp);
  auto policy = std::make_shared<CompiledPolicy>();
  policy->subjects.resize(3);
  policy->rules.resize(3);
  ASSERT_TRUE(reference_.ApplyPolicy(policy).ok());
  EXPECT_NE(reference_.stamp() & 1, stamp & 1);
}

TEST_F(ReferenceTest, RefusesSlotsThatDoNotExist) {
  EXPECT_FALSE(reference_.PutEndpoint(Workload(0, 9)).ok());
  EXPECT_FALSE(reference_.PutEndpoint(Workload(BH_MAX_ENDPOINTS, 9)).ok());
}

TEST_F(ReferenceTest, EventsAreHandedOverOnce) {
  Packet forged = Udp(2, 5, 53);
  forged.bytes[29] = 9;
  reference_.Judge(forged);
  std::vector<bh_event> events;
  const auto keep = [&](const bh_event& event) { events.push_back(event); };
  ASSERT_TRUE(reference_.DrainEvents(keep).ok());
  ASSERT_TRUE(reference_.DrainEvents(keep).ok());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].reason, BH_REASON_SPOOFED_IP);
  EXPECT_EQ(events[0].verdict, BH_WOULD_DENY) << "nobody enforces without a policy";
}

TEST_F(ReferenceTest, EventsAreBounded) {
  Packet forged = Udp(2, 5, 53);
  forged.bytes[29] = 9;
  for (size_t i = 0; i < Ledger::kMaxEvents + 10; ++i) reference_.Judge(forged);
  EXPECT_EQ(reference_.ReadCounters().value()[BH_COUNTER_EVENTS_LOST], 10u);
}

TEST_F(ReferenceTest, AttachRecords) {
  ASSERT_TRUE(reference_.Attach(102, 1).ok());
  EXPECT_EQ(reference_.attached().at(102), 1);
  ASSERT_TRUE(reference_.Detach(102).ok());
  EXPECT_TRUE(reference_.attached().empty());
}

}  // namespace
}  // namespace bulkhead::reference
