// SPDX-License-Identifier: Apache-2.0
// What else decides about packets on this host. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_FIREWALLS_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_FIREWALLS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/doctor/finding.h"
#include "dataplane/fast_path/facts.h"

namespace bulkhead::doctor {

struct FirewallFacts {
  absl::StatusOr<fast_path::Facts> rules;
  std::vector<std::string> networks;   // of other CNIs, by what was found of them
  std::vector<std::string> services;   // firewall services that run: "firewalld", "ufw"
  bool forwarding = false;             // net.ipv4.ip_forward
  bool docker_rules = true;            // false: daemon.json says "iptables": false
};

FirewallFacts ReadFirewalls();
void CheckFirewalls(const FirewallFacts& facts, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_FIREWALLS_H_
