// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/known_macs.h"

#include <gtest/gtest.h>

#include "tests/unit/ebpf/fake_maps.h"

namespace bulkhead {
namespace {

class KnownMacsTest : public testing::Test {
 protected:
  static EndpointState Endpoint(uint16_t slot, uint16_t zone, uint8_t mac) {
    EndpointState endpoint;
    endpoint.slot = slot;
    endpoint.zone = zone;
    if (mac != 0) endpoint.mac.bytes = {2, 0, 0, 0, 0, mac};
    return endpoint;
  }
  bool Has(uint16_t zone, uint8_t mac) {
    const bh_zone_mac_key key{{2, 0, 0, 0, 0, mac}, zone};
    return fake_.Get<uint32_t>(fake_.maps.macs, key) == 1u;
  }
  void Put(uint16_t slot, uint16_t zone, uint8_t mac) { ASSERT_TRUE(macs_.Put(Endpoint(slot, zone, mac)).ok()); }

  FakeMaps fake_;
  KnownMacs macs_{fake_, fake_.maps};
};

TEST_F(KnownMacsTest, StandUnderTheirZones) {
  Put(1, 1, 7);
  Put(2, 2, 8);
  Put(3, 1, 0);
  EXPECT_TRUE(Has(1, 7) && Has(2, 8));
  EXPECT_FALSE(Has(2, 7) || Has(1, 8) || Has(1, 0));
}

TEST_F(KnownMacsTest, GoWithTheLastThatHasThem) {
  Put(1, 1, 7);
  Put(2, 1, 7);
  ASSERT_TRUE(macs_.Remove(1).ok());
  EXPECT_TRUE(Has(1, 7));
  Put(2, 1, 9);
  EXPECT_TRUE(Has(1, 9) && !Has(1, 7));
  ASSERT_TRUE(macs_.Remove(2).ok());
  ASSERT_TRUE(macs_.Remove(2).ok());
  EXPECT_FALSE(Has(1, 9));
}

TEST_F(KnownMacsTest, WhatFailedIsMadeUpFor) {
  fake_.calls_left = 0;
  EXPECT_FALSE(macs_.Put(Endpoint(1, 1, 7)).ok());
  fake_.calls_left = -1;
  EXPECT_FALSE(Has(1, 7));
  Put(2, 1, 8);
  EXPECT_TRUE(Has(1, 7) && Has(1, 8));
  fake_.calls_left = 0;
  EXPECT_FALSE(macs_.Remove(1).ok());
  fake_.calls_left = -1;
  EXPECT_TRUE(Has(1, 7));
  Put(2, 1, 8);
  EXPECT_FALSE(Has(1, 7));
}

}  // namespace
}  // namespace bulkhead
