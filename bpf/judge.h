/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What every slow program of a workload's hook does with a packet that it has parsed, whatever kind of program it is. */
#ifndef BULKHEAD_BPF_JUDGE_H_
#define BULKHEAD_BPF_JUDGE_H_

#include "bpf/established.h"
#include "bpf/fragment.h"
#include "bpf/verdict.h"

/* A function of the programs, so that its key is in a stack frame of its own: see parse/whole.h. */
static __noinline struct bh_scratch_room *bh_own_room(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&bh_scratch, &zero);
}

/* Tries the established path, too, for packets that the quick one left. hook: a constant. Returns enum bh_action. */
static __always_inline int bh_judge_parsed(struct bh_context *c, __u8 hook)
{
	struct bh_scratch_room *room = bh_own_room();
	int action;

	if (!room)
		return BH_DROP;
	c->room = room;
	bh_forget(c, &c->packet, sizeof(c->packet));
	bh_recall_ports(c);
	if (bh_established(c)) {
		action = BH_PASS;
	} else {
		bh_forget_context(c);
		action = hook == BH_HOOK_INGRESS ? bh_judge_ingress(c, room) : bh_judge_egress(c, room);
	}
	if (action == BH_PASS)
		bh_remember_ports(c);
	return action;
}

#endif /* BULKHEAD_BPF_JUDGE_H_ */
