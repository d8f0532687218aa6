// SPDX-License-Identifier: Apache-2.0
// What lives here as the compiler wants it, from a View; and who a flow's or an edge's parties are in policies compiled from it.
//
// Thread safety: pure functions and values; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_LIVE_INPUT_H_
#define BULKHEAD_CONTROLPLANE_API_LIVE_INPUT_H_

#include <memory>
#include <set>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/diff/diff.h"

namespace bulkhead::api {

// Of the documents and modes in force.
CompileInput LiveInput(const View& view);
// Other documents and modes for the same workloads.
CompileInput WithPolicy(CompileInput input, std::shared_ptr<const PolicyDocuments> documents, const Modes& modes);
// Of input.identities, in their order.
std::vector<Headcount> CountHeads(const View& view, const CompileInput& input);

// Adds those of the identities that are remembered but live here no more.
void AddFormer(const View& view, const std::set<IdentityId>& identities, CompileInput* input);

class SubjectFinder {
 public:
  // Both must outlive it. The policy must be compiled from the input.
  SubjectFinder(const CompiledPolicy& policy, const CompileInput& input);

  // Behind a published port the packets' address is not the workload's; then, and without an address, one of its own stands for it.
  SubjectId Of(IdentityId identity, const IpAddress& address) const;
  // Whether Of knows the identity.
  bool Knows(IdentityId identity) const;

 private:
  const CompiledPolicy& policy_;
  std::map<IdentityId, const std::vector<IpAddress>*> addresses_;
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_LIVE_INPUT_H_
