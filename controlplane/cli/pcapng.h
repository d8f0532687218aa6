// SPDX-License-Identifier: Apache-2.0
// Packets as a pcapng file (draft-ietf-opsawg-pcapng): one section, an interface block before the first packet of each interface, and a
// comment with each packet. Pure functions and a value; one thread.
#ifndef BULKHEAD_CONTROLPLANE_CLI_PCAPNG_H_
#define BULKHEAD_CONTROLPLANE_CLI_PCAPNG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bulkhead::cli {

struct PcapngPacket {
  std::string interface;
  uint64_t time_ns = 0;   // since 1970
  std::string_view data;  // Ethernet; the first bytes of the packet
  uint32_t length = 0;    // of the packet
  bool inbound = true;    // it came in by the interface
  std::string comment;
};

class PcapngWriter {
 public:
  // Both give the blocks to add to the file: the first of it; and those that a packet needs.
  std::string Begin(std::string_view application) const;
  std::string Add(const PcapngPacket& packet);

 private:
  std::map<std::string, uint32_t> interfaces_;  // in order of their numbers
};

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_PCAPNG_H_
