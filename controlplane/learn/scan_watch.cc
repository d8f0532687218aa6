// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/scan_watch.h"

#include <algorithm>

namespace bulkhead::learn {

ScanWatch::Walk* ScanWatch::WalkOf(const Source& source) {
  if (const auto at = walks_.find(source); at != walks_.end()) return &at->second;
  // Full: sources inside are few and matter; those outside can be made up at will.
  const bool outside = !source.peer.IsUnspecified();
  if (walks_.size() >= (outside ? kMaxSources : 2 * kMaxSources)) return nullptr;
  return &walks_[source];
}

bool ScanWatch::HasRoom(const Source& source) const {
  return remembered_ < (source.peer.IsUnspecified() ? kMaxRemembered : kMaxRemembered / 2);
}

ScanWatch::Tally* ScanWatch::TallyOf(const Source& source, Walk* walk, uint64_t window) {
  if (const auto at = walk->windows.find(window); at != walk->windows.end()) return &at->second;
  if (walk->windows.size() >= kIdleWindows) {
    Forget(walk->windows.begin()->second);
    walk->windows.erase(walk->windows.begin());
  }
  if (!HasRoom(source)) return nullptr;
  ++remembered_;
  return &walk->windows[window];
}

void ScanWatch::See(const Contact& contact, uint64_t now, uint64_t window) {
  Walk* walk = WalkOf(contact.source);
  if (walk == nullptr) return;
  Tally* tally = TallyOf(contact.source, walk, window);
  if (tally == nullptr) return;
  ++tally->contacts;
  if (contact.inside && tally->inside.size() < kFanOut && HasRoom(contact.source) && tally->inside.insert(contact.edge).second) {
    ++remembered_;
    if (tally->inside.size() == kFanOut) tally->changed = true;
  }
  if (waiting_.size() >= kMaxPending && !waiting_.contains(contact.edge)) {
    Resolve(contact, window);  // a flood: nobody waits for its answers
    return;
  }
  Waiting& waiting = waiting_.try_emplace(contact.edge, Waiting{contact, now, window}).first->second;
  waiting.contact.answered |= contact.answered;
}

void ScanWatch::Resolve(const Contact& contact, uint64_t window) {
  if (!contact.answered) return Fail(contact, window);
  Walk* walk = WalkOf(contact.source);
  if (walk == nullptr) return;
  // What failed before was no probe, but a service that was not up yet.
  const size_t failed = walk->failed.erase(contact.edge);
  remembered_ -= failed;
  walk->score = std::max(0, walk->score - (failed > 0 ? 2 : 1));
}

void ScanWatch::Fail(const Contact& contact, uint64_t window) {
  Walk* walk = WalkOf(contact.source);
  if (walk == nullptr) return;
  Tally* tally = TallyOf(contact.source, walk, window);
  if (tally == nullptr) return;
  ++tally->failures;
  tally->changed = true;
  walk->last_failure = std::max(walk->last_failure, window);
  if (!HasRoom(contact.source) || !walk->failed.insert(contact.edge).second) return;
  if (walk->failed.size() > kMaxFailedEdges) {
    walk->failed.erase(walk->failed.begin());
  } else {
    ++remembered_;
  }
  walk->score = std::min(walk->score + 1, 2 * kScanFailures);
  ++walk->failures;
  for (int bit = 0; bit < 64; ++bit) walk->by_workload[static_cast<size_t>(bit)] += (contact.workloads >> bit) & 1;
}

// The workloads that took part in half of the failures. None: nobody knows who it was.
uint64_t ScanWatch::Suspects(const Walk& walk) {
  uint64_t bits = 0;
  for (size_t bit = 0; bit < walk.by_workload.size(); ++bit) {
    if (walk.by_workload[bit] * 2 >= walk.failures && walk.by_workload[bit] > 0) bits |= uint64_t{1} << bit;
  }
  return bits;
}

std::vector<ScanWatch::Found> ScanWatch::Judge(uint64_t now, uint64_t window, uint64_t window_seconds) {
  std::erase_if(waiting_, [&](const auto& entry) {
    const Waiting& waiting = entry.second;
    if (waiting.since + kAnswerSeconds > now) return false;
    Resolve(waiting.contact, waiting.window);
    return true;
  });
  std::vector<Found> out;
  for (auto& [source, walk] : walks_) {
    const bool scans = walk.score >= kScanFailures;
    for (auto& [start, tally] : walk.windows) {
      const bool wide = tally.inside.size() >= kFanOut;
      if (!tally.changed || (!wide && !(scans && tally.failures > 0))) continue;
      tally.changed = false;
      out.push_back({source, start, scans ? Suspects(walk) : 0, scans ? ScanReason::kFailures : ScanReason::kFanOut, tally.contacts,
                     tally.failures});
    }
  }
  std::erase_if(walks_, [&](const auto& entry) {
    const Walk& walk = entry.second;
    const uint64_t last = walk.windows.empty() ? 0 : walk.windows.rbegin()->first;
    if (std::max(last, walk.last_failure) + kIdleWindows * window_seconds >= window) return false;
    for (const auto& [start, tally] : walk.windows) Forget(tally);
    remembered_ -= walk.failed.size();
    return true;
  });
  return out;
}

}  // namespace bulkhead::learn
