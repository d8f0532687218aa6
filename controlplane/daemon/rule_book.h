// SPDX-License-Identifier: Apache-2.0
// RuleBook: rules <-> numbers, over restarts. A number, once given to a key, stays with it: flow entries and edges carry it.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_RULE_BOOK_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_RULE_BOOK_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "bulkhead/model/compiled_policy.h"

namespace bulkhead {

class RuleBook {
 public:
  explicit RuleBook(const std::vector<RuleInfo>& known = {});

  // Fills rules[].id. Returns the rules that are new or say something new, to be stored before the dataplane sees them.
  std::vector<RuleInfo> Number(CompiledPolicy* policy);

  // Numbers up to `last` are not given to new rules: counts and flows may carry them, though nobody knows any more whose they were.
  void Reserve(uint32_t last);

  // By id.
  const std::unordered_map<uint32_t, RuleInfo>& all() const { return rules_; }

 private:
  std::unordered_map<std::string, uint32_t> ids_;
  std::unordered_map<uint32_t, RuleInfo> rules_;
  uint32_t next_ = 1;  // 0 is no rule
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_RULE_BOOK_H_
