// SPDX-License-Identifier: Apache-2.0
// Control's dealings with what is remembered over restarts. When the disk fails it, enforcement goes on and `status` tells.
#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "controlplane/daemon/control.h"
#include "controlplane/store/database.h"

namespace bulkhead {

absl::StatusOr<uint64_t> Control::LoadRemembered() {
  if (const std::string& problem = parts_.store->problem(); !problem.empty()) {
    problems_["state folder"] = std::string(absl::StripPrefix(problem, "state: "));
  }
  absl::StatusOr<std::vector<Identity>> identities = parts_.store->LoadIdentities();
  if (!identities.ok()) return identities.status();
  absl::StatusOr<std::vector<RuleInfo>> rules = parts_.store->LoadRules();
  if (!rules.ok()) return rules.status();
  absl::StatusOr<std::optional<std::string>> stored = parts_.store->Get("generation");
  if (!stored.ok()) return stored.status();
  interner_ = IdentityInterner(*identities);
  rules_ = RuleBook(*rules);
  ReserveNumbers();
  uint64_t generation = 0;
  if (stored->has_value()) std::from_chars((*stored)->data(), (*stored)->data() + (*stored)->size(), generation);
  return generation;
}

// Whoever has the file open reads it no more: damage would show only at the next start.
void Control::CheckStateFile() {
  const std::string& path = parts_.store->path();
  if (path.empty() || checking_state_file_) return;
  checking_state_file_ = true;
  slow_worker_->Post([this, path] {
    const absl::Status status = Database::CheckFile(path);
    parts_.loop->Post([this, status] {
      checking_state_file_ = false;
      if (!absl::IsUnavailable(status)) Note("state file", status);
    });
  });
}

// The kernel has numbers of identities and rules in endpoints, flows, edges and counts. What they stand for may be forgotten (the file
// was lost, or the disk full), but nobody else may get them: evil's endpoint would have web's rights until a source tells of it.
void Control::ReserveNumbers() {
  if (parts_.adopted.empty()) return;
  IdentityId identity = 0;
  uint32_t rule = 0;
  for (const EndpointState& endpoint : parts_.adopted) {
    identity = std::max(identity, endpoint.identity);
    wait_for_sources_ |= endpoint.identity >= kFirstIdentity && interner_.Find(endpoint.identity) == nullptr;
  }
  absl::Status status = parts_.backend->ReadEdges([&](const EdgeRecord& edge) {
    identity = std::max({identity, edge.source_identity, edge.destination_identity});
    return true;
  });
  status.Update(parts_.backend->ReadFlows([&](const FlowRecord& flow) {
    identity = std::max({identity, flow.source_identity, flow.destination_identity});
    rule = std::max({rule, flow.source_rule, flow.destination_rule});
    return true;
  }));
  const absl::StatusOr<std::map<uint32_t, RuleCounts>> counts = parts_.backend->ReadRules();
  status.Update(counts.status());
  if (counts.ok() && !counts->empty()) rule = std::max(rule, counts->rbegin()->first);
  Note("numbers in use", status);
  interner_.Reserve(identity);
  rules_.Reserve(rule);
}

// A policy that is compiled before it is known who the adopted endpoints are would take them for nobody: what isolates them would not
// hold, and what they may would be denied. What the kernel has goes on meanwhile.
bool Control::WaitsForSources() {
  wait_for_sources_ = wait_for_sources_ && !inventory_->settled();
  Note("state", wait_for_sources_ ? absl::UnavailableError("who has the endpoints in the kernel is forgotten; what is enforced stays as it "
                                                           "is until every source has listed its workloads")
                                  : absl::OkStatus());
  return wait_for_sources_;
}

// Numbers reach pinned maps next, so they are remembered first: after a crash no other identity may get one of them.
void Control::SaveIdentities() {
  std::vector<Identity> fresh = interner_.TakeNew();
  unsaved_.insert(unsaved_.end(), fresh.begin(), fresh.end());
  if (unsaved_.empty()) return;
  const absl::Status status = parts_.store->SaveIdentities(unsaved_);
  Note("state, identities", status);
  if (status.ok()) unsaved_.clear();
}

}  // namespace bulkhead
