// SPDX-License-Identifier: Apache-2.0
// An explanation for people.
#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/explain.h"

namespace bulkhead {
namespace {

// Of one tier; `-o json` has them all.
constexpr size_t kMaxTrialLines = 20;

// A NetworkPolicy stands in the namespace of the side that it judges: its name is enough.
std::string ShortName(const std::string& policy) { return policy.substr(policy.find('/') + 1); }

std::string TierText(Tier tier, std::optional<int> priority) {
  return priority ? absl::StrCat(TierName(tier), " ", *priority) : TierName(tier);
}

const char* VerdictWord(const SideAnswer& answer) {
  return VerdictName(answer.allow ? Verdict::kAllow : answer.audit ? Verdict::kWouldDeny : Verdict::kDeny);
}

bool InATier(Tier tier) { return tier == Tier::kAdmin || tier == Tier::kBaseline; }

// Rules of a tier were asked and none of them decided.
std::string DefaultText(const SideExplanation& side) {
  const bool tiers =
      std::any_of(side.considered.begin(), side.considered.end(), [](const RuleTrial& trial) { return InATier(trial.tier); });
  return absl::StrCat(tiers ? "no policy decides" : "no policy isolates", side.answer.allow ? "" : "; default_verdict is deny");
}

std::string IsolationText(const SideExplanation& side) {
  std::vector<std::string> names;
  for (const Isolation& isolation : side.isolates)
    names.push_back(ShortName(isolation.policy) + (isolation.audit ? " (audit)" : ""));
  return absl::StrCat(absl::StrJoin(names, ", "), names.size() == 1 ? " isolates" : " isolate", "; no rule matched");
}

std::string Decision(const SideExplanation& side) {
  if (side.answer.rule == "self") return "a workload to itself";
  if (side.answer.rule == "from-host") return "from the host (allow_from_host)";
  if (side.answer.rule == "default") return DefaultText(side);
  if (side.answer.rule == "isolated") return IsolationText(side);
  std::string text = absl::StrCat(ShortName(side.answer.policy), " ", side.answer.rule);
  if (!side.rule_name.empty()) absl::StrAppend(&text, " \"", side.rule_name, "\"");
  if (InATier(side.tier)) absl::StrAppend(&text, " (", TierText(side.tier, side.priority), side.answer.audit ? ", audit" : "", ")");
  return text;
}

// Whether the trial is worth a line: of a denial all are; of what allows those of the tiers before, where people look for what
// could have denied, and what would have denied but for audit.
bool IsShown(const SideExplanation& side, const RuleTrial& trial) {
  if (side.answer.rule == "from-host") return InATier(trial.tier);
  return !side.answer.allow || trial.tier < side.tier || (trial.matches && trial.action == "Deny");
}

std::string TrialName(const SideExplanation& side, const RuleTrial& trial) {
  std::string text;
  if (InATier(trial.tier)) {
    absl::StrAppend(&text, trial.policy, " ");
  } else if (side.isolates.size() > 1) {
    absl::StrAppend(&text, ShortName(trial.policy), " ");
  }
  text += trial.rule;
  if (!trial.name.empty()) absl::StrAppend(&text, " \"", trial.name, "\"");
  if (InATier(trial.tier)) absl::StrAppend(&text, " ", trial.action);
  absl::StrAppend(&text, " ", trial.peers);
  return text;
}

using Row = std::array<std::string, 3>;  // tier, rule, outcome

class Rows {
 public:
  explicit Rows(const SideExplanation& side)
      : side_(side), tiers_(std::any_of(side.considered.begin(), side.considered.end(), [&](const RuleTrial& trial) {
          return InATier(trial.tier) && IsShown(side, trial);
        })) {}

  std::vector<Row> Take() {
    Tier tier = Tier::kAdmin;
    for (const RuleTrial& trial : side_.considered) {
      if (trial.tier != tier) Flush();
      if (trial.tier > Tier::kNetworkPolicy && tier <= Tier::kNetworkPolicy) AddIsolation();
      tier = trial.tier;
      if (IsShown(side_, trial)) AddTrial(trial);
    }
    Flush();
    if (tier <= Tier::kNetworkPolicy) AddIsolation();
    return std::move(rows_);
  }

 private:
  void Add(const std::string& tier, const std::string& rule, const std::string& outcome) {
    rows_.push_back({tiers_ ? tier : "", rule, outcome});
  }

  void AddTrial(const RuleTrial& trial) {
    if (!trial.matches && ++unmatched_ > kMaxTrialLines) return;
    if (trial.matches) Flush();
    Add(TierText(trial.tier, trial.priority), TrialName(side_, trial),
        trial.matches ? absl::StrCat("yes: ", trial.why, "; ", trial.effect) : "no: " + trial.why);
  }

  // Says how many of a tier's rules were left out.
  void Flush() {
    if (unmatched_ > kMaxTrialLines)
      Add("", absl::StrCat("... and ", unmatched_ - kMaxTrialLines, " more that do not match (-o json shows them)"), "");
    unmatched_ = 0;
  }

  // Policies in audit isolated, no rule of theirs matched, and the next tier was asked.
  void AddIsolation() {
    const bool allowed = std::any_of(side_.considered.begin(), side_.considered.end(),
                                     [](const RuleTrial& trial) { return trial.tier == Tier::kNetworkPolicy && trial.matches; });
    if (side_.isolates.empty() || allowed || side_.tier == Tier::kNetworkPolicy || side_.answer.rule == "from-host") return;
    Add(TierName(Tier::kNetworkPolicy), IsolationText(side_), "in audit: the next tier is asked");
  }

  const SideExplanation& side_;
  const bool tiers_;
  size_t unmatched_ = 0;
  std::vector<Row> rows_;
};

// Cells beside each other below the verdict.
std::vector<std::string> Align(const std::vector<Row>& rows) {
  std::array<size_t, 2> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) {
      if (!row[2].empty()) widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    std::string line(14, ' ');
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == 0) continue;
      line += row[i];
      if (row[2].empty() && i == 1) continue;
      line.append(widths[i] - row[i].size() + 2, ' ');
    }
    lines.push_back(line + row[2]);
  }
  return lines;
}

bool OnlyAddsPolicy(const Suggestion& suggestion) {
  return suggestion.changes.size() == 1 && suggestion.changes[0].what == Change::What::kAddPolicy;
}

std::string SuggestionText(const Suggestion& suggestion) {
  return suggestion.changes.empty() ? suggestion.hint : ChangesText(suggestion.changes);
}

}  // namespace

std::vector<std::string> RenderSide(const SideExplanation& side) {
  const std::string direction = DirectionName(side.direction);
  const std::string verdict = VerdictWord(side.answer);
  const auto pad = [](const std::string& text, size_t width) {
    return text + std::string(width - std::min(width, text.size()), ' ');
  };
  std::string first = absl::StrCat("  ", pad(direction, 9), pad(verdict, 5), "  ", Decision(side));
  if (side.pos.line > 0) absl::StrAppend(&first, "   ", side.pos.file, ":", side.pos.line);
  std::vector<std::string> lines = Align(Rows(side).Take());
  lines.insert(lines.begin(), first);
  return lines;
}

std::vector<std::string> RenderToAllow(const Explanation& explanation) {
  std::vector<std::string> lines;
  for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
    if (!side->answer.allow) lines.push_back(SuggestionText(side->flip));
  }
  return lines;
}

std::vector<std::string> RenderToDeny(const Explanation& explanation) {
  const Suggestion& egress = explanation.egress.flip;
  const Suggestion& ingress = explanation.ingress.flip;
  if (!explanation.allow || explanation.egress.answer.rule == "self") return {};
  // The service that is asked decides who may ask, but an edit comes before one more policy.
  const bool at_egress =
      !egress.changes.empty() && (ingress.changes.empty() || (OnlyAddsPolicy(ingress) && !OnlyAddsPolicy(egress)));
  return {SuggestionText(at_egress ? egress : ingress)};
}

std::vector<std::string> RenderNotes(const Explanation& explanation) {
  std::vector<std::string> notes;
  for (const SideExplanation* side : {&explanation.egress, &explanation.ingress}) {
    if (side->answer.allow || !InATier(side->tier)) continue;
    notes.push_back(absl::StrCat(side->answer.policy, " ", side->answer.rule, " stands in the ", TierName(side->tier), " tier: ",
                                 side->tier == Tier::kAdmin ? "no NetworkPolicy can widen it"
                                                            : "NetworkPolicies that isolate this side are asked before it"));
  }
  return notes;
}

}  // namespace bulkhead
