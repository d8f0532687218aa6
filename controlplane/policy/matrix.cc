// SPDX-License-Identifier: Apache-2.0
// Pass 7: a ruleset for each pair of classes; equal ones are one.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

// About two seconds, or 250 MB. A policy for 1,000 kinds of workload with 20 rules each costs a tenth of it.
constexpr uint64_t kMaxCost = 400'000'000;

uint32_t Place(uint8_t protocol, uint32_t port) { return static_cast<uint32_t>(protocol) << 17 | port; }

// Walks a side's intervals in order.
class Walker {
 public:
  explicit Walker(const SideTable& table) : table_(table) {}

  // The verdict at `place`, and in *until the first place after it where that may change.
  SideVerdict At(uint32_t place, uint32_t* until) {
    while (next_ < table_.intervals.size() && End(next_) <= place) ++next_;
    if (next_ == table_.intervals.size()) return table_.otherwise;
    const uint32_t begin = Place(table_.intervals[next_].protocol, table_.intervals[next_].first);
    if (place < begin) {
      *until = std::min(*until, begin);
      return table_.otherwise;
    }
    *until = std::min(*until, End(next_));
    return table_.intervals[next_].verdict;
  }

 private:
  uint32_t End(size_t i) const { return Place(table_.intervals[i].protocol, table_.intervals[i].last) + 1; }

  const SideTable& table_;
  size_t next_ = 0;
};

std::vector<uint8_t> Protocols(const SideTable& a, const SideTable& b) {
  std::vector<uint8_t> out;
  for (const SideTable* table : {&a, &b}) {
    for (const SideInterval& interval : table->intervals) out.push_back(interval.protocol);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Keeps the count going when what is counted no longer fits, so that a refusal can tell how much would have been needed.
class RulesetMaker {
 public:
  RulesetMaker(const SideTables& sides, std::vector<Ruleset>* rulesets) : sides_(sides), rulesets_(rulesets) {}

  // Two pairs of side tables are equal iff their rulesets are: a ruleset says all that both tables say.
  uint16_t Of(uint32_t source, uint32_t destination) {
    const auto [found, added] = ids_.try_emplace(std::pair(source, destination), static_cast<uint32_t>(ids_.size()));
    if (added) Add(Combine(sides_.table(source), sides_.table(destination)));
    return static_cast<uint16_t>(found->second);
  }

  absl::Status Check() const {
    if (ids_.size() > BH_MAX_RULESETS) return TooMany("rulesets", ids_.size(), BH_MAX_RULESETS);
    if (longest_ > BH_MAX_RULESET_INTERVALS) return TooMany("port intervals in one ruleset", longest_, BH_MAX_RULESET_INTERVALS);
    if (intervals_ > BH_MAX_INTERVALS) return TooMany("port intervals", intervals_, BH_MAX_INTERVALS);
    return absl::OkStatus();
  }

 private:
  static absl::Status TooMany(const char* what, uint64_t count, uint64_t most) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", count, " ", what, ", the most is ", most));
  }

  void Add(Ruleset ruleset) {
    intervals_ += ruleset.intervals.size();
    longest_ = std::max<uint64_t>(longest_, ruleset.intervals.size());
    if (Check().ok()) rulesets_->push_back(std::move(ruleset));
  }

  const SideTables& sides_;
  std::vector<Ruleset>* rulesets_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, uint32_t> ids_;
  uint64_t intervals_ = 0;
  uint64_t longest_ = 0;
};

}  // namespace

Ruleset Combine(const SideTable& source, const SideTable& destination) {
  Ruleset out;
  out.source_otherwise = source.otherwise;
  out.destination_otherwise = destination.otherwise;
  Walker from(source), to(destination);
  for (const uint8_t protocol : Protocols(source, destination)) {
    const uint32_t end = Place(protocol, 65536);
    for (uint32_t place = Place(protocol, 0); place < end;) {
      uint32_t until = end;
      PortInterval interval;
      interval.source = from.At(place, &until);
      interval.destination = to.At(place, &until);
      interval.protocol = protocol;
      interval.first = static_cast<uint16_t>(place & 0xffff);
      interval.last = static_cast<uint16_t>((until - 1) & 0xffff);
      const bool plain = interval.source == source.otherwise && interval.destination == destination.otherwise;
      if (!plain) out.intervals.push_back(interval);
      place = until;
    }
  }
  return out;
}

absl::Status MakeMatrix(const std::vector<Class>& classes, SideTables* sides, CompiledPolicy* policy) {
  const auto count = static_cast<uint32_t>(classes.size());
  RulesetMaker maker(*sides, &policy->rulesets);
  for (auto& matrix : policy->matrix) matrix.assign(static_cast<size_t>(policy->rows) * count, 0);
  std::vector<uint16_t>& egress = policy->matrix[static_cast<int>(Direction::kEgress)];
  std::vector<uint16_t>& ingress = policy->matrix[static_cast<int>(Direction::kIngress)];
  for (uint32_t source = 0; source < count; ++source) {
    if (sides->cost() > kMaxCost) {
      return absl::ResourceExhaustedError(absl::StrCat("policy has too many rules for ", count, " classes: compiling took ",
                                                       sides->cost(), " steps for ", source, " of them, the most is ", kMaxCost));
    }
    for (uint32_t destination = 0; destination < count; ++destination) {
      const size_t source_row = classes[source].row, destination_row = classes[destination].row;
      if (source_row == kNoRow && destination_row == kNoRow) continue;
      const uint16_t ruleset =
          maker.Of(sides->Of(Direction::kEgress, source, destination), sides->Of(Direction::kIngress, destination, source));
      if (source_row != kNoRow) egress[source_row * count + destination] = ruleset;
      if (destination_row != kNoRow) ingress[destination_row * count + source] = ruleset;
    }
  }
  return maker.Check();
}

}  // namespace bulkhead::compile
