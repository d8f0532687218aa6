// SPDX-License-Identifier: Apache-2.0
// How random worlds are drawn: through RapidCheck, from few names, so that they meet. To be called within rc::check.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_RANDOM_DRAW_H_
#define BULKHEAD_TESTS_UNIT_POLICY_RANDOM_DRAW_H_

#include <string>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead {

int Draw(int end);  // 0..end-1; shrinks towards 0
inline bool Chance(int one_in) { return Draw(one_in) == one_in - 1; }

template <typename T>
T Pick(const std::vector<T>& from) {
  return from[static_cast<size_t>(Draw(static_cast<int>(from.size())))];
}

inline std::string RandomNamespace() { return Pick<std::string>({"shop", "lab", "ops"}); }
inline std::string RandomLabelKey() { return Pick<std::string>({"app", "tier", "team"}); }
inline std::string RandomLabelValue() { return Pick<std::string>({"a", "b", ""}); }
Labels RandomLabels();
IpAddress RandomAddress();

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_RANDOM_DRAW_H_
