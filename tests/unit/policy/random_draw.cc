// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/random_draw.h"

#include "absl/strings/str_cat.h"
#include "rapidcheck.h"

namespace bulkhead {

// At full size from the first case on: the ranges are small enough.
int Draw(int end) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); }

Labels RandomLabels() {
  Labels labels;
  const int count = Draw(4);
  for (int i = 0; i < count; ++i) labels[RandomLabelKey()] = RandomLabelValue();
  return labels;
}

IpAddress RandomAddress() {
  const int low = Draw(6);
  if (Chance(3)) return IpAddress::Parse(absl::StrCat("fd00::", low)).value();
  return IpAddress::V4(198, static_cast<uint8_t>(18 + Draw(3)), static_cast<uint8_t>(Draw(2)), static_cast<uint8_t>(low));
}

}  // namespace bulkhead
