// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/activity.h"

#include <chrono>
#include <utility>

namespace bulkhead::api {

std::string PartyName(const std::string& ns, const std::string& service) { return ns.empty() ? service : ns + "/" + service; }

void ActivityWindow::Add(Entry* entry, const Counts& counts, uint64_t time) {
  if (counts.flows == 0 && counts.answered == 0 && counts.denied == 0) return;
  if (entry->samples.empty() || entry->samples.back().time + kStepSeconds <= time) entry->samples.push_back({time, {}});
  Counts& sum = entry->samples.back().counts;
  sum.flows += counts.flows;
  sum.answered += counts.answered;
  sum.denied += counts.denied;
}

void ActivityWindow::Update(const std::vector<LearnedEdge>& edges, uint64_t now) {
  const std::lock_guard lock(mutex_);
  ++round_;
  for (const LearnedEdge& edge : edges) {
    const EdgeRecord& record = edge.edge;
    const Key key(PartyName(edge.source_ns, edge.source_service), PartyName(edge.destination_ns, edge.destination_service),
                  record.protocol, record.port, record.verdict, record.peer);
    const auto [at, added] = entries_.try_emplace(key);
    Entry& entry = at->second;
    const Counts total{record.flows, record.answered, record.denied};
    const auto grown = [](uint64_t is, uint64_t was) { return is > was ? is - was : 0; };
    if (!added || edge.first_seen_unix + kWindowSeconds > now) {
      Add(&entry,
          {grown(total.flows, entry.total.flows), grown(total.answered, entry.total.answered),
           grown(total.denied, entry.total.denied)},
          now);
    }
    entry.total = total;
    entry.updated = round_;
    while (!entry.samples.empty() && entry.samples.front().time + kWindowSeconds <= now) entry.samples.pop_front();
  }
  std::erase_if(entries_, [this](const auto& item) { return item.second.updated != round_; });
}

uint64_t ActivityWindow::Refresh(DaemonService* service) {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const uint64_t now = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
  {
    const std::lock_guard lock(mutex_);
    if (refreshed_ == now) return now;
    refreshed_ = now;
  }
  // When the edges cannot be read the window stays as it is, and grows old.
  if (const absl::StatusOr<std::vector<LearnedEdge>> edges = service->ReadEdges(); edges.ok()) Update(*edges, now);
  return now;
}

std::vector<EdgeActivity> ActivityWindow::Sum(uint64_t now) const {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeActivity> out;
  for (const auto& [key, entry] : entries_) {
    const auto& [from, to, protocol, port, verdict, peer] = key;
    for (const Sample& sample : entry.samples) {
      if (sample.time + kWindowSeconds <= now) continue;
      if (out.empty() || out.back().from != from || out.back().to != to || out.back().protocol != protocol ||
          out.back().port != port) {
        out.push_back({from, to, protocol, port, 0, 0, 0});
      }
      out.back().flows += sample.counts.flows;
      out.back().answered += sample.counts.answered;
      out.back().denied += sample.counts.denied;
    }
  }
  return out;
}

}  // namespace bulkhead::api
