// SPDX-License-Identifier: Apache-2.0
// Policies that grow under traffic: a workload of a new kind is judged by policy at once, and nobody else notices.
#include <gtest/gtest.h>

#include "dataplane/reference/reference.h"
#include "tests/packet/ebpf_world.h"
#include "tests/packet/segment.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

class GrowthTest : public testing::TestWithParam<Carrier> {
 protected:
  Frame Frames(const Actor& from, const Actor& to) const { return Between(from, to, GetParam().family) / Ask(GetParam()); }
  Setting Shop() const {
    return {.policies = AllowIngress("db", "web", "") + AllowIngress("late", "db", GetParam().ports()) +
                        AllowIngress("db", "late", GetParam().ports())};
  }
};
INSTANTIATE_TEST_SUITE_P(, GrowthTest, testing::ValuesIn(AllCarriers()), CarrierName);

TEST_P(GrowthTest, ANewKindIsJudgedWithoutANewGeneration) {
  Stage stage(Shop());
  ASSERT_THAT(stage.Travels(kWeb, kDb, Frames(kWeb, kDb)), Established());
  const uint32_t stamp = stage.stamp();
  ASSERT_TRUE(stage.Grow(Late().endpoint.identity, "late"));
  stage.Put(Late().endpoint);
  EXPECT_EQ(stage.stamp(), stamp);
  EXPECT_THAT(stage.Travels(kWeb, kDb, Frames(kWeb, kDb)), Established()) << "a flow of others goes on";

  EXPECT_THAT(stage.Travels(Late(), kDb, Frames(Late(), kDb)), Established()) << "its column in an old row";
  const Outcome asked = stage.Leaves(kEvil, Frames(kEvil, Late()));
  EXPECT_THAT(asked, Denied(BH_REASON_POLICY)) << "its own row";
  EXPECT_THAT(stage.RuleKey(asked.destination_rule), testing::HasSubstr("isolated"));
  EXPECT_EQ(asked.destination_identity, Late().endpoint.identity);
  EXPECT_THAT(stage.Travels(kDb, Late(), Frames(kDb, Late())), Established());
}

TEST_P(GrowthTest, UntilThenItIsUnknown) {
  Stage stage(Shop());
  stage.Put(Late().endpoint);
  EXPECT_THAT(stage.Leaves(Late(), Frames(Late(), kDb)), Denied(BH_REASON_POLICY));
  EXPECT_THAT(stage.Leaves(Late(), Frames(Late(), kApi)), Allowed());
  const uint32_t stamp = stage.stamp();
  ASSERT_TRUE(stage.Grow(Late().endpoint.identity, "late"));
  EXPECT_THAT(stage.Leaves(Late(), Frames(Late(), kDb)), Denied(BH_REASON_POLICY)) << "nobody has said so yet";
  EXPECT_EQ(stage.stamp(), stamp);
  stage.PutAgain(Late().endpoint.identity);
  EXPECT_NE(stage.stamp(), stamp) << "its flows were judged as unknown";
  EXPECT_THAT(stage.Leaves(Late(), Frames(Late(), kDb)), Allowed());
  EXPECT_THAT(stage.Leaves(Late(), Frames(Late(), kApi)), Allowed()) << "judged again";
}

TEST_P(GrowthTest, AnIdentityOfAKnownKindIsJudgedLikeTheOthers) {
  Stage stage(Shop());
  const uint32_t stamp = stage.stamp();
  ASSERT_TRUE(stage.Grow(Late().endpoint.identity, "web"));
  stage.Put(Late().endpoint);
  EXPECT_EQ(stage.stamp(), stamp);
  EXPECT_THAT(stage.Travels(Late(), kDb, Frames(Late(), kDb)), Established());
  EXPECT_EQ(stage.Flows().begin()->second.ruling.source, Late().endpoint.identity);
}

// The stride is of the ebpf backend alone.
TEST(GrowthBeyondTheTablesTest, IsRefusedAndNowhereSeen) {
  EbpfWorld* world = SharedWorld();
  if (world == nullptr) GTEST_SKIP() << "needs ebpf";
  const Carrier carrier;
  const Frame frame = Between(Late(), kDb) / Ask(carrier);
  const Packet packet{BH_HOOK_INGRESS, 1, Late().ifindex(), Late().ifindex(), 0, false, frame.Build()};
  const auto runner = NewEbpfRunner(*world);
  ASSERT_TRUE(runner.ok()) << runner.status();
  Backend& backend = (*runner)->backend();

  std::vector<EndpointState> endpoints;
  for (const Actor& actor : Cast()) endpoints.push_back(actor.endpoint);
  Setting setting{.policies = AllowIngress("db", "web", "")};
  for (int i = 0; i < 200; ++i) setting.policies += IsolateIngress("kind-" + std::to_string(i));
  Compiler compiler;
  const auto policy = compiler.Compile(InputOf(setting, endpoints, 1));
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_TRUE(backend.ApplyPolicy(*policy).ok());
  for (const EndpointState& endpoint : endpoints) ASSERT_TRUE(backend.PutEndpoint(endpoint).ok());
  const uint32_t stamp = (*runner)->stamp();

  absl::Status status;
  EndpointState last = Late().endpoint;
  for (int i = 0; i < 200 && status.ok(); ++i) {
    KnownIdentity known;
    last.identity = Late().endpoint.identity + static_cast<IdentityId>(i);
    known.identity = {last.identity, "shop", "kind", {{"app", "kind-" + std::to_string(i)}}, {}};
    known.mode = Mode::kEnforce;
    known.addresses = last.addresses;
    const auto growth = compiler.Extend(known);
    ASSERT_TRUE(growth.ok()) << growth.status();
    status = backend.GrowPolicy(*growth);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), testing::ContainsRegex("needs [0-9]+ classes; the dataplane has room for [0-9]+"));
  ASSERT_TRUE(backend.PutEndpoint(last).ok());
  EXPECT_EQ((*runner)->stamp(), stamp);
  EXPECT_FALSE((*runner)->Run(packet)->pass) << "unknown, and the global mode enforces";
  EXPECT_EQ((*runner)->Run(packet)->reason, BH_REASON_POLICY);

  ASSERT_TRUE(backend.ApplyPolicy(*policy).ok()) << "anew it fits";
  std::vector<EdgeRecord> edges;
  EXPECT_FALSE((*runner)->Run(packet)->pass) << "no rule lets it reach db";
  ASSERT_TRUE(backend.ReadEdges([&](const EdgeRecord& edge) { return edges.push_back(edge), true; }).ok());
  const auto by = [&](IdentityId id) {
    return std::count_if(edges.begin(), edges.end(), [id](const EdgeRecord& edge) { return edge.source_identity == id; });
  };
  EXPECT_EQ(by(kIdentityUnknown), 1) << "before";
  EXPECT_EQ(by(last.identity), 1) << "now";
}

}  // namespace
}  // namespace bulkhead::packet_test
