// SPDX-License-Identifier: Apache-2.0
// EvidenceJudge: judges what was seen by policies, with the product's own compiler. Modes do not count: a denial is a denial, unless
// its policy is in audit.
//
// Thread safety: immutable once made; any thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_JUDGE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_JUDGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/policy.h"
#include "controlplane/api/view.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/policy/compile.h"

namespace bulkhead::learn {

// Addresses of the host that somebody else can use: neither loopback nor link-local.
std::vector<IpAddress> HostAddresses(const View& view);

class EvidenceJudge {
 public:
  // The view tells addresses and named ports of those who are here. kInvalidArgument, kResourceExhausted: as Compile.
  static absl::StatusOr<EvidenceJudge> Make(const Evidence& evidence, std::shared_ptr<const PolicyDocuments> documents,
                                            const View& view, const PolicyOptions& options);

  struct Answer {
    bool allow = true;
    SideVerdict side;  // that denies
    Direction direction = Direction::kEgress;
  };
  // By the party's indexes. Where addresses count and a service has several kinds of them, one that is denied denies. peer: of the
  // side that is no workload.
  Answer Ask(size_t source, size_t destination, uint8_t protocol, uint16_t port, const IpAddress& peer) const;

  // Every subject that stands for the party, at least one; not for the world, whose subjects are by address.
  const std::vector<SubjectId>& Subjects(size_t party) const { return subjects_[party]; }
  const CompiledPolicy& policy() const { return policy_; }

 private:
  EvidenceJudge() = default;

  CompiledPolicy policy_;
  std::vector<std::vector<SubjectId>> subjects_;  // by party
  std::vector<bool> world_;                       // by party
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_EVIDENCE_JUDGE_H_
