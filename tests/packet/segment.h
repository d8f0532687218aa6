// SPDX-License-Identifier: Apache-2.0
// One packet of a connection, whatever carries it: the parameter of cases that hold for both families and every protocol.
#ifndef BULKHEAD_TESTS_PACKET_SEGMENT_H_
#define BULKHEAD_TESTS_PACKET_SEGMENT_H_

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/packet/cast.h"

namespace bulkhead::packet_test {

inline constexpr uint16_t kClientPort = 40000;
inline constexpr uint16_t kServicePort = 5432;
inline constexpr uint16_t kEchoId = 77;

struct Carrier {
  int family = 4;
  uint8_t protocol = kProtoTcp;

  bool tcp() const { return protocol == kProtoTcp; }
  bool echo() const { return protocol == kProtoIcmp; }
  std::string ports() const {  // as a policy names them: of any protocol that policy can name
    return tcp()                    ? "[{protocol: TCP, port: 5432}]"
           : protocol == kProtoUdp  ? "[{protocol: UDP, port: 5432}]"
           : protocol == kProtoSctp ? "[{protocol: SCTP, port: 5432}]"
                                    : "";
  }
};

// A packet of the flow from kClientPort to kServicePort: the client's (ask) or the server's (answer).
Frame Ask(const Carrier& carrier, uint8_t flags = kSyn);
Frame Answer(const Carrier& carrier, uint8_t flags = kSyn | kAck);

// For INSTANTIATE_TEST_SUITE_P: every carrier, and its name.
std::vector<Carrier> AllCarriers();
std::string CarrierName(const testing::TestParamInfo<Carrier>& info);

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_SEGMENT_H_
