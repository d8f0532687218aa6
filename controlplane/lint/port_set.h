// SPDX-License-Identifier: Apache-2.0
// PortSet: which protocols and ports something is about. A value.
#ifndef BULKHEAD_CONTROLPLANE_LINT_PORT_SET_H_
#define BULKHEAD_CONTROLPLANE_LINT_PORT_SET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"

namespace bulkhead::lint {

class PortSet {
 public:
  // Every protocol and port.
  static PortSet All() { return PortSet({{0, (1u << 24) - 1}}); }
  // Ports first..last of one protocol.
  static PortSet Of(uint8_t protocol, uint16_t first, uint16_t last) {
    return PortSet({{uint32_t{protocol} << 16 | first, uint32_t{protocol} << 16 | last}});
  }
  static PortSet OfProtocol(uint8_t protocol) { return Of(protocol, 0, 65535); }

  PortSet() = default;

  bool empty() const { return ranges_.empty(); }
  bool Holds(uint8_t protocol, uint16_t port) const;
  bool Contains(const PortSet& other) const { return other.Without(*this).empty(); }
  bool Meets(const PortSet& other) const { return !And(other).empty(); }

  PortSet And(const PortSet& other) const;
  PortSet Or(const PortSet& other) const;
  PortSet Without(const PortSet& other) const;

  // One of them, a well-known one if there is one. Not for an empty set.
  std::pair<uint8_t, uint16_t> Pick() const;

  bool operator==(const PortSet&) const = default;

 private:
  using Range = std::pair<uint32_t, uint32_t>;  // protocol << 16 | port, first and last
  explicit PortSet(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}

  std::vector<Range> ranges_;  // ascending, disjoint
};

// The ports of a rule as its document has them: those with numbers, and those that the destination must name.
struct RulePorts {
  PortSet numbers;
  std::vector<std::pair<uint8_t, std::string>> names;  // protocol 0: any

  static RulePorts Of(const std::vector<PolicyPort>& ports);  // none: all
  // What they are for a destination that names these.
  PortSet At(const std::vector<NamedPort>& named) const;
  // Whether they are all of the others', whatever a destination names.
  bool Contains(const RulePorts& other) const;
  // Whether they have a port in common, whatever a destination names.
  bool MustMeet(const RulePorts& other) const;
  // Whether they may have one.
  bool MayMeet(const RulePorts& other) const;
};

// The port of one entry of a rule, for a destination that names these.
PortSet PortsOf(const PolicyPort& port, const std::vector<NamedPort>& named);

// "5432/tcp"; "icmp".
std::string PortText(uint8_t protocol, uint16_t port);

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_PORT_SET_H_
