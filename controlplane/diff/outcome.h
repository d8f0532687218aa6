// SPDX-License-Identifier: Apache-2.0
// Outcome: what becomes of a connection, when both sides' policy and modes are taken together. Plain values.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_OUTCOME_H_
#define BULKHEAD_CONTROLPLANE_DIFF_OUTCOME_H_

#include <algorithm>
#include <cstdint>

#include "bulkhead/model/compiled_policy.h"

namespace bulkhead {

// From good to bad: of two sides the worse one counts.
enum class Outcome : uint8_t {
  kAllow,
  kPolicyAudit,  // a policy in audit denies: it passes, and is reported
  kDenyLearn,    // the policy of a service in learn denies: it passes, and is recorded
  kDenyAudit,    // of a service in audit: it passes, and is reported
  kDenyEnforce,  // it is dropped
};

inline Outcome OutcomeOf(const SideVerdict& verdict, Mode mode) {
  if (verdict.allow) return Outcome::kAllow;
  if (verdict.audit) return Outcome::kPolicyAudit;
  return mode == Mode::kEnforce ? Outcome::kDenyEnforce : mode == Mode::kAudit ? Outcome::kDenyAudit : Outcome::kDenyLearn;
}
// Whether policy denies it, whatever the modes make of that.
inline bool IsDenied(Outcome outcome) { return outcome >= Outcome::kDenyLearn; }

// "allowed"; "denied, enforced"; "would be denied, audit"; "would be denied, learn"; "would be denied, policy in audit".
inline const char* OutcomeText(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllow:
      return "allowed";
    case Outcome::kPolicyAudit:
      return "would be denied, policy in audit";
    case Outcome::kDenyLearn:
      return "would be denied, learn";
    case Outcome::kDenyAudit:
      return "would be denied, audit";
    case Outcome::kDenyEnforce:
      return "denied, enforced";
  }
  return "";
}

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_OUTCOME_H_
