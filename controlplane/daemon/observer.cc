// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/observer.h"

#include <algorithm>
#include <span>

#include "controlplane/learn/dns_answer.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

// An address that says who is meant: a name for any other tells nothing about flows.
bool NamesSomebody(const IpAddress& address) {
  const uint8_t first = address.bytes[0];
  if (address.IsV4()) return first != 0 && first != 127 && first < 224;
  return !address.IsUnspecified() && first != 0xff && address != *IpAddress::Parse("::1");
}

}  // namespace

absl::Status Observer::DrainAnswers() {
  return backend_->DrainAnswers([this](const bh_dns_answer& answer) {
    const size_t held = std::min<size_t>(answer.length, BH_DNS_BYTES);
    for (SeenName& name : learn::ParseDnsAnswer(std::span(answer.data, held), held < answer.length)) {
      if (names_.size() < kMostNames && NamesSomebody(name.address)) names_.emplace(std::move(name.name), name.address);
    }
  });
}

Observer::Batch Observer::Take(const InventoryState& state, uint64_t now) {
  out.lost = edges_->Lost();  // before there is room again
  if (learner_ == nullptr) return {};
  presence_.See(state.observed, now);
  Batch out;
  out.presence = presence_.Take();
  out.look_at = listeners_.Choose(state.observed, now);
  for (const auto& [name, address] : names_) out.names.push_back({name, address});
  names_.clear();
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
