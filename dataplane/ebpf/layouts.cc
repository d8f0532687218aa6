// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/layouts.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

std::optional<PinnedLayout> LayoutAt(const std::filesystem::path& folder) {
  const std::string name = folder.filename();
  if (name.empty() || name[0] != 'v') return std::nullopt;
  PinnedLayout layout;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), layout.version);
  const std::string_view rest(end, static_cast<size_t>(name.data() + name.size() - end));
  if (error != std::errc() || (!rest.empty() && rest != "-old")) return std::nullopt;
  layout.base = folder;
  layout.aside = !rest.empty();
  layout.whole = access((layout.base + "/maps/bh_control").c_str(), F_OK) == 0;
  return layout;
}

}  // namespace

std::string PinBase(std::string_view root, uint32_t version) { return absl::StrCat(std::string(root), "/v", version); }

std::vector<PinnedLayout> FindLayouts(const std::string& root) {
  std::vector<PinnedLayout> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (const auto layout = LayoutAt(entry.path())) out.push_back(*layout);
  }
  std::sort(out.begin(), out.end(), [](const PinnedLayout& a, const PinnedLayout& b) {
    return std::pair(a.version, a.aside) < std::pair(b.version, b.aside);
  });
  return out;
}

const char* StartKindName(StartKind kind) {
  switch (kind) {
    case StartKind::kNew: return "new";
    case StartKind::kAdopt: return "adopt";
    case StartKind::kUpgrade: return "upgrade";
    case StartKind::kReset: return "reset";
  }
  return "new";
}

absl::StatusOr<StartPlan> PlanStart(const std::string& root, uint32_t version, bool reset) {
  StartPlan plan;
  bool ours = false;
  for (const PinnedLayout& layout : FindLayouts(root)) {
    const bool mine = layout.version == version && !layout.aside;
    if (!mine) plan.others.push_back(layout.base);
    if (mine && layout.whole) ours = true;
    if (!layout.whole || (mine && !reset)) continue;
    if (layout.version > version && !reset) {
      return absl::FailedPreconditionError(
          absl::StrCat("the dataplane in the kernel has layout ", layout.version, ", which a newer bulkheadd has put there; this one knows ",
                       version, ". Start that one again, or this one with --reset: then connections are judged anew, and counters begin at 0"));
    }
    // Of several the one that a start was about to leave: ours before it was set aside, else the newest.
    if (plan.from.version == 0 || !mine) plan.from = layout;
  }
  if (reset) {
    plan.kind = StartKind::kReset;
  } else if (plan.from.version != 0) {
    plan.kind = StartKind::kUpgrade;
  } else {
    plan.kind = ours ? StartKind::kAdopt : StartKind::kNew;
  }
  return plan;
}

}  // namespace bulkhead
