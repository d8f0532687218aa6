// SPDX-License-Identifier: Apache-2.0
// The last policy with one more identity, or more addresses of one: appends, and changes nothing that exists.
#include <algorithm>

#include "controlplane/policy/compiler_state.h"

namespace bulkhead {

absl::StatusOr<PolicyGrowth> Compiler::State::Grow(const KnownIdentity& known) {
  const PolicyGrowth growth{static_cast<uint32_t>(policy->subjects.size()), policy->classes, policy->rows,
                            static_cast<uint32_t>(policy->rulesets.size())};
  std::vector<SubjectKey> fresh;
  const auto want = [&](SubjectKey key) {
    if (!policy->FindSubject(key) && std::find(fresh.begin(), fresh.end(), key) == fresh.end()) fresh.push_back(std::move(key));
  };
  want({known.identity.id, {}});
  for (const IpAddress& address : known.addresses) want({known.identity.id, policy->cidrs.Holding(address)});
  if (fresh.empty()) return growth;

  grown = true;
  const uint32_t part =
      classes->IdentityPart(atoms.atoms().OfIdentity(known.identity, input.namespaces), known.named_ports, known.newcomer);
  std::vector<uint32_t> ids;
  for (const SubjectKey& key : fresh) ids.push_back(classes->ClassOf(key.identity, key.cidrs, part));
  std::vector<compile::Class>& all = classes->classes();
  std::vector<uint32_t> new_rows;
  uint32_t row = policy->rows;
  for (const uint32_t id : ids) {
    if (!known.local || all[id].row != kNoRow) continue;
    if (id < policy->classes) return absl::FailedPreconditionError("a class gets its first workload on this host");
    all[id].row = static_cast<uint16_t>(row++);
    new_rows.push_back(id);
  }
  absl::Status status = compile::CheckClasses(policy->subjects.size() + fresh.size(), all.size(), row);
  if (status.ok()) status = AddCells(new_rows);
  if (!status.ok()) return status;
  for (size_t i = 0; i < fresh.size(); ++i) {
    policy->subject_index.emplace(fresh[i], static_cast<SubjectId>(policy->subjects.size()));
    policy->subjects.push_back({known.identity.id, fresh[i].cidrs, static_cast<ClassId>(ids[i]), all[ids[i]].row, known.mode});
  }
  return growth;
}

// Columns for classes that the matrix does not have yet, then rows for those that live here from now on. On an error the policy is
// as it was.
absl::Status Compiler::State::AddCells(const std::vector<uint32_t>& new_rows) {
  const std::vector<compile::Class>& all = classes->classes();
  const uint32_t old_classes = policy->classes, old_rows = policy->rows;
  const size_t old_rulesets = policy->rulesets.size();
  for (uint32_t id = old_classes; id < all.size(); ++id) rows->AddClass(id);
  for (uint32_t own = 0; own < old_classes; ++own) {
    if (all[own].row >= old_rows) continue;  // none, or a new one
    for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
      std::vector<uint32_t>& cells = policy->matrix[static_cast<int>(direction)][all[own].row];
      for (uint32_t peer = old_classes; peer < all.size(); ++peer) cells.push_back(rows->Cell(direction, own, peer));
    }
  }
  policy->classes = static_cast<uint32_t>(all.size());
  policy->rows += static_cast<uint32_t>(new_rows.size());
  for (auto& matrix : policy->matrix) matrix.resize(policy->rows);
  for (const uint32_t id : new_rows) AddRow(id);
  absl::Status status = rulesets->Check();
  if (status.ok()) return status;
  for (auto& matrix : policy->matrix) {
    matrix.resize(old_rows);
    for (std::vector<uint32_t>& cells : matrix) cells.resize(old_classes);
  }
  policy->classes = old_classes;
  policy->rows = old_rows;
  policy->rulesets.resize(old_rulesets);
  return status;
}

}  // namespace bulkhead
