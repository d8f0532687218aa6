// SPDX-License-Identifier: Apache-2.0
// What the compiled policy says of two subjects. Pure functions, any thread.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_VERDICT_H_
#define BULKHEAD_DATAPLANE_REFERENCE_VERDICT_H_

#include <cstdint>

#include "bulkhead/model/compiled_policy.h"

namespace bulkhead::reference {

struct Ruling {
  Verdict verdict = Verdict::kAllow;
  IdentityId source = kIdentityUnknown, destination = kIdentityUnknown;
  uint32_t source_rule = 0, destination_rule = 0;  // interned ids
  bool source_denies = false, destination_denies = false;  // whether or not that drops
};

// Both sides' policy, and their modes. protocol: as in the packet; port: the service's, host order.
Ruling Rule(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port);

// A workload to itself.
Ruling RuleOfSelf(const CompiledPolicy& policy, SubjectId source, SubjectId destination);

Mode ModeOf(const CompiledPolicy& policy, SubjectId subject);

// Smaller is kinder: allow, would-deny, deny.
int Severity(Verdict verdict);

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_VERDICT_H_
