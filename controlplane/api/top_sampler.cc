// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/top_sampler.h"

#include <tuple>

#include "absl/hash/hash.h"
#include "controlplane/api/flow_tracker.h"

namespace bulkhead::api {
namespace {

// What is put into a table is stamped a moment before.
constexpr uint64_t kStampedBefore = 1'000'000'000;  // ns

uint64_t NumberOf(const EdgeRecord& edge) {
  return absl::HashOf(edge.source_identity, edge.destination_identity, edge.protocol, edge.port, static_cast<int>(edge.verdict),
                      edge.peer.family, edge.peer.bytes);
}

}  // namespace

absl::Status TopSampler::Sample(DaemonService* service, const Moment& now) {
  ++round_;
  before_ = std::exchange(now_, now);
  interval_ms_ = round_ == 1 ? 0 : (now_.monotonic_ns - before_.monotonic_ns) / 1'000'000;
  rows_.clear();
  absl::Status status = service->ReadFlows([this](const FlowRecord& flow) {
    Take(flow);
    return true;
  });
  if (!status.ok()) return status;
  status = service->ReadLiveEdges([this](const EdgeRecord& edge) {
    Take(edge);
    return true;
  });
  if (!status.ok()) return status;
  for (Memory* memory : {&flows_, &edges_}) absl::erase_if(*memory, [this](const auto& item) { return item.second.round != round_; });
  if (round_ == 1) rows_.clear();
  return absl::OkStatus();
}

TopSampler::Counts TopSampler::Grown(Memory* memory, uint64_t number, uint64_t first, uint64_t second, bool born_now) {
  const auto [at, added] = memory->try_emplace(number);
  const Counts before = std::exchange(at->second, Counts{first, second, round_});
  if (added) return born_now ? Counts{first, second, 0} : Counts{};
  // One that was given up and made anew counts from nothing.
  if (first < before.first || second < before.second) return {first, second, 0};
  return {first - before.first, second - before.second, 0};
}

void TopSampler::Take(const FlowRecord& flow) {
  const bool born_now = flow.opened_ns + kStampedBefore > before_.monotonic_ns;
  const Counts grown = Grown(&flows_, FlowNumber(flow), flow.packets[0] + flow.packets[1], flow.bytes[0] + flow.bytes[1], born_now);
  const bool open = OverBy(flow) == nullptr;
  if (!open && grown.first == 0) return;
  TopRow& row = rows_[{flow.source_identity, flow.destination_identity}];
  row.flows += open ? 1 : 0;
  row.packets += grown.first;
  row.bytes += grown.second;
}

void TopSampler::Take(const EdgeRecord& edge) {
  const bool born_now = edge.first_seen + kStampedBefore > before_.boottime_ns;
  const Counts grown = Grown(&edges_, NumberOf(edge), edge.flows, edge.denied, born_now);
  if (grown.first == 0 && grown.second == 0) return;
  TopRow& row = rows_[{edge.source_identity, edge.destination_identity}];
  row.new_flows += grown.first;
  row.denied += grown.second;
  if (edge.verdict == Verdict::kWouldDeny) row.would_deny += grown.first + grown.second;
}

std::map<std::pair<std::string, std::string>, TopRow> TopSampler::ByPair(const Names& names) const {
  std::map<std::pair<std::string, std::string>, TopRow> out;
  for (const auto& [pair, row] : rows_) AddTo(row, &out[{names.Party(pair.first), names.Party(pair.second)}]);
  for (auto& [pair, row] : out) std::tie(row.from, row.to) = pair;
  return out;
}

void AddTo(const TopRow& row, TopRow* sum) {
  sum->flows += row.flows;
  sum->new_flows += row.new_flows;
  sum->packets += row.packets;
  sum->bytes += row.bytes;
  sum->denied += row.denied;
  sum->would_deny += row.would_deny;
}

}  // namespace bulkhead::api
