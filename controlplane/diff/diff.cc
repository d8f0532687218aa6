// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/diff/joint.h"
#include "controlplane/diff/parties.h"
#include "controlplane/policy/evaluate.h"

namespace bulkhead {
namespace {

using Joints = std::vector<uint32_t>;

// A change between a part of one party and a part of another.
struct Shape {
  uint32_t change = 0;
  Joints from, to;
};

class Differ {
 public:
  Differ(const PolicyPair& pair, const CompileInput& world, const std::vector<Headcount>& headcounts, const DiffOptions& options)
      : pair_(pair),
        world_(world),
        headcounts_(headcounts),
        options_(options),
        joints_(JoinClasses(pair)),
        finder_(pair, joints_) {}

  absl::StatusOr<PolicyDiff> Run() {
    parties_ = MakeParties(pair_, world_, headcounts_, joints_, options_.with_host);
    if (absl::Status status = FindChanges(); !status.ok()) return status;
    MakeProfiles();
    if (absl::Status status = CountRows(); !status.ok()) return status;
    MakeRows();
    return std::move(out_);
  }

 private:
  // Parties of the same joint classes differ in nothing but their names.
  struct Profile {
    Joints joints;
    std::vector<uint32_t> parties;  // ascending
  };

  absl::Status FindChanges();
  void MakeProfiles();
  // Profiles with a class that some class of this one changes towards.
  std::vector<uint32_t> Reached(const Profile& from);
  const std::vector<uint32_t>& ChangesBetween(uint32_t source, uint32_t destination) const;
  std::vector<Shape> ShapesBetween(const Joints& from, const Joints& to, const SelfTalk* self);
  absl::Status CountRows();
  void CountBetween(const Joints& from, const Joints& to, const SelfTalk* self, uint64_t times);
  void Count(uint32_t change, uint64_t times);
  void MakeRows();
  bool Enough() const;
  void AddRows(const DiffParty& from, const DiffParty& to);
  DiffRule RuleOf(const CompiledPolicy& policy, const Decision& decision) const;
  absl::Status TooMuch() const;

  const PolicyPair& pair_;
  const CompileInput& world_;
  const std::vector<Headcount>& headcounts_;
  const DiffOptions& options_;
  const JointClasses joints_;
  ChangeFinder finder_;
  std::vector<DiffParty> parties_;
  std::vector<std::vector<std::pair<uint32_t, const std::vector<uint32_t>*>>> changed_;  // [joint] -> (joint, indexes of changes)
  std::vector<Profile> profiles_;
  std::vector<uint32_t> profile_of_party_;
  std::vector<std::vector<uint32_t>> profiles_of_joint_;
  std::vector<bool> reached_;  // [profile]; false between two calls
  uint64_t steps_ = 0;
  PolicyDiff out_;
};

absl::Status Differ::TooMuch() const {
  return absl::ResourceExhaustedError(absl::StrCat("comparing ", parties_.size(), " services and ", joints_.classes.size(),
                                                   " kinds of subjects takes more than ", options_.max_steps, " steps"));
}

absl::Status Differ::FindChanges() {
  Joints present, with_row;
  for (const DiffParty& party : parties_) present.insert(present.end(), party.joints.begin(), party.joints.end());
  std::sort(present.begin(), present.end());
  present.erase(std::unique(present.begin(), present.end()), present.end());
  std::copy_if(present.begin(), present.end(), std::back_inserter(with_row),
               [this](uint32_t joint) { return joints_.HasRow(joint); });
  changed_.resize(joints_.classes.size());
  for (const uint32_t from : present) {
    // Of two that both live elsewhere nothing is judged here.
    const Joints& others = joints_.HasRow(from) ? present : with_row;
    steps_ += others.size();
    if (steps_ > options_.max_steps) return TooMuch();
    for (const uint32_t to : others) {
      const std::vector<uint32_t>& changes = finder_.Find(from, to);
      if (!changes.empty()) changed_[from].emplace_back(to, &changes);
    }
  }
  return absl::OkStatus();
}

void Differ::MakeProfiles() {
  std::map<Joints, uint32_t> ids;
  profiles_of_joint_.resize(joints_.classes.size());
  for (uint32_t i = 0; i < parties_.size(); ++i) {
    const auto [found, added] = ids.try_emplace(parties_[i].joints, static_cast<uint32_t>(profiles_.size()));
    if (added) {
      profiles_.push_back({parties_[i].joints, {}});
      for (const uint32_t joint : parties_[i].joints) profiles_of_joint_[joint].push_back(found->second);
    }
    profiles_[found->second].parties.push_back(i);
    profile_of_party_.push_back(found->second);
  }
}

std::vector<uint32_t> Differ::Reached(const Profile& from) {
  std::vector<uint32_t> out;
  for (const uint32_t source : from.joints) {
    for (const auto& [destination, changes] : changed_[source]) {
      for (const uint32_t profile : profiles_of_joint_[destination]) {
        ++steps_;
        if (reached_[profile]) continue;
        reached_[profile] = true;
        out.push_back(profile);
      }
    }
  }
  for (const uint32_t profile : out) reached_[profile] = false;
  return out;
}

const std::vector<uint32_t>& Differ::ChangesBetween(uint32_t source, uint32_t destination) const {
  static const std::vector<uint32_t> kNothing;
  const auto& changed = changed_[source];
  const auto at = std::lower_bound(changed.begin(), changed.end(), destination,
                                   [](const auto& item, uint32_t joint) { return item.first < joint; });
  return at == changed.end() || at->first != destination ? kNothing : *at->second;
}

// self: between the workloads of one party; which of them can talk to each other.
std::vector<Shape> Differ::ShapesBetween(const Joints& from, const Joints& to, const SelfTalk* self) {
  std::map<uint32_t, std::map<uint32_t, Joints>> found;  // change -> source -> destinations
  for (const uint32_t source : from) {
    steps_ += 1 + to.size();
    for (const uint32_t destination : to) {
      if (self != nullptr && !self->Possible(source, destination)) continue;
      for (const uint32_t change : ChangesBetween(source, destination)) found[change][source].push_back(destination);
    }
  }
  std::vector<Shape> out;
  for (const auto& [change, by_source] : found) {
    std::map<Joints, Joints> sources;  // by their destinations
    for (const auto& [source, destinations] : by_source) sources[destinations].push_back(source);
    for (const auto& [destinations, alike] : sources) out.push_back({change, alike, destinations});
  }
  const std::vector<VerdictChange>& changes = finder_.changes();
  std::sort(out.begin(), out.end(), [&](const Shape& a, const Shape& b) {
    return std::tie(changes[a.change], a.from, a.to) < std::tie(changes[b.change], b.from, b.to);
  });
  return out;
}

void Differ::Count(uint32_t id, uint64_t times) {
  const VerdictChange& change = finder_.changes()[id];
  const Outcome before = change.before.outcome, after = change.after.outcome;
  uint64_t& count = before == after                       ? out_.rule_changes
                    : IsDenied(before) == IsDenied(after) ? out_.others
                    : IsDenied(after)                     ? out_.denied
                                                          : out_.allowed;
  count += times;
}

void Differ::CountBetween(const Joints& from, const Joints& to, const SelfTalk* self, uint64_t times) {
  if (from.size() == 1 && to.size() == 1 && self == nullptr) {  // most are so
    for (const uint32_t change : ChangesBetween(from[0], to[0])) Count(change, times);
    return;
  }
  for (const Shape& shape : ShapesBetween(from, to, self)) Count(shape.change, times);
}

absl::Status Differ::CountRows() {
  reached_.resize(profiles_.size());
  for (const Profile& from : profiles_) {
    for (const uint32_t id : Reached(from)) {
      const Profile& to = profiles_[id];
      const uint64_t others = from.parties.size() - (&from == &to ? 1 : 0);
      CountBetween(from.joints, to.joints, nullptr, others * to.parties.size());
    }
    if (steps_ > options_.max_steps) return TooMuch();
  }
  for (const DiffParty& party : parties_) {
    const SelfTalk self(party, headcounts_);
    CountBetween(party.joints, party.joints, &self, 1);
  }
  return absl::OkStatus();
}

bool Differ::Enough() const {
  return out_.rows.size() >= options_.max_rows && (!options_.rule_rows || out_.rule_rows.size() >= options_.max_rows);
}

void Differ::MakeRows() {
  for (uint32_t i = 0; i < parties_.size() && !Enough(); ++i) {
    std::vector<uint32_t> reached;  // parties
    for (const uint32_t profile : Reached(profiles_[profile_of_party_[i]])) {
      reached.insert(reached.end(), profiles_[profile].parties.begin(), profiles_[profile].parties.end());
    }
    std::sort(reached.begin(), reached.end());
    for (const uint32_t to : reached) {
      if (Enough()) break;
      AddRows(parties_[i], parties_[to]);
    }
  }
}

void Differ::AddRows(const DiffParty& from, const DiffParty& to) {
  const SelfTalk self(from, headcounts_);
  for (const Shape& shape : ShapesBetween(from.joints, to.joints, &from == &to ? &self : nullptr)) {
    const VerdictChange& change = finder_.changes()[shape.change];
    const bool rule_only = change.before.outcome == change.after.outcome;
    std::vector<DiffRow>& rows = rule_only ? out_.rule_rows : out_.rows;
    if (rows.size() >= options_.max_rows || (rule_only && !options_.rule_rows)) continue;
    rows.push_back({PartText(from, shape.from, pair_, world_), PartText(to, shape.to, pair_, world_), change.ports,
                    change.before.outcome, change.after.outcome, RuleOf(*pair_.before, change.before.decision),
                    RuleOf(*pair_.after, change.after.decision)});
  }
}

DiffRule Differ::RuleOf(const CompiledPolicy& policy, const Decision& decision) const {
  const SideAnswer answer = DescribeSide(policy, {true, decision.rule});
  return {answer.policy, answer.rule, decision.side, policy.rules[decision.rule].pos};
}

}  // namespace

absl::StatusOr<PolicyDiff> DiffPolicies(const PolicyPair& pair, const CompileInput& world, const std::vector<Headcount>& headcounts,
                                        const DiffOptions& options) {
  return Differ(pair, world, headcounts, options).Run();
}

std::string RuleText(const DiffRule& rule) { return rule.policy.empty() ? rule.rule : absl::StrCat(rule.policy, " ", rule.rule); }

}  // namespace bulkhead
