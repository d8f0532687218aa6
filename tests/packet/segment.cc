// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/segment.h"

namespace bulkhead::packet_test {
namespace {

Frame Segment(const Carrier& carrier, bool answer, uint8_t flags) {
  const uint16_t from = answer ? kServicePort : kClientPort, to = answer ? kClientPort : kServicePort;
  switch (carrier.protocol) {
    case kProtoTcp:
      return Tcp{from, to, flags};
    case kProtoUdp:
      return Udp{from, to, {}} / Payload{20};
    case kProtoSctp:
      return Sctp{from, to} / Payload{16};
    default:
      break;
  }
  if (carrier.family == 4) return Icmp{static_cast<uint8_t>(answer ? 0 : 8), 0, kEchoId, 1} / Payload{32};
  return Icmp6{static_cast<uint8_t>(answer ? 129 : 128), 0, kEchoId, 1} / Payload{32};
}

}  // namespace

Frame Ask(const Carrier& carrier, uint8_t flags) { return Segment(carrier, false, flags); }
Frame Answer(const Carrier& carrier, uint8_t flags) { return Segment(carrier, true, flags); }

std::vector<Carrier> AllCarriers() {
  std::vector<Carrier> carriers;
  for (const int family : {4, 6}) {
    for (const uint8_t protocol : {kProtoTcp, kProtoUdp, kProtoSctp, kProtoIcmp}) carriers.push_back({family, protocol});
  }
  return carriers;
}

std::string CarrierName(const testing::TestParamInfo<Carrier>& info) {
  return ProtocolName(info.param.protocol) + std::to_string(info.param.family);
}

}  // namespace bulkhead::packet_test
