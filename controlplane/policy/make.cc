// SPDX-License-Identifier: Apache-2.0
// A policy from scratch: the passes in their order.
#include <algorithm>

#include "controlplane/policy/compiler_state.h"

namespace bulkhead {

absl::Status Compiler::State::Make(const CompileInput& fresh) {
  input = fresh;
  grown = false;
  dead_rules = 0;
  work = {.from_scratch = true, .rows = 0};
  policy = std::make_shared<CompiledPolicy>();
  policy->generation = input.generation;
  policy->global_mode = input.global_mode;
  plan = compile::MakePlan(*input.documents, &policy->rules);
  policy->cidrs = compile::CollectCidrs(plan, input);
  std::vector<std::vector<compile::AtomId>> atoms_of;
  atoms.Reset(input, policy->cidrs, &population, &atoms_of);
  for (compile::PlanPolicy& planned : plan.policies) atoms.Resolve(&planned, &plan);
  owner.clear();
  compile::MakeSubjects(input, policy.get(), &owner);
  // Before the work that grows with them.
  if (const absl::Status status = compile::CheckClasses(policy->subjects.size(), 0, 0); !status.ok()) return status;
  std::vector<bool> local;
  GiveClasses(atoms_of, &local);
  policy->classes = static_cast<uint32_t>(local.size());
  policy->rows = static_cast<uint32_t>(std::count(local.begin(), local.end(), true));
  if (const absl::Status status = compile::CheckClasses(policy->subjects.size(), policy->classes, policy->rows); !status.ok()) {
    return status;
  }
  uint16_t row = 0;
  for (size_t i = 0; i < local.size(); ++i) {
    if (local[i]) classes->classes()[i].row = row++;
  }
  for (CompiledSubject& subject : policy->subjects) subject.row = classes->classes()[subject.class_id].row;
  rulesets = std::make_unique<compile::RulesetMaker>(input.options, &policy->rulesets);
  return FillRows();
}

void Compiler::State::GiveClasses(const std::vector<std::vector<compile::AtomId>>& atoms_of, std::vector<bool>* local) {
  classes = std::make_unique<compile::ClassMaker>(atoms.atoms());
  std::vector<uint32_t> parts;
  for (size_t i = 0; i < input.identities.size(); ++i) {
    parts.push_back(classes->IdentityPart(atoms_of[i], input.identities[i].named_ports, input.identities[i].newcomer));
  }
  for (size_t i = 0; i < policy->subjects.size(); ++i) {
    CompiledSubject& subject = policy->subjects[i];
    const uint32_t id = classes->ClassOf(subject.identity, subject.cidrs, owner[i] < 0 ? 0 : parts[static_cast<size_t>(owner[i])]);
    subject.class_id = static_cast<ClassId>(id);
    local->resize(classes->classes().size());
    const bool here = owner[i] < 0 ? i == kSubjectUnknown : input.identities[static_cast<size_t>(owner[i])].local;
    if (here) (*local)[id] = true;
  }
}

absl::Status Compiler::State::FillRows() {
  rows = std::make_unique<compile::RowMaker>(plan, atoms.atoms().count, classes->classes(), input.options, rulesets.get());
  for (auto& matrix : policy->matrix) matrix.resize(policy->rows);
  for (uint32_t id = 0; id < policy->classes; ++id) {
    if (classes->classes()[id].row != kNoRow && !rulesets->TooDear()) AddRow(id);
  }
  return rulesets->Check();
}

void Compiler::State::AddRow(uint32_t id) {
  const uint16_t row = classes->classes()[id].row;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    policy->matrix[static_cast<int>(direction)][row] = rows->Row(direction, id);
    ++work.rows;
  }
}

}  // namespace bulkhead
