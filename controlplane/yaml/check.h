// SPDX-License-Identifier: Apache-2.0
// CheckText: what is refused before yaml-cpp sees a byte. Any thread.
#ifndef BULKHEAD_CONTROLPLANE_YAML_CHECK_H_
#define BULKHEAD_CONTROLPLANE_YAML_CHECK_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "controlplane/yaml/node.h"

namespace bulkhead::yaml {

// Size, NUL and control bytes, invalid UTF-8, and what would make yaml-cpp's scanner hold far more than the text: it keeps every
// token of an open [ or { in memory, about 240 bytes for each bracket, before its caller hears of the first.
absl::Status CheckText(std::string_view text, const std::string& file, const Limits& limits);

}  // namespace bulkhead::yaml

#endif  // BULKHEAD_CONTROLPLANE_YAML_CHECK_H_
