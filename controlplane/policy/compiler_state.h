// SPDX-License-Identifier: Apache-2.0
// What a Compiler remembers of the policy that it made last. Internal to the compiler: make.cc makes all of it from scratch,
// remake.cc makes what a change of documents touches, grow.cc adds who is new.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_COMPILER_STATE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_COMPILER_STATE_H_

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/passes.h"

namespace bulkhead {

struct Compiler::State {
  compile::Population population;
  CompileInput input;  // of the last Make or Remake
  bool grown = false;  // the policy knows more than the input by now
  compile::Plan plan;
  compile::AtomTable atoms;
  std::vector<int> owner;  // of each subject: index into input.identities, or -1
  std::unique_ptr<compile::ClassMaker> classes;
  std::unique_ptr<compile::RulesetMaker> rulesets;
  std::unique_ptr<compile::RowMaker> rows;
  std::shared_ptr<CompiledPolicy> policy;  // null: none that may be used again
  size_t dead_rules = 0;                   // in policy->rules, of policies that are gone
  CompileWork work;

  // From scratch. On an error `policy` must not be used.
  absl::Status Make(const CompileInput& fresh);
  // From the last policy; false: it takes Make.
  bool Remake(const CompileInput& fresh);
  absl::StatusOr<PolicyGrowth> Grow(const KnownIdentity& known);

 private:
  void GiveClasses(const std::vector<std::vector<compile::AtomId>>& atoms_of, std::vector<bool>* local);
  absl::Status FillRows();
  void AddRow(uint32_t id);

  // The classes whose row in a direction a change touches.
  using Touched = std::array<std::vector<bool>, 2>;

  bool SameWorld(const CompileInput& fresh) const;
  bool SplitsNoClass(const std::vector<uint32_t>& members, std::vector<uint32_t>* classes_of) const;
  bool TakeInAtoms();
  void Touch(const compile::PlanPolicy& changed, Touched* touched) const;
  void BuryRules(const compile::PlanPolicy& gone, const compile::Plan& old);

  absl::Status AddCells(const std::vector<uint32_t>& new_rows);
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_COMPILER_STATE_H_
