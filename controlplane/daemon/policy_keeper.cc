// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

bool SelectsNodes(const PolicyDocuments& documents) {
  const auto in_rules = [](const std::vector<PolicyRule>& rules) {
    return std::any_of(rules.begin(), rules.end(), [](const PolicyRule& rule) {
      return std::any_of(rule.peers.begin(), rule.peers.end(),
                         [](const PolicyPeer& peer) { return peer.node_selector.has_value(); });
    });
  };
  return std::any_of(documents.policies.begin(), documents.policies.end(),
                     [&](const Policy& policy) { return in_rules(policy.ingress) || in_rules(policy.egress); });
}

// Who became a newcomer since has a new number, and is somebody new in any case.
bool SameNewcomers(const PolicyInput& before, const PolicyInput& now) {
  return std::includes(now.newcomers.begin(), now.newcomers.end(), before.newcomers.begin(), before.newcomers.end());
}

bool SameDecisions(const PolicyInput& before, const PolicyInput& now) {
  return before.documents == now.documents && before.modes == now.modes &&
         (before.node == now.node || !SelectsNodes(*now.documents)) && SameNewcomers(before, now);
}

// What does not fit, or is no policy, is no better the second time.
bool IsFinal(const absl::Status& status) { return absl::IsResourceExhausted(status) || absl::IsInvalidArgument(status); }

bool Contains(const std::set<IpAddress>& all, const std::set<IpAddress>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

bool PolicyKeeper::KnowsHost(const PolicyInput& input) const {
  return std::all_of(input.host_addresses.begin(), input.host_addresses.end(),
                     [this](const IpAddress& address) { return policy_->FindSubject(kIdentityHost, address).has_value(); });
}

std::vector<KnownIdentity> PolicyKeeper::FindNew(const Identities& identities, const PolicyInput& input) {
  std::vector<KnownIdentity> out;
  for (const auto& [id, addresses] : identities) {
    const auto known = known_.find(id);
    if (known != known_.end() && known->second == addresses) continue;
    const Identity* identity = interner_->Find(id);
    if (identity == nullptr) continue;
    std::set<IpAddress> fresh = addresses;
    std::erase_if(fresh, [&](const IpAddress& address) { return policy_->FindSubject(id, address).has_value(); });
    if (fresh.empty() && policy_->FindSubject(id)) {
      known_[id] = addresses;
    } else {
      out.push_back(KnownFrom(*identity, fresh, input));
    }
  }
  return out;
}

bool PolicyKeeper::IsBehind(const PolicyInput& input, const InventoryState& inventory) {
  if (!tried_ || !SameDecisions(*tried_, input)) return true;
  if (status_.ok()) return !KnowsHost(input) || !FindNew(inventory.identities, input).empty();
  return !IsFinal(status_) || std::any_of(inventory.identities.begin(), inventory.identities.end(), [this](const auto& identity) {
    const auto at = tried_identities_.find(identity.first);
    return at == tried_identities_.end() || !Contains(at->second, identity.second);
  });
}

void PolicyKeeper::CatchUp(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) {
  if (tried_ && SameDecisions(*tried_, input) && status_.ok() && KnowsHost(input)) {
    const absl::Status grown = Grow(FindNew(inventory.identities, input));
    if (grown.ok()) return;
    spdlog::debug("policy cannot grow: {}", std::string(grown.message()));
  }
  tried_ = input;
  status_ = Publish(input, inventory, generation);
  open_ = false;
  if (status_.ok()) return;
  tried_identities_ = inventory.identities;
  KeepUp(input, inventory, generation);
  if (!closed_ && !ProtectsNobody(inventory)) return;
  const absl::Status closed = PublishClosed(input, inventory, generation);
  open_ = !closed.ok() && !closed_;
  if (closed.ok()) return;
  status_ = absl::Status(closed.code(), absl::StrCat(std::string(status_.message()),
                                                     "; nor can everything be closed: ", std::string(closed.message())));
}

// Who is new now has a place at least in the policy that stays.
void PolicyKeeper::KeepUp(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) {
  if (closed_ || policy_ == nullptr || SameDecisions(input, input_) || FindNew(inventory.identities, input_).empty()) return;
  PolicyInput stays = input_;
  stays.host_addresses = input.host_addresses;
  if (const absl::Status kept = Publish(stays, inventory, generation); !kept.ok()) {
    spdlog::error("policy: {}", std::string(kept.message()));
  }
}

absl::Status PolicyKeeper::Grow(const std::vector<KnownIdentity>& fresh) {
  if (fresh.empty()) return absl::OkStatus();
  std::optional<PolicyGrowth> all;  // the first one's indexes are those from which everything is new
  for (const KnownIdentity& known : fresh) {
    const absl::StatusOr<PolicyGrowth> growth = compiler_.Extend(known);
    if (!growth.ok()) return growth.status();
    if (!all) all = *growth;
  }
  return outlet_.grow(*all);
}

bool PolicyKeeper::ProtectsNobody(const InventoryState& inventory) const {
  if (before_ == Before::kDecidesNot) return false;
  if (policy_ == nullptr) return before_ == Before::kNothing;
  if (inventory.identities.empty()) return false;
  return std::none_of(policy_->subjects.begin(), policy_->subjects.end(),
                      [](const CompiledSubject& subject) { return subject.identity >= kFirstIdentity; });
}

absl::Status PolicyKeeper::Publish(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) {
  absl::Status status = Apply(MakeCompileInput(input, inventory, *interner_, options_, generation), input);
  if (status.ok()) closed_ = false;
  return status;
}

absl::Status PolicyKeeper::PublishClosed(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) {
  PolicyInput closed = input;
  closed.documents = std::make_shared<PolicyDocuments>();
  absl::Status status =
      Apply(MakeCompileInput(closed, inventory, *interner_, {false, options_.allow_from_host}, generation), closed);
  if (status.ok()) closed_ = true;
  return status;
}

absl::Status PolicyKeeper::Apply(const CompileInput& made, const PolicyInput& input) {
  const auto begun = std::chrono::steady_clock::now();
  absl::StatusOr<std::shared_ptr<CompiledPolicy>> compiled = compiler_.Compile(made);
  if (!compiled.ok()) return compiled.status();
  outlet_.number(compiled->get());
  if (absl::Status status = outlet_.apply(*compiled); !status.ok()) return status;
  durations_.AddNs(static_cast<uint64_t>((std::chrono::steady_clock::now() - begun).count()));
  policy_ = *std::move(compiled);
  input_ = input;
  known_.clear();
  return absl::OkStatus();
}

}  // namespace bulkhead
