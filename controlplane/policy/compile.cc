// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/compile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/passes.h"

namespace bulkhead {

std::vector<std::string> CheckSupported(const PolicyDocuments& documents) {
  std::vector<std::string> out;
  for (const Policy& policy : documents.policies) {
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      for (const PolicyRule& rule : policy.rules(direction)) {
        for (const PolicyPeer& peer : rule.peers) {
          if (peer.domain_names.empty()) continue;
          out.push_back(absl::StrCat(peer.pos.ToString(), ": domainNames: found ", absl::StrJoin(peer.domain_names, ", "),
                                     ": not supported yet, expected namespaces, pods, nodes or networks"));
        }
      }
    }
  }
  return out;
}

// What the last policy was made from: enough to let it grow.
struct Compiler::State {
  compile::Population population;
  std::shared_ptr<const PolicyDocuments> documents;
  std::map<std::string, Labels> namespaces;
  compile::Plan plan;
  compile::Atoms atoms;
  std::unique_ptr<compile::ClassMaker> classes;
  std::unique_ptr<compile::RulesetMaker> rulesets;
  std::unique_ptr<compile::RowMaker> rows;
  std::shared_ptr<CompiledPolicy> policy;  // null: none that may grow

  absl::Status Make(const CompileInput& input);
  void GiveClasses(const CompileInput& input, const std::vector<int>& owner,
                   const std::vector<std::vector<compile::AtomId>>& atoms_of, std::vector<bool>* local);
  absl::Status FillRows();
  void AddRow(uint32_t id);
  absl::StatusOr<PolicyGrowth> Grow(const KnownIdentity& known);
  absl::Status AddCells(const std::vector<uint32_t>& new_rows);
};

namespace {

constexpr Direction kDirections[] = {Direction::kEgress, Direction::kIngress};

}  // namespace

absl::Status Compiler::State::Make(const CompileInput& input) {
  policy->generation = input.generation;
  policy->global_mode = input.global_mode;
  plan = compile::MakePlan(*documents, &policy->rules);
  CidrTable cidrs = compile::CollectCidrs(plan, input);
  std::vector<std::vector<compile::AtomId>> atoms_of;
  atoms = compile::ResolveAtoms(input, cidrs, &population, &plan, &atoms_of);
  std::vector<int> owner;
  compile::MakeSubjects(input, std::move(cidrs), policy.get(), &owner);
  // Before the work that grows with them.
  if (const absl::Status status = compile::CheckClasses(policy->subjects.size(), 0, 0); !status.ok()) return status;
  std::vector<bool> local;
  GiveClasses(input, owner, atoms_of, &local);
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
  rows = std::make_unique<compile::RowMaker>(plan, atoms.count, classes->classes(), input.options, rulesets.get());
  return FillRows();
}

void Compiler::State::GiveClasses(const CompileInput& input, const std::vector<int>& owner,
                                  const std::vector<std::vector<compile::AtomId>>& atoms_of, std::vector<bool>* local) {
  classes = std::make_unique<compile::ClassMaker>(atoms);
  std::vector<uint32_t> parts;
  for (size_t i = 0; i < input.identities.size(); ++i) {
    parts.push_back(classes->IdentityPart(atoms_of[i], input.identities[i].named_ports));
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
  for (auto& matrix : policy->matrix) matrix.resize(policy->rows);
  for (uint32_t id = 0; id < policy->classes; ++id) {
    if (classes->classes()[id].row != kNoRow && !rulesets->TooDear()) AddRow(id);
  }
  return rulesets->Check();
}

void Compiler::State::AddRow(uint32_t id) {
  const uint16_t row = classes->classes()[id].row;
  for (const Direction direction : kDirections) policy->matrix[static_cast<int>(direction)][row] = rows->Row(direction, id);
}

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

  const uint32_t part = classes->IdentityPart(atoms.OfIdentity(known.identity, namespaces), known.named_ports);
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
    const compile::Class& its = all[ids[i]];
    policy->subject_index.emplace(fresh[i], static_cast<SubjectId>(policy->subjects.size()));
    policy->subjects.push_back({known.identity.id, fresh[i].cidrs, static_cast<ClassId>(ids[i]), its.row, known.mode});
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
    for (const Direction direction : kDirections) {
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

Compiler::Compiler() : state_(std::make_unique<State>()) {}
Compiler::~Compiler() = default;

absl::StatusOr<std::shared_ptr<CompiledPolicy>> Compiler::Compile(const CompileInput& input) {
  State& state = *state_;
  state.documents = input.documents ? input.documents : std::make_shared<PolicyDocuments>();
  state.namespaces = input.namespaces;
  state.policy = nullptr;
  const std::vector<std::string> unsupported = CheckSupported(*state.documents);
  if (!unsupported.empty()) return absl::InvalidArgumentError(absl::StrJoin(unsupported, "\n"));
  state.policy = std::make_shared<CompiledPolicy>();
  const absl::Status status = state.Make(input);
  if (!status.ok()) {
    state.policy = nullptr;
    return status;
  }
  return state.policy;
}

absl::StatusOr<PolicyGrowth> Compiler::Extend(const KnownIdentity& known) {
  if (state_->policy == nullptr) return absl::FailedPreconditionError("there is no compiled policy that may grow");
  absl::StatusOr<PolicyGrowth> growth = state_->Grow(known);
  if (!growth.ok()) state_->policy = nullptr;  // what the passes remember is ahead of it now
  return growth;
}

absl::StatusOr<CompiledPolicy> Compile(const CompileInput& input) {
  Compiler compiler;
  absl::StatusOr<std::shared_ptr<CompiledPolicy>> policy = compiler.Compile(input);
  if (!policy.ok()) return policy.status();
  return std::move(**policy);
}

}  // namespace bulkhead
