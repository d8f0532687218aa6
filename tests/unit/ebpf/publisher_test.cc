// SPDX-License-Identifier: Apache-2.0
// What the publisher writes into the maps, on maps that are none of the kernel's.
#include "dataplane/ebpf/publisher.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/ebpf/publisher_fixture.h"

namespace bulkhead {
namespace {

TEST_F(PublisherTest, PolicyGoesToTheInactiveSlotThenTheStampThenAGrace) {
  bool policy_was_there = false;
  fake_.on_store = [&] {
    EXPECT_EQ(fake_.control.stamp, 0u);
    EXPECT_EQ(fake_.graces, 0);
    policy_was_there = fake_.Get<bh_policy>(fake_.maps.policy, uint32_t{1}).has_value();
  };
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  EXPECT_TRUE(policy_was_there);
  EXPECT_EQ(fake_.control.stamp, BH_STAMP(1, 1));
  EXPECT_EQ(fake_.graces, 1);
  EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, uint32_t{1})->generation, 1u);
  EXPECT_FALSE(fake_.Get<bh_policy>(fake_.maps.policy, uint32_t{0}).has_value());
  EXPECT_EQ(fake_.Get<bh_subject>(fake_.maps.subjects, BH_MAX_SUBJECTS + 4)->identity, kWeb);
  EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.prefix4[1], Prefix4Key(*Prefix::Parse("198.18.0.0/16"))), 3u);
  EXPECT_EQ(fake_.Size(fake_.maps.prefix4[0]), 0u);
}

TEST_F(PublisherTest, TriesLoseWhatThePolicyNoLongerHas) {
  auto first = TwoServices(1);
  first->world_prefixes.push_back({*Prefix::Parse("10.0.0.0/8"), 2});
  ASSERT_TRUE(publisher_.ApplyPolicy(first).ok());
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(2)).ok());
  ASSERT_EQ(fake_.Size(fake_.maps.prefix4[1]), 2u);
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(3)).ok());
  EXPECT_EQ(fake_.Size(fake_.maps.prefix4[1]), 1u);
}

TEST_F(PublisherTest, AnEndpointStandsUnderItsZoneAndUnderNone) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kWeb);
  EXPECT_EQ(Address(3, kWebAddress)->slot, 7);
  EXPECT_EQ(Address(3, kWebAddress)->ifindex, 107u);
  EXPECT_EQ(Address(3, kWebAddress)->flags, 0);
  EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.ports, uint32_t{107}), 7u);
  const auto endpoint = EndpointAt(7);
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->flags, BH_ENDPOINT_BOUND);
  EXPECT_EQ(endpoint->zone, 3);
  EXPECT_EQ(endpoint->mac[5], 7);
  EXPECT_EQ(endpoint->subject[active()][0], Address(3, kWebAddress)->subject[active()]);
  const auto no_v6 = fake_.Get<bh_subject>(fake_.maps.subjects, active() * BH_MAX_SUBJECTS + endpoint->subject[active()][1]);
  EXPECT_EQ(no_v6->identity, kWeb) << "the identity without any CIDR";
  EXPECT_NE(endpoint->subject[active()][1], endpoint->subject[active()][0]);
}

TEST_F(PublisherTest, SomebodyNewIsToldWithoutANewStampAndAfterEverythingElse) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  const uint32_t stamp = fake_.control.stamp, arrivals = fake_.control.arrivals;
  fake_.on_store = [&] { EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.ports, uint32_t{107}), 7u); };
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(fake_.control.arrivals, arrivals + 1);
  EXPECT_EQ(fake_.control.stamp, stamp);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(fake_.control.arrivals, arrivals + 1) << "nothing has changed";
}

TEST_F(PublisherTest, ASecondZoneMakesAnAddressAmbiguousAndItsEndEndsThat) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(8, 4, kDatabase, {kWebAddress})).ok());
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
  EXPECT_EQ(IdentityOf(4, kWebAddress), kDatabase);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kIdentityUnknown);
  EXPECT_EQ(Address(0, kWebAddress)->flags, BH_ADDRESS_AMBIGUOUS);
  EXPECT_EQ(Address(0, kWebAddress)->slot, 0);
  ASSERT_TRUE(publisher_.RemoveEndpoint(7).ok());
  EXPECT_EQ(IdentityOf(3, kWebAddress), std::nullopt);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kDatabase);
  EXPECT_EQ(Address(0, kWebAddress)->slot, 8);
}

TEST_F(PublisherTest, TheHostMakesAnAddressAmbiguousToo) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.SetHostAddresses({kWebAddress, kOtherAddress}).ok());
  EXPECT_EQ(Address(0, kOtherAddress)->flags, BH_ADDRESS_HOST);
  EXPECT_EQ(Address(0, kOtherAddress)->subject[active()], BH_SUBJECT_HOST);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(Address(0, kWebAddress)->flags, BH_ADDRESS_HOST | BH_ADDRESS_AMBIGUOUS);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kIdentityUnknown);
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
  ASSERT_TRUE(publisher_.SetHostAddresses({kOtherAddress}).ok());
  EXPECT_EQ(IdentityOf(0, kWebAddress), kWeb);
}

TEST_F(PublisherTest, ARoutedEndpointKeepsItsSlotWhenAmbiguous) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 0, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(Address(0, kWebAddress)->flags, 0);
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(8, 4, kDatabase, {kWebAddress})).ok());
  EXPECT_EQ(Address(0, kWebAddress)->flags, BH_ADDRESS_AMBIGUOUS);
  EXPECT_EQ(Address(0, kWebAddress)->slot, 7);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kIdentityUnknown);
}

TEST_F(PublisherTest, OfTwoInOneZoneTheLastHasItUntilItGoes) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(8, 3, kDatabase, {kWebAddress})).ok());
  EXPECT_EQ(Address(3, kWebAddress)->slot, 8);
  ASSERT_TRUE(publisher_.RemoveEndpoint(8).ok());
  EXPECT_EQ(Address(3, kWebAddress)->slot, 7);
  EXPECT_EQ(IdentityOf(0, kWebAddress), kWeb);
}

TEST_F(PublisherTest, AnUnboundEndpointPublishesNothing) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  EndpointState endpoint = Endpoint(7, 3, kWeb, {kWebAddress});
  endpoint.bound = false;
  ASSERT_TRUE(publisher_.PutEndpoint(endpoint).ok());
  EXPECT_EQ(fake_.Size(fake_.maps.addresses), 0u);
  EXPECT_EQ(EndpointAt(7)->flags, 0);
  EXPECT_EQ(EndpointAt(7)->identity, kIdentityUnknown);
  EXPECT_EQ(EndpointAt(7)->subject[active()][0], BH_SUBJECT_UNKNOWN);
  const uint32_t before = epoch();
  endpoint.bound = true;
  ASSERT_TRUE(publisher_.PutEndpoint(endpoint).ok());
  EXPECT_EQ(epoch(), before + 1) << "its flows were judged as unknown";
  endpoint.bound = false;
  ASSERT_TRUE(publisher_.PutEndpoint(endpoint).ok());
  EXPECT_EQ(fake_.Size(fake_.maps.addresses), 0u);
}

TEST_F(PublisherTest, TheEpochRisesWhenAVerdictMayHaveChanged) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  uint32_t expected = epoch();
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(epoch(), expected) << "a new endpoint";
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(epoch(), expected) << "the same again";
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress, kOtherAddress})).ok());
  EXPECT_EQ(epoch(), expected) << "one more address";
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(epoch(), ++expected) << "it lost an address";
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kDatabase, {kWebAddress})).ok());
  EXPECT_EQ(epoch(), ++expected) << "another identity";
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(8, 4, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(epoch(), ++expected) << "the address became ambiguous";
  ASSERT_TRUE(publisher_.RemoveEndpoint(8).ok());
  EXPECT_EQ(epoch(), ++expected) << "and is not any more";
  ASSERT_TRUE(publisher_.RemoveEndpoint(8).ok());
  EXPECT_EQ(epoch(), expected) << "nothing was there";
  ASSERT_TRUE(publisher_.SetHostAddresses({kOtherAddress}).ok());
  EXPECT_EQ(epoch(), ++expected) << "the world's address is the host's";
  ASSERT_TRUE(publisher_.SetHostAddresses({kOtherAddress}).ok());
  EXPECT_EQ(epoch(), expected);
}

TEST_F(PublisherTest, AnInterfaceThatChangesHandsRaisesTheEpoch) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  const uint32_t before = epoch();
  EndpointState heir = Endpoint(8, 3, kDatabase, {kOtherAddress});
  heir.ifindex = 107;
  ASSERT_TRUE(publisher_.PutEndpoint(heir).ok());
  EXPECT_EQ(epoch(), before + 1);
  ASSERT_TRUE(publisher_.RemoveEndpoint(7).ok());
  EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.ports, uint32_t{107}), 8u) << "it is the heir's";
}

TEST_F(PublisherTest, TheEpochWrapsInsideItsBits) {
  fake_.control.stamp = BH_STAMP(0x7fffffff, 1);
  Publisher publisher(fake_, fake_.maps);
  ASSERT_TRUE(publisher.RaiseEpoch().ok());
  EXPECT_EQ(fake_.control.stamp, BH_STAMP(0, 1));
}

TEST_F(PublisherTest, SubjectsFollowThePolicyOverAFlip) {
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  EXPECT_EQ(Address(3, kWebAddress)->subject[active()], BH_SUBJECT_UNKNOWN) << "no policy knows it yet";
  for (uint64_t generation = 1; generation <= 4; ++generation) {
    fake_.on_store = [&] {  // just before the flip the new slot is complete, and the old one as it was
      const auto value = Address(3, kWebAddress);
      EXPECT_EQ(value->subject[1 - active()], generation % 2 == 1 ? 5u : 7u);
    };
    ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(generation)).ok());
    EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
    EXPECT_EQ(IdentityOf(0, kWebAddress), kWeb);
  }
}

TEST_F(PublisherTest, APolicyThatDoesNotFitChangesNothing) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  const auto content = fake_.content();
  const uint32_t stamp = fake_.control.stamp;
  auto policy = TwoServices(2);
  policy->rulesets.resize(BH_MAX_RULESETS + 1);
  EXPECT_EQ(publisher_.ApplyPolicy(policy).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fake_.content(), content);
  EXPECT_EQ(fake_.control.stamp, stamp);
}

// An error at any step of a policy: the old one is in force until a later call succeeds.
TEST_F(PublisherTest, AnErrorAtAnyStepOfAPolicyLeavesTheOldOne) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  ASSERT_TRUE(publisher_.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress})).ok());
  int failures = 0;
  for (int calls = 0;; ++calls) {
    const uint32_t stamp = fake_.control.stamp;
    fake_.calls_left = calls;
    const absl::Status status = publisher_.ApplyPolicy(TwoServices(2));
    fake_.calls_left = -1;
    if (status.ok()) break;
    ++failures;
    EXPECT_EQ(fake_.control.stamp, stamp);
    EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
  }
  EXPECT_GE(failures, 8);
  EXPECT_EQ(fake_.Get<bh_policy>(fake_.maps.policy, active())->generation, 2u);
  EXPECT_EQ(IdentityOf(3, kWebAddress), kWeb);
}

// An error at any step of a series of changes, then the same call again: the maps end as they would without the error, and the
// epoch has risen at least as often.
TEST_F(PublisherTest, ChangesCanBeRepeatedAfterAnError) {
  using Change = absl::Status (*)(Publisher&);
  const Change changes[] = {
      [](Publisher& p) {
        return p.PutEndpoint(Endpoint(7, 3, kWeb, {kWebAddress, kOtherAddress}));
      },
      [](Publisher& p) {
        return p.SetHostAddresses({IpAddress::V4(198, 18, 0, 1), kOtherAddress});
      },
      [](Publisher& p) { return p.PutEndpoint(Endpoint(8, 4, kDatabase, {kWebAddress})); },
      [](Publisher& p) { return p.PutEndpoint(Endpoint(7, 5, kDatabase, {kOtherAddress})); },
      [](Publisher& p) {
        return p.SetPublished({{IpAddress{}, 80, kProtoTcp, kWebAddress, 8080, 4}});
      },
      [](Publisher& p) { return p.SetHostAddresses({}); },
      [](Publisher& p) { return p.RemoveEndpoint(8); },
      [](Publisher& p) { return p.SetPublished({}); },
  };
  FakeMaps smooth;
  Publisher reference(smooth, smooth.maps);
  ASSERT_TRUE(reference.ApplyPolicy(TwoServices(1)).ok());
  for (const Change change : changes) ASSERT_TRUE(change(reference).ok());

  int failures = 0;
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  for (const Change change : changes) {
    for (int calls = 0;; ++calls) {
      fake_.calls_left = calls;
      const absl::Status status = change(publisher_);
      fake_.calls_left = -1;
      if (status.ok()) break;
      ++failures;
    }
  }
  EXPECT_GE(failures, 20);
  EXPECT_EQ(fake_.content(), smooth.content());
  EXPECT_GE(epoch(), BH_STAMP_EPOCH(smooth.control.stamp));
}

TEST_F(PublisherTest, PublishedPortsAndTheirTargets) {
  ASSERT_TRUE(publisher_.ApplyPolicy(TwoServices(1)).ok());
  uint32_t expected = epoch();
  const PublishedTarget any{IpAddress{}, 80, kProtoTcp, kWebAddress, 8080, 3};
  const PublishedTarget v6{*IpAddress::Parse("fd00::1"), 80, kProtoTcp, kWebAddress, 8080, 3};
  ASSERT_TRUE(publisher_.SetPublished({any, v6}).ok());
  EXPECT_EQ(epoch(), ++expected);
  EXPECT_EQ(fake_.Size(fake_.maps.published), 2u);
  EXPECT_EQ(fake_.Size(fake_.maps.targets), 1u);
  bh_published_key key{};
  key.port = htons(80);
  key.protocol = kProtoTcp;
  key.family = BH_V4;
  const auto value = fake_.Get<bh_published>(fake_.maps.published, key);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->port, htons(8080));
  EXPECT_EQ(value->zone, 3);
  EXPECT_EQ(value->family, BH_V4);
  EXPECT_EQ(value->address[3], 7);
  bh_target_key target{};
  std::copy_n(kWebAddress.bytes.begin(), 4, target.address);
  target.port = htons(8080);
  target.zone = 3;
  target.protocol = kProtoTcp;
  target.family = BH_V4;
  EXPECT_EQ(fake_.Get<uint32_t>(fake_.maps.targets, target), 1u);
  ASSERT_TRUE(publisher_.SetPublished({v6, any}).ok());
  EXPECT_EQ(epoch(), expected) << "nothing changed";
  ASSERT_TRUE(publisher_.SetPublished({v6}).ok());
  EXPECT_EQ(epoch(), ++expected);
  EXPECT_EQ(fake_.Size(fake_.maps.published), 1u);
  std::vector<PublishedTarget> many;
  for (uint16_t port = 1; port <= 11; ++port) many.push_back({IpAddress{}, port, kProtoUdp, kWebAddress, port, 3});
  EXPECT_EQ(publisher_.SetPublished(many).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fake_.Size(fake_.maps.published), 1u);
}

TEST_F(PublisherTest, EndpointsThatCannotBeAreRefused) {
  for (const uint16_t slot : {0, 4096, 65535}) {
    EXPECT_EQ(publisher_.PutEndpoint(Endpoint(slot, 3, kWeb, {})).code(), absl::StatusCode::kInvalidArgument) << slot;
  }
  EndpointState endpoint = Endpoint(7, 3, kWeb, {});
  endpoint.ifindex = 0;
  EXPECT_EQ(publisher_.PutEndpoint(endpoint).code(), absl::StatusCode::kInvalidArgument);
  endpoint = Endpoint(7, 3, kWeb, {});
  endpoint.workload = 0;
  EXPECT_EQ(publisher_.PutEndpoint(endpoint).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(fake_.content().empty());
}

}  // namespace
}  // namespace bulkhead
