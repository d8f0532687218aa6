// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/compile.h"

#include "controlplane/policy/passes.h"

namespace bulkhead {

absl::StatusOr<CompiledPolicy> Compile(const CompileInput& input) {
  CompiledPolicy policy;
  policy.generation = input.generation;
  policy.global_mode = input.global_mode;
  static const PolicyDocuments kNoDocuments;
  std::vector<compile::PlanPolicy> plan = compile::NumberRules(input.documents ? *input.documents : kNoDocuments, &policy.rules);
  const compile::CidrIndex cidrs(plan);
  const compile::Atoms atoms = compile::ResolveAtoms(input, cidrs, &plan);
  std::vector<int> owner;
  compile::MakeSubjects(input, cidrs, &policy, &owner);
  const auto classes = compile::MakeClasses(input, atoms, owner, &policy);
  if (!classes.ok()) return classes.status();
  compile::SideTables sides(plan, *classes, input.options);
  if (const absl::Status status = compile::MakeMatrix(*classes, &sides, &policy); !status.ok()) return status;
  return policy;
}

}  // namespace bulkhead
