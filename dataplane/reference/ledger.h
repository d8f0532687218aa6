// SPDX-License-Identifier: Apache-2.0
// What the judge writes down: counters, events, edges. Not thread-safe. Events are not limited in rate, only in number.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_LEDGER_H_
#define BULKHEAD_DATAPLANE_REFERENCE_LEDGER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "bulkhead/abi/dns.h"
#include "bulkhead/abi/event.h"
#include "bulkhead/abi/flow.h"
#include "bulkhead/model/flow_record.h"
#include "dataplane/reference/verdict.h"

namespace bulkhead::reference {

struct EdgeKey {
  IdentityId source = kIdentityUnknown, destination = kIdentityUnknown;
  IpAddress peer;  // unspecified IPv4: both sides are known here
  uint16_t port = 0;
  uint8_t protocol = 0;
  Verdict verdict = Verdict::kAllow;

  auto operator<=>(const EdgeKey&) const = default;
};

// verdict and rules: the staged policy's.
struct StagedEdgeKey {
  EdgeKey edge;
  Verdict verdict = Verdict::kAllow;
  uint32_t source_rule = 0, destination_rule = 0;

  auto operator<=>(const StagedEdgeKey&) const = default;
};

// The interfaces of the workloads at an edge's ends; 0 = no workload's.
struct Ends {
  uint32_t source = 0, destination = 0;
};

class Ledger {
 public:
  static constexpr size_t kMaxEvents = 65536;

  void Count(int counter) { ++counters_[static_cast<size_t>(counter)]; }
  void Count(bh_reason reason, Verdict verdict) { Count(reason * 3 + static_cast<int>(verdict)); }
  // Nothing is reported but counted, as where the rate of events is none. Other rates are not known here.
  void Mute(bool mute) { mute_ = mute; }
  void Report(const bh_event& event);

  void EdgeFlow(const EdgeKey& key, const Ends& ends, uint64_t now) { ++Seen(edges_[key], ends, now).flows; }
  void EdgeAnswered(const EdgeKey& key, const Ends& ends, uint64_t now) { ++Seen(edges_[key], ends, now).answered; }
  void EdgeDenied(const EdgeKey& key, const Ends& ends, uint64_t now) { ++Seen(edges_[key], ends, now).denied; }
  // A flow was made, or its packet denied.
  void RulesJudged(const Ruling& ruling);
  void StagedFlow(const StagedEdgeKey& key, const Ends& ends, uint64_t now) { ++Seen(staged_[key], ends, now).flows; }
  void StagedDenied(const StagedEdgeKey& key, const Ends& ends, uint64_t now) { ++Seen(staged_[key], ends, now).denied; }
  void ForgetStaged() { staged_.clear(); }

  const std::array<uint64_t, BH_COUNTER_COUNT>& counters() const { return counters_; }
  const std::map<EdgeKey, bh_edge>& edges() const { return edges_; }
  const std::map<uint32_t, RuleCounts>& rules() const { return rules_; }
  const std::map<StagedEdgeKey, bh_edge>& staged() const { return staged_; }
  // Those without a peer, last seen before then, or never answered and seen before the other moment.
  std::map<EdgeKey, bh_edge> TakeIdle(uint64_t seen_before, uint64_t unanswered_before);
  std::deque<bh_event> TakeEvents();
  // DNS answers that were delivered.
  void Answer(const bh_dns_answer& answer);
  void MuteAnswers(bool mute) { mute_answers_ = mute; }
  std::deque<bh_dns_answer> TakeAnswers() { return std::exchange(answers_, {}); }

 private:
  static bh_edge& Seen(bh_edge& edge, const Ends& ends, uint64_t now);

  std::array<uint64_t, BH_COUNTER_COUNT> counters_{};
  std::map<EdgeKey, bh_edge> edges_;
  std::map<StagedEdgeKey, bh_edge> staged_;
  std::map<uint32_t, RuleCounts> rules_;
  std::deque<bh_event> events_;
  std::deque<bh_dns_answer> answers_;
  bool mute_ = false, mute_answers_ = false;
};

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_LEDGER_H_
