/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Counts what each rule decides: off the established path. */
#ifndef BULKHEAD_BPF_RULES_H_
#define BULKHEAD_BPF_RULES_H_

#include "bpf/maps.h"
#include "bpf/policy.h"

static __always_inline void bh_rule_count(__u32 rule, int denies, __u8 verdict)
{
	struct bh_rule_counts *counts = bpf_map_lookup_elem(&bh_rule_counts, &rule);

	if (!counts)
		return;
	if (!denies) {
		if (verdict != BH_DENY)
			__sync_fetch_and_add(&counts->flows, 1);
	} else if (verdict == BH_DENY) {
		__sync_fetch_and_add(&counts->denied, 1);
	} else {
		__sync_fetch_and_add(&counts->would_deny, 1);
	}
}

/* The flow that j judged was made, or its packet was denied. */
static __noinline int bh_rules_judged(const struct bh_judgement *j)
{
	int source_denies = j->opener.flags & BH_PARTY_DENIES;
	int destination_denies = j->responder.flags & BH_PARTY_DENIES;

	if (j->source_rule == j->destination_rule) {
		bh_rule_count(j->source_rule, source_denies | destination_denies, j->verdict);
		return 0;
	}
	bh_rule_count(j->source_rule, source_denies, j->verdict);
	bh_rule_count(j->destination_rule, destination_denies, j->verdict);
	return 0;
}

#endif /* BULKHEAD_BPF_RULES_H_ */
