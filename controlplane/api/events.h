// SPDX-License-Identifier: Apache-2.0
// Events as rows. Any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_EVENTS_H_
#define BULKHEAD_CONTROLPLANE_API_EVENTS_H_

#include "bulkhead/abi/event.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {

const char* ReasonName(unsigned reason);
// What it means, for people.
const char* ReasonText(unsigned reason);

EventRow MakeEventRow(const Names& names, uint64_t sequence, const bh_event& event, const Moment& now);

// What the row says of the flow that the packet would have belonged to.
FlowRow FlowOfEvent(const EventRow& event);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_EVENTS_H_
