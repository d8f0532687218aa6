// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/pair.h"

#include <utility>
#include <vector>

#include "controlplane/policy/passes.h"

namespace bulkhead {
namespace {

// Every prefix by which the documents can tell addresses apart.
std::vector<Prefix> CidrsOf(const CompileInput& input) {
  if (!input.documents) return input.more_cidrs;
  std::vector<RuleInfo> rules;
  return compile::CollectCidrs(compile::MakePlan(*input.documents, &rules), input).prefixes();
}

}  // namespace

absl::StatusOr<PolicyPair> CompilePair(CompileInput before, CompileInput after) {
  std::vector<Prefix> all = CidrsOf(before);
  const std::vector<Prefix> more = CidrsOf(after);
  all.insert(all.end(), more.begin(), more.end());
  before.more_cidrs = all;
  after.more_cidrs = std::move(all);
  absl::StatusOr<CompiledPolicy> old_policy = Compile(before);
  if (!old_policy.ok()) return old_policy.status();
  absl::StatusOr<CompiledPolicy> new_policy = Compile(after);
  if (!new_policy.ok()) return new_policy.status();
  PolicyPair pair;
  pair.before = std::make_shared<const CompiledPolicy>(*std::move(old_policy));
  pair.after = std::make_shared<const CompiledPolicy>(*std::move(new_policy));
  return pair;
}

}  // namespace bulkhead
