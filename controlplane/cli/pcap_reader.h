// SPDX-License-Identifier: Apache-2.0
// Reads the Ethernet frames of a packet file: classic pcap (draft-ietf-opsawg-pcap) or pcapng (draft-ietf-opsawg-pcapng), of either byte
// order. Memory: the frames. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_CLI_PCAP_READER_H_
#define BULKHEAD_CONTROLPLANE_CLI_PCAP_READER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead::cli {

struct PcapLimits {
  size_t packets = 1000;  // more are an error
  size_t bytes = 2048;    // of a packet; what is behind is cut off
};

// Each packet's bytes. kInvalidArgument: it is no such file, or it is broken: "byte 24: found ..., expected ...".
absl::StatusOr<std::vector<std::string>> ReadPackets(std::string_view file, const PcapLimits& limits);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_PCAP_READER_H_
