// SPDX-License-Identifier: Apache-2.0
// A publisher on maps that are none of the kernel's.
#ifndef BULKHEAD_TESTS_UNIT_EBPF_PUBLISHER_FIXTURE_H_
#define BULKHEAD_TESTS_UNIT_EBPF_PUBLISHER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/ebpf/publisher.h"
#include "dataplane/ebpf/tables.h"
#include "tests/unit/ebpf/fake_maps.h"
#include "tests/unit/ebpf/policies.h"

namespace bulkhead {

inline const IpAddress kWebAddress = IpAddress::V4(198, 18, 0, 7);
inline const IpAddress kOtherAddress = IpAddress::V4(198, 18, 0, 8);

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() : publisher_(fake_, fake_.maps) {}

  static EndpointState Endpoint(uint16_t slot, uint16_t zone, IdentityId identity, std::vector<IpAddress> addresses) {
    EndpointState out;
    out.slot = slot;
    out.ifindex = 100u + slot;
    out.zone = zone;
    out.bound = true;
    out.mac = *MacAddress::Parse("02:00:00:00:00:07");
    out.workload = slot;
    out.identity = identity;
    out.addresses = std::move(addresses);
    return out;
  }
  uint32_t active() const { return BH_STAMP_SLOT(fake_.control.stamp); }
  uint32_t epoch() const { return BH_STAMP_EPOCH(fake_.control.stamp); }
  std::optional<bh_address> Address(uint16_t zone, const IpAddress& address) {
    return fake_.Get<bh_address>(fake_.maps.addresses, AddressKey(zone, address));
  }
  std::optional<bh_endpoint> EndpointAt(uint32_t slot) { return fake_.Get<bh_endpoint>(fake_.maps.endpoints, slot); }
  std::optional<uint32_t> IdentityOf(uint16_t zone, const IpAddress& address) { return IdentityIn(active(), zone, address); }
  // The identity that a program would find for an address in a policy slot, by address and subject table; nullopt: not published.
  std::optional<uint32_t> IdentityIn(uint32_t slot, uint16_t zone, const IpAddress& address) {
    const auto value = Address(zone, address);
    if (!value) return std::nullopt;
    const auto subject = fake_.Get<bh_subject>(fake_.maps.subjects, slot * BH_MAX_SUBJECTS + value->subject[slot]);
    return subject ? std::optional<uint32_t>(subject->identity) : std::nullopt;
  }

  FakeMaps fake_;
  Publisher publisher_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_EBPF_PUBLISHER_FIXTURE_H_
