// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/top_sampler.h"

#include "gtest/gtest.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::api {
namespace {

using testing::kApi, testing::kDb, testing::kWeb;

class TopSamplerTest : public ::testing::Test {
 protected:
  FlowRecord Flow(IdentityId source, uint16_t port, uint64_t packets, uint64_t opened_s = 1) {
    FlowRecord flow = testing::MakeShopFlow(source, Verdict::kAllow, testing::kDbIngress0, 0, 0);
    flow.source_port = port;
    flow.packets[0] = packets;
    flow.packets[1] = 0;
    flow.bytes[0] = packets * 100;
    flow.bytes[1] = 7;
    flow.opened_ns = opened_s * 1'000'000'000;
    return flow;
  }
  EdgeRecord Edge(IdentityId source, Verdict verdict, uint64_t flows, uint64_t denied, uint64_t first_seen_s = 1) {
    EdgeRecord edge;
    edge.source_identity = source;
    edge.destination_identity = kDb;
    edge.verdict = verdict;
    edge.flows = flows;
    edge.denied = denied;
    edge.first_seen = first_seen_s * 1'000'000'000;
    return edge;
  }
  TopRow Sample(uint64_t second, const std::string& from = "shop/web") {
    EXPECT_TRUE(sampler_.Sample(&service_, {second * 1'000'000'000, second * 1'000'000'000, second * 1000}).ok());
    const auto rows = sampler_.ByPair(Names(service_.GetView()));
    const auto at = rows.find({from, "shop/db"});
    return at == rows.end() ? TopRow() : at->second;
  }

  testing::FakeService service_;
  TopSampler sampler_;
};

TEST_F(TopSamplerTest, GivesWhatTheIntervalHad) {
  service_.SetTraffic({Flow(kWeb, 1, 100), Flow(kWeb, 2, 50), Flow(kApi, 1, 9)},
                      {Edge(kWeb, Verdict::kAllow, 2, 0), Edge(kWeb, Verdict::kDeny, 0, 30)});
  Sample(100);
  EXPECT_TRUE(sampler_.ByPair(Names(service_.GetView())).empty()) << "nothing to compare with";
  service_.SetTraffic({Flow(kWeb, 1, 110), Flow(kWeb, 2, 50), Flow(kWeb, 3, 5, 101), Flow(kApi, 1, 9)},
                      {Edge(kWeb, Verdict::kAllow, 3, 0), Edge(kWeb, Verdict::kDeny, 0, 34), Edge(kWeb, Verdict::kWouldDeny, 2, 1, 101)});
  const TopRow row = Sample(102);
  EXPECT_EQ(sampler_.interval_ms(), 2000u);
  EXPECT_EQ(row.flows, 3u);
  EXPECT_EQ(row.packets, 15u);
  EXPECT_EQ(row.bytes, 1500u + 7);
  EXPECT_EQ(row.new_flows, 3u);
  EXPECT_EQ(row.denied, 5u);
  EXPECT_EQ(row.would_deny, 3u);
  EXPECT_EQ(Sample(104).packets, 0u);
}

TEST_F(TopSamplerTest, WhatWasThereBeforeIsNoTrafficOfTheInterval) {
  service_.SetTraffic({}, {});
  Sample(100);
  // Old, but missed by the walk before.
  service_.SetTraffic({Flow(kWeb, 1, 1000, 50)}, {Edge(kWeb, Verdict::kAllow, 400, 0, 50)});
  const TopRow row = Sample(102);
  EXPECT_EQ(row.flows, 1u);
  EXPECT_EQ(row.packets, 0u);
  EXPECT_EQ(row.new_flows, 0u);
}

TEST_F(TopSamplerTest, AFlowThatIsOverIsNotOpen) {
  service_.SetTraffic({Flow(kWeb, 1, 10)}, {});
  Sample(100);
  FlowRecord closed = Flow(kWeb, 1, 12);
  closed.state = FlowState::kClosed;
  service_.SetTraffic({closed}, {});
  TopRow row = Sample(102);
  EXPECT_EQ(row.flows, 0u);
  EXPECT_EQ(row.packets, 2u) << "its last packets count";
  row = Sample(104);
  EXPECT_EQ(row.packets, 0u);
}

TEST_F(TopSamplerTest, AnEdgeThatWasGivenUpCountsAnew) {
  service_.SetTraffic({}, {Edge(kWeb, Verdict::kAllow, 400, 0)});
  Sample(100);
  service_.SetTraffic({}, {Edge(kWeb, Verdict::kAllow, 3, 0, 101)});
  EXPECT_EQ(Sample(102).new_flows, 3u);
}

}  // namespace
}  // namespace bulkhead::api
