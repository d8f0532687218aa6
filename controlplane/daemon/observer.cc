// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/observer.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace bulkhead {

absl::Status Observer::DrainAnswers(const InventoryState& state) {
  return backend_->DrainAnswers([&](const bh_dns_answer& answer) { names_.Hear(answer, state); });
}

Observer::Batch Observer::Take(const InventoryState& state, uint64_t now) {
  if (learner_ == nullptr) return {};
  presence_.See(state.observed, now);
  Batch out;
  out.presence = presence_.Take();
  out.look_at = listeners_.Choose(state.observed, now);
  out.names = names_.Take();
  return out;
}

Observer::Written Observer::Write(const Batch& batch, const View& view) {
  Written out;
  if (learner_ == nullptr) return out;
  const Learner::IdentityLookup lookup = [&](IdentityId id) -> const Identity* {
    const auto at = view.identities.find(id);
    return at == view.identities.end() ? nullptr : &at->second;
  };
  const LearnMoment now = edges_->Now();
  out.lost = edges_->Lost();  // before there is room again
  out.status = edges_->Drain(view, &out.fresh_edges);
  const absl::Status presence = batch.presence.empty() ? absl::OkStatus() : learner_->RecordPresence(batch.presence, lookup, now);
  out.presence = presence.ok();
  out.status.Update(presence);
  if (!batch.names.empty()) out.status.Update(learner_->RecordNames(batch.names, now));
  out.status.Update(WriteListeners(batch, lookup, now));
  return out;
}

absl::Status Observer::WriteListeners(const Batch& batch, const Learner::IdentityLookup& lookup, const LearnMoment& now) {
  const absl::StatusOr<std::vector<Listener>> listeners = ReadListeners(batch.look_at);
  if (!listeners.ok()) {
    // Learning goes on without: it then goes by who was first alone.
    if (!std::exchange(listeners_told_, true)) spdlog::warn("listening sockets: {}", std::string(listeners.status().message()));
    return absl::OkStatus();
  }
  return listeners->empty() ? absl::OkStatus() : learner_->RecordListeners(*listeners, lookup, now);
}

void Observer::OnWritten(const Batch& batch, const Written& written) {
  if (!written.presence) presence_.GiveBack(batch.presence);
  listeners_.Want(written.fresh_edges);
}

}  // namespace bulkhead
