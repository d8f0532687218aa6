// SPDX-License-Identifier: Apache-2.0
// Ethernet frames that open a flow, or are of one, for `simulate`. Pure functions.
#ifndef BULKHEAD_CONTROLPLANE_API_FRAME_H_
#define BULKHEAD_CONTROLPLANE_API_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/model/ip.h"

namespace bulkhead::api {

struct FrameSpec {
  MacAddress source_mac, destination_mac;
  IpAddress source, destination;  // of one family
  uint8_t protocol = 0;           // kProtoIcmp: of either family
  uint16_t source_port = 0, destination_port = 0;  // ICMP: the request's id, and nothing
  bool opens = true;              // TCP: SYN, else ACK
};

// TCP: SYN or ACK; UDP: no payload; ICMP: echo request; others: twenty bytes of zeros.
std::vector<uint8_t> MakeFrame(const FrameSpec& spec);

// "TCP SYN 198.18.0.5:49152 -> 198.18.0.7:5432"
std::string FrameText(const FrameSpec& spec);

// The IP source of a frame; nullopt: it is not IP, or cut.
std::optional<IpAddress> SourceOf(const std::vector<uint8_t>& frame);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FRAME_H_
