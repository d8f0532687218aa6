// SPDX-License-Identifier: Apache-2.0
// FlowText: flow records as lines of FlowRow (wire.h): the same fields in the same order, written straight from the record. A table has
// hundreds of thousands of them, and a name is looked up and escaped once, however many flows have it.
//
// Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_API_FLOW_TEXT_H_
#define BULKHEAD_CONTROLPLANE_API_FLOW_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "bulkhead/model/flow_record.h"
#include "controlplane/api/flow_query.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {

class FlowText {
 public:
  // Both must outlive it.
  FlowText(const Names& names, const FlowQuery& query) : names_(names), query_(query) {}

  // As query.Wants says of its row.
  bool Wants(const FlowRecord& flow, const Moment& now);
  // Adds the line, without its end. change: FlowRow::change; empty = none.
  void Append(const FlowRecord& flow, const Moment& now, std::string_view change, std::string* out);

 private:
  struct Party {
    std::string name;
    std::string json;
    bool wanted = false;  // the query is content with this side alone
  };
  struct RuleKey {
    uint32_t source = 0, destination = 0;
    Verdict verdict = Verdict::kAllow;

    bool operator==(const RuleKey&) const = default;
    template <typename H>
    friend H AbslHashValue(H hash, const RuleKey& key) {
      return H::combine(std::move(hash), key.source, key.destination, static_cast<int>(key.verdict));
    }
  };

  const Party& PartyOf(IdentityId identity);
  const std::string& WorkloadJson(uint16_t slot, const IpAddress& address);
  // The three fields that name rules.
  const std::string& RulesJson(const FlowRecord& flow);

  const Names& names_;
  const FlowQuery& query_;
  absl::flat_hash_map<IdentityId, Party> parties_;
  absl::flat_hash_map<const Workload*, std::string> workloads_;
  absl::flat_hash_map<RuleKey, std::string> rules_;
};

// As IpAddress::ToString.
void AppendAddress(const IpAddress& address, std::string* out);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FLOW_TEXT_H_
