/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What each rule of policy has decided. */
#ifndef BULKHEAD_ABI_RULE_H_
#define BULKHEAD_ABI_RULE_H_

#include "bulkhead/abi/base.h"

/* Map bh_rule_counts: array by interned rule id. Rules with larger ids decide like all others, but are not counted. */
#define BH_MAX_COUNTED_RULES 65536u

/* Added to when a flow is made (linked entries left out) or a packet is denied by policy, never else. A rule that has its say on both
 * sides of a flow counts it once. */
struct bh_rule_counts {
	__u64 flows;      /* that it allowed, for its side */
	__u64 denied;     /* packets that it denied, and that were dropped */
	__u64 would_deny; /* flows that it denies, and that passed because of the mode */
	__u64 reserved;
};
BH_SIZE(struct bh_rule_counts, 32);

#endif /* BULKHEAD_ABI_RULE_H_ */
