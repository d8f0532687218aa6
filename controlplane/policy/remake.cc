// SPDX-License-Identifier: Apache-2.0
// The last policy with other documents, for the same workloads: what no changed policy is about is taken over.
#include <algorithm>
#include <tuple>

#include "controlplane/policy/compiler_state.h"

namespace bulkhead {
namespace {

// Rules of policies that are gone keep their numbers; with more of them than this, starting anew is better.
constexpr size_t kMaxDeadRules = 4096;

auto OrderOf(const Policy& policy) { return std::tie(policy.tier, policy.priority, policy.kind, policy.ns, policy.name); }

bool SameIdentity(const KnownIdentity& a, const KnownIdentity& b) {
  return a.identity.id == b.identity.id && a.mode == b.mode && a.local == b.local && a.newcomer == b.newcomer &&
         a.addresses == b.addresses;
}

bool SameNode(const KnownNode& a, const KnownNode& b) { return a.labels == b.labels && a.addresses == b.addresses; }

}  // namespace

bool Compiler::State::SameWorld(const CompileInput& fresh) const {
  return input.namespaces == fresh.namespaces && input.host_addresses == fresh.host_addresses &&
         input.more_cidrs == fresh.more_cidrs && input.options.default_allow == fresh.options.default_allow &&
         input.options.allow_from_host == fresh.options.allow_from_host && input.global_mode == fresh.global_mode &&
         std::equal(input.nodes.begin(), input.nodes.end(), fresh.nodes.begin(), fresh.nodes.end(), SameNode) &&
         std::equal(input.identities.begin(), input.identities.end(), fresh.identities.begin(), fresh.identities.end(),
                    SameIdentity);
}

// Whether a selector that matches these identities matches every class wholly or not at all; classes_of: those that it matches.
bool Compiler::State::SplitsNoClass(const std::vector<uint32_t>& members, std::vector<uint32_t>* classes_of) const {
  std::vector<bool> member(input.identities.size());
  for (const uint32_t identity : members) member[identity] = true;
  std::vector<uint32_t> all(policy->classes), matched(policy->classes);
  for (size_t i = 0; i < owner.size(); ++i) {
    const ClassId id = policy->subjects[i].class_id;
    ++all[id];
    if (owner[i] >= 0 && member[static_cast<size_t>(owner[i])]) ++matched[id];
  }
  for (uint32_t id = 0; id < policy->classes; ++id) {
    if (matched[id] == 0) continue;
    if (matched[id] != all[id]) return false;
    classes_of->push_back(id);
  }
  return true;
}

// New selectors that tell no subjects of a class apart leave the classes as they are.
bool Compiler::State::TakeInAtoms() {
  if (atoms.has_new_blocks_or_ports()) return false;
  for (const auto& [atom, members] : atoms.added()) {
    std::vector<uint32_t> matched;
    if (!SplitsNoClass(members, &matched)) return false;
    classes->AddAtom(matched, atom);
  }
  return true;
}

void Compiler::State::Touch(const compile::PlanPolicy& changed, Touched* touched) const {
  const std::vector<compile::Class>& all = classes->classes();
  for (uint32_t id = 0; id < all.size(); ++id) {
    if (all[id].row == kNoRow || !std::binary_search(all[id].atoms.begin(), all[id].atoms.end(), changed.selects)) continue;
    for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
      if (changed.document->Judges(direction)) (*touched)[static_cast<size_t>(direction)][id] = true;
    }
  }
}

// Their numbers stay, since other rules have the numbers after them; nothing names them any more.
void Compiler::State::BuryRules(const compile::PlanPolicy& gone, const compile::Plan& old) {
  for (size_t direction = 0; direction < 2; ++direction) {
    for (const uint32_t number : gone.rules[direction]) policy->rules[old.rules[direction][number].info] = {};
    if (gone.isolation[direction] != 0) policy->rules[gone.isolation[direction]] = {};
    dead_rules += gone.rules[direction].size() + 1;
  }
}

bool Compiler::State::Remake(const CompileInput& fresh) {
  if (policy == nullptr || grown || dead_rules > kMaxDeadRules || !SameWorld(fresh)) return false;
  auto next = std::make_shared<CompiledPolicy>(*policy);
  next->generation = fresh.generation;
  atoms.StartChanges(next->cidrs);

  // Both are in order: equal ones are taken over, the others are gone or new.
  compile::Plan old = std::exchange(plan, {});
  std::vector<compile::PlanPolicy> gone;
  std::vector<size_t> added;
  const std::shared_ptr<const PolicyDocuments> old_documents =
      std::exchange(input.documents, fresh.documents);  // `old` points there
  auto was = old.policies.begin();
  for (const Policy* is : compile::InOrderOfTiers(*fresh.documents)) {
    while (was != old.policies.end() && OrderOf(*was->document) < OrderOf(*is)) gone.push_back(std::move(*was++));
    if (was != old.policies.end() && *was->document == *is) {
      compile::MoveToPlan(*is, std::move(*was++), &old.rules, &plan);
      continue;
    }
    added.push_back(plan.policies.size());
    compile::AddToPlan(*is, &plan, &next->rules);
  }
  gone.insert(gone.end(), std::make_move_iterator(was), std::make_move_iterator(old.policies.end()));
  policy = nullptr;  // until all is well
  work = {};
  if (compile::CollectCidrs(plan, fresh).prefixes() != next->cidrs.prefixes()) return false;
  for (const size_t i : added) atoms.Resolve(&plan.policies[i], &plan);
  policy = std::move(next);
  if (!TakeInAtoms()) {
    policy = nullptr;
    return false;
  }

  Touched touched;
  for (std::vector<bool>& rows_of : touched) rows_of.assign(policy->classes, false);
  for (const compile::PlanPolicy& planned : gone) {
    Touch(planned, &touched);
    BuryRules(planned, old);
  }
  for (const size_t i : added) Touch(plan.policies[i], &touched);
  rulesets->MoveTo(&policy->rulesets);
  rows = std::make_unique<compile::RowMaker>(plan, atoms.atoms().count, classes->classes(), input.options, rulesets.get());
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto d = static_cast<size_t>(direction);
    for (uint32_t id = 0; id < policy->classes; ++id) {
      if (!touched[d][id]) continue;
      policy->matrix[d][classes->classes()[id].row] = rows->Row(direction, id);
      ++work.rows;
    }
  }
  if (rulesets->Check().ok()) return true;
  policy = nullptr;  // with what is dead thrown out it may fit
  return false;
}

}  // namespace bulkhead
