// SPDX-License-Identifier: Apache-2.0
// Whether a packet that a workload sends bears its own name: MAC, IP, ARP sender, ND target and options; and what must pass
// although it has no address yet. Pure functions, any thread.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_SOURCE_CHECK_H_
#define BULKHEAD_DATAPLANE_REFERENCE_SOURCE_CHECK_H_

#include "dataplane/backend.h"
#include "dataplane/reference/directory.h"
#include "dataplane/reference/parse.h"

namespace bulkhead::reference {

enum class SourceVerdict : uint8_t {
  kRefused,  // `reason` says why
  kPasses,   // without policy and without an entry
  kJudge,    // to be judged as traffic of the endpoint
};

struct SourceCheck {
  SourceVerdict verdict = SourceVerdict::kJudge;
  bh_reason reason = BH_REASON_NONE;
};

// Whether hosts of one link say such a thing to each other: of neighbour discovery and what listeners report. Routers pass neither on.
bool IsOfThisLink(const Parsed& packet);
// Whether the endpoint may have given itself the link-local address: nobody else is known to have it.
bool MayBeOwnLinkLocal(const EndpointState& endpoint, const Directory& directory, const IpAddress& address);

SourceCheck CheckSource(const Parsed& packet, const EndpointState& endpoint, const Directory& directory);

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_SOURCE_CHECK_H_
