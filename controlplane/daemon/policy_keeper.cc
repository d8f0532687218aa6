// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

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
  if (status_.ok()) return;
  tried_identities_ = inventory.identities;
  // Who is new now has a place at least in the policy that stays.
  if (policy_ == nullptr || SameDecisions(input, input_) || FindNew(inventory.identities, input_).empty()) return;
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

absl::Status PolicyKeeper::Publish(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) {
  const auto begun = std::chrono::steady_clock::now();
  absl::StatusOr<std::shared_ptr<CompiledPolicy>> compiled =
      compiler_.Compile(MakeCompileInput(input, inventory, *interner_, options_, generation));
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
