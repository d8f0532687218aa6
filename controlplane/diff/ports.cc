// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/ports.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/model/common.h"

namespace bulkhead {
namespace {

std::string RangeText(const PortRange& range) {
  const std::string protocol = ProtocolName(range.protocol);
  if (range.first == 0 && range.last == 65535) return absl::StrCat("all ", protocol);
  if (range.first == range.last) return absl::StrCat(range.first, "/", protocol);
  return absl::StrCat(std::max<int>(range.first, 1), "-", range.last, "/", protocol);
}

}  // namespace

void PortSet::Append(const PortRange& range) {
  if (!ranges.empty() && ranges.back().protocol == range.protocol && ranges.back().last + 1 == range.first) {
    ranges.back().last = range.last;
  } else {
    ranges.push_back(range);
  }
}

std::string PortSetText(const PortSet& ports, size_t most) {
  if (ports.all_but && ports.ranges.empty()) return "all";
  std::string out = ports.all_but ? "all but " : "";
  const size_t shown = ports.ranges.size() <= most ? ports.ranges.size() : most;
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(&out, i == 0 ? "" : ", ", RangeText(ports.ranges[i]));
  if (shown < ports.ranges.size()) absl::StrAppend(&out, " and ", ports.ranges.size() - shown, " more");
  return out;
}

}  // namespace bulkhead
