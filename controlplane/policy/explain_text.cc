// SPDX-License-Identifier: Apache-2.0
// An explanation for people.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/explain.h"

namespace bulkhead {
namespace {

// A NetworkPolicy stands in the namespace of the side that it judges: its name is enough.
std::string ShortName(const std::string& policy) { return policy.substr(policy.find('/') + 1); }

std::string Decision(const SideExplanation& side) {
  if (side.answer.rule == "self") return "a workload to itself";
  if (side.answer.rule == "from-host") return "from the host (allow_from_host)";
  if (side.answer.rule == "default")
    return side.answer.allow ? "no policy isolates" : "no policy isolates; default_verdict is deny";
  if (side.answer.allow) return absl::StrCat(ShortName(side.answer.policy), " ", side.answer.rule);
  std::vector<std::string> names;
  for (const std::string& policy : side.isolates) names.push_back(ShortName(policy));
  return absl::StrCat(absl::StrJoin(names, ", "), names.size() == 1 ? " isolates" : " isolate", "; no rule matched");
}

}  // namespace

std::vector<std::string> RenderSide(const SideExplanation& side) {
  const std::string direction = DirectionName(side.direction);
  std::string first = absl::StrCat("  ", direction, std::string(9 - direction.size(), ' '),
                                   side.answer.allow ? "allow  " : "deny   ", Decision(side));
  if (side.pos.line > 0) absl::StrAppend(&first, "   ", side.pos.file, ":", side.pos.line);
  std::vector<std::string> lines = {first};
  if (side.answer.allow) return lines;
  std::vector<std::string> names;
  size_t width = 0;
  for (const RuleTrial& trial : side.considered) {
    const std::string policy = side.isolates.size() > 1 ? ShortName(trial.policy) + " " : "";
    names.push_back(absl::StrCat(policy, trial.rule, " ", trial.peers));
    width = std::max(width, names.back().size());
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string padding(width - names[i].size() + 2, ' ');
    lines.push_back(absl::StrCat(std::string(14, ' '), names[i], padding, "no: ", side.considered[i].why));
  }
  return lines;
}

std::vector<std::string> RenderToAllow(const Explanation& explanation) {
  std::vector<std::string> lines;
  for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
    if (side->answer.allow) continue;
    lines.push_back(side->to_allow ? ChangeText(*side->to_allow) : side->hint);
  }
  return lines;
}

}  // namespace bulkhead
