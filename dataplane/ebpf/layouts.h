// SPDX-License-Identifier: Apache-2.0
// The layouts that are pinned below a root, and what a start makes of them. Reads only.
//
// A layout lies in ROOT/v<VERSION>; it is whole once its control word is pinned, which comes last when it is made and goes first when
// it is removed. While an older one is whole, the move away from it is not finished, whatever lies beside it. A layout that --reset
// does away with lies in ROOT/v<VERSION>-old until then.
// Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_LAYOUTS_H_
#define BULKHEAD_DATAPLANE_EBPF_LAYOUTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/abi/base.h"

namespace bulkhead {

struct PinnedLayout {
  std::string base;  // its folder
  uint32_t version = 0;
  bool aside = false;  // v<VERSION>-old
  bool whole = false;
};

std::string PinBase(std::string_view root, uint32_t version = BH_LAYOUT_VERSION);

// Ascending by version. None if there is no root.
std::vector<PinnedLayout> FindLayouts(const std::string& root);

enum class StartKind : uint8_t {
  kNew,      // nothing is there
  kAdopt,    // ours is there and goes on
  kUpgrade,  // an older one judges until ours takes its place
  kReset,    // as kUpgrade, from any, and nothing is carried over
};
const char* StartKindName(StartKind kind);

struct StartPlan {
  StartKind kind = StartKind::kNew;
  PinnedLayout from;               // kUpgrade, kReset; version 0: nothing whole is there
  std::vector<std::string> others;  // folders of layouts that are not ours: to be removed once ours judges
};

// kFailedPrecondition: a newer layout than `version` is in force, and `reset` is not asked for.
absl::StatusOr<StartPlan> PlanStart(const std::string& root, uint32_t version, bool reset);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_LAYOUTS_H_
