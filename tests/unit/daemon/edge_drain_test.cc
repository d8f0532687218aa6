// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/edge_drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bulkhead/abi/event.h"
#include "controlplane/daemon/observer.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EdgeDrainTest : public testing::Test {
 protected:
  void SetUp() override {
    clock_.Advance(7200 * kSecond);
    for (const IdentityId id : {kFirstIdentity, kFirstIdentity + 1}) {
      view_.identities[id] = {id, "shop", "s" + std::to_string(id), {}, "sha256:1"};
    }
  }
  void Add(uint16_t port, uint64_t answered, uint64_t idle_seconds) {
    EdgeRecord edge;
    edge.source_identity = kFirstIdentity;
    edge.destination_identity = kFirstIdentity + 1;
    edge.protocol = kProtoTcp;
    edge.port = port;
    edge.flows = edge.answered = answered;
    edge.last_seen = clock_.BoottimeNs() - idle_seconds * kSecond;
    edge.first_seen = edge.last_seen - 1;
    backend_.edges.push_back(edge);
  }
  std::vector<std::pair<uint16_t, uint64_t>> Learned() {
    std::vector<std::pair<uint16_t, uint64_t>> out;
    const auto edges = learner_->Edges();
    EXPECT_TRUE(edges.ok()) << edges.status();
    if (!edges.ok()) return out;
    for (const LearnedEdge& edge : *edges) out.emplace_back(edge.edge.port, edge.edge.answered);
    return out;
  }

  FakeClock clock_;
  FakeBackend backend_;
  std::unique_ptr<Learner> learner_ = *Learner::Open(":memory:");
  View view_;
};

TEST_F(EdgeDrainTest, WhereManyAreIdleOnesAreTakenOutOnceWrittenDown) {
  EdgeDrain drain(&backend_, learner_.get(), &clock_, /*crowded=*/2);
  Add(80, 3, 3000);
  Add(81, 4, 10);
  ASSERT_TRUE(drain.Drain(view_).ok());
  EXPECT_EQ(backend_.edges.size(), 2u) << "there is room";
  Add(82, 5, 5);
  backend_.before_take = [&] { backend_.edges.front().flows = backend_.edges.front().answered += 2; };
  ASSERT_TRUE(drain.Drain(view_).ok());
  EXPECT_EQ(backend_.edges.size(), 2u);
  EXPECT_EQ(backend_.edges.front().port, 81);
  backend_.before_take = nullptr;
  Add(80, 1, 0);  // it comes again, and counts from zero
  ASSERT_TRUE(drain.Drain(view_).ok());
  EXPECT_THAT(Learned(), ElementsAre(std::pair(80, 6), std::pair(81, 4), std::pair(82, 5)));
}

// A port scan: each port is an edge that nobody answers.
TEST_F(EdgeDrainTest, WhereManyAreThoseNeverAnsweredAreTakenOutHoweverYoung) {
  EdgeDrain drain(&backend_, learner_.get(), &clock_, /*crowded=*/10);
  Add(80, 4, 10);
  for (uint16_t port = 1000; port < 1010; ++port) {
    Add(port, 0, 0);
    backend_.edges.back().flows = 1;
  }
  ASSERT_TRUE(drain.Drain(view_).ok());
  ASSERT_EQ(backend_.edges.size(), 1u);
  EXPECT_EQ(backend_.edges.front().port, 80);
  EXPECT_EQ(Learned().size(), 11u) << "they are written down";
  ASSERT_TRUE(drain.Drain(view_).ok());
  EXPECT_EQ(Learned().size(), 11u);
}

TEST_F(EdgeDrainTest, EdgesWithoutRoomAreTold) {
  EdgeDrain drain(&backend_, learner_.get(), &clock_);
  backend_.counters[BH_COUNTER_EDGES_LOST] = 7;  // of before this process
  EXPECT_TRUE(drain.Lost().ok());
  backend_.counters[BH_COUNTER_EDGES_LOST] = 12;
  EXPECT_THAT(std::string(drain.Lost().message()), testing::HasSubstr("full 5 times"));
  clock_.Advance(EdgeDrain::kTold - kSecond);
  EXPECT_FALSE(drain.Lost().ok());
  clock_.Advance(2 * kSecond);
  EXPECT_TRUE(drain.Lost().ok());
}

TEST_F(EdgeDrainTest, TellsWhoHasNewEdges) {
  EdgeDrain drain(&backend_, learner_.get(), &clock_);
  Add(80, 1, 1);
  std::set<IdentityId> fresh;
  ASSERT_TRUE(drain.Drain(view_, &fresh).ok());
  EXPECT_THAT(fresh, ElementsAre(kFirstIdentity, kFirstIdentity + 1));
  fresh.clear();
  clock_.Advance(5 * kSecond);
  ASSERT_TRUE(drain.Drain(view_, &fresh).ok());
  EXPECT_THAT(fresh, IsEmpty());
}

TEST_F(EdgeDrainTest, PresenceThatCannotBeWrittenIsKept) {
  EdgeDrain drain(&backend_, learner_.get(), &clock_);
  Observer observer(&backend_, learner_.get(), &drain);
  InventoryState state;
  state.observed["docker/a"].identity = kFirstIdentity;
  observer.See(state, 1'000'000'000);
  const Observer::Batch batch = observer.Take(state, 3'000'000'000);
  ASSERT_EQ(batch.presence.size(), 1u);
  EXPECT_EQ(batch.presence[0].workload_ms, 2000u);
  observer.OnWritten(batch, Observer::Written());
  const Observer::Batch again = observer.Take(state, 4'000'000'000);
  ASSERT_EQ(again.presence.size(), 1u);
  EXPECT_EQ(again.presence[0].workload_ms, 3000u);
  observer.OnWritten(again, observer.Write(again, view_));
  EXPECT_THAT(observer.Take(state, 4'000'000'000).presence, IsEmpty());
}

}  // namespace
}  // namespace bulkhead
