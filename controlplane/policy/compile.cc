// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/compile.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/compiler_state.h"

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

Compiler::Compiler() : state_(std::make_unique<State>()) {}
Compiler::~Compiler() = default;

absl::StatusOr<std::shared_ptr<CompiledPolicy>> Compiler::Compile(const CompileInput& input) {
  CompileInput fresh = input;
  if (!fresh.documents) fresh.documents = std::make_shared<PolicyDocuments>();
  if (const auto unsupported = CheckSupported(*fresh.documents); !unsupported.empty()) {
    state_->policy = nullptr;
    return absl::InvalidArgumentError(absl::StrJoin(unsupported, "\n"));
  }
  if (state_->Remake(fresh)) return state_->policy;
  const absl::Status status = state_->Make(fresh);
  if (status.ok()) return state_->policy;
  state_->policy = nullptr;
  return status;
}

absl::StatusOr<PolicyGrowth> Compiler::Extend(const KnownIdentity& known) {
  if (state_->policy == nullptr) return absl::FailedPreconditionError("there is no compiled policy that may grow");
  absl::StatusOr<PolicyGrowth> growth = state_->Grow(known);
  if (!growth.ok()) state_->policy = nullptr;  // what the passes remember is ahead of it now
  return growth;
}

CompileWork Compiler::work() const { return state_->work; }

absl::StatusOr<CompiledPolicy> Compile(const CompileInput& input) {
  Compiler compiler;
  absl::StatusOr<std::shared_ptr<CompiledPolicy>> policy = compiler.Compile(input);
  if (!policy.ok()) return policy.status();
  return std::move(**policy);
}

}  // namespace bulkhead
