// SPDX-License-Identifier: Apache-2.0
// Probes: connections and what is expected of them, and judging them against documents and an inventory, twice: compiled and not.
// Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PROBES_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PROBES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/inventory.h"

namespace bulkhead {

struct Probe {
  std::string from, to;  // "namespace/name" or an address
  uint8_t protocol = kProtoTcp;
  uint16_t port = 0;  // 0: the protocol has none
  std::optional<bool> expect_allow;
  SourcePos from_pos, to_pos;
};

// `probes:` with a list of {from, to, protocol, port, expect}. Unknown fields are errors.
std::vector<Probe> ParseProbes(std::string_view text, const std::string& file, std::vector<std::string>* errors);

struct ProbeResult {
  Answer compiled;
  Answer evaluated;
};

// One result for each probe, in their order. Names that the inventory does not have: kInvalidArgument, one line for each. Otherwise
// as Compile. Nodes are not special: there is no host.
absl::StatusOr<std::vector<ProbeResult>> RunProbes(const Inventory& inventory, const PolicyDocuments& documents,
                                                   const std::vector<Probe>& probes, const PolicyOptions& options = {});

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PROBES_H_
