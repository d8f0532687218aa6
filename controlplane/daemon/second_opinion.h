// SPDX-License-Identifier: Apache-2.0
// Second opinion: what the dataplane said of one flow, judged again twice: by the compiled policy (dataplane/reference), which shows
// what is wrong in the kernel's tables or programs, and by the documents (policy/evaluate), which shows what is wrong in the compiler.
//
// Only what can be compared is. A verdict carries the stamp that it was given under: of another stamp, it is from before a change. An
// end is compared when it is known beyond doubt who it is: a workload by an address of its own, the host, or the world. Edges are not
// looked at: they add verdicts up without saying when.
//
// Thread safety: pure functions. CompiledPolicy grows on the control thread, so AskReference belongs there; the rest to any thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_SECOND_OPINION_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_SECOND_OPINION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bulkhead/abi/event.h"
#include "bulkhead/abi/policy.h"
#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/flow_record.h"
#include "controlplane/api/view.h"
#include "dataplane/backend.h"

namespace bulkhead {

// One end of a flow as the dataplane had it.
struct GivenEnd {
  IpAddress address;
  IdentityId identity = kIdentityUnknown;
  uint32_t rule = 0;  // interned id
  uint16_t slot = 0;
};

struct GivenVerdict {
  GivenEnd source, destination;
  uint8_t protocol = 0;
  uint16_t port = 0;  // the service's
  uint32_t stamp = 0;
  Verdict verdict = Verdict::kAllow;
};

GivenVerdict VerdictOf(const FlowRecord& flow);
// nullopt: no policy was asked.
std::optional<GivenVerdict> VerdictOf(const bh_event& event);

// What is in force, as the control thread published it.
struct InForce {
  const CompiledPolicy* policy = nullptr;
  uint32_t stamp = 0;
  const std::map<uint16_t, EndpointState>* endpoints = nullptr;
  const std::vector<IpAddress>* host_addresses = nullptr;
};

struct Opinion {
  enum class Kind : uint8_t { kAgrees, kDisagrees, kSkipped };
  Kind kind = Kind::kAgrees;
  std::string text;  // kDisagrees: what was said and what ought to have been; kSkipped: why, one of a few words
};

// What AskReference has found out for AskDocuments.
struct Judged {
  GivenVerdict given;
  Opinion opinion;
  uint64_t generation = 0;
  Mode source_mode = Mode::kLearn, destination_mode = Mode::kLearn;
  bool self = false;  // a workload to itself
};

// One for each verdict, in their order.
std::vector<Judged> AskReference(const std::vector<GivenVerdict>& verdicts, const InForce& in_force);

// Of a verdict that AskReference agreed with. view: published no earlier.
Opinion AskDocuments(const Judged& judged, const View& view);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_SECOND_OPINION_H_
