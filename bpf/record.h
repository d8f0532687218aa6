/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a judgement leaves behind: an entry made, refreshed or revoked, its edge, and a report. */
#ifndef BULKHEAD_BPF_RECORD_H_
#define BULKHEAD_BPF_RECORD_H_

#include "bpf/context.h"
#include "bpf/denial.h"
#include "bpf/export.h"
#include "bpf/fast_path.h"
#include "bpf/flow_table.h"
#include "bpf/policy.h"
#include "bpf/refuse.h"
#include "bpf/rules.h"

static __always_inline int bh_is_outside(__u32 identity, const struct bh_party *party)
{
	return identity == BH_IDENTITY_WORLD || (identity == BH_IDENTITY_UNKNOWN && party->ifindex == 0 && party->slot == 0);
}

static __always_inline void bh_find_outside(struct bh_judgement *j)
{
	if (bh_is_outside(j->source_identity, &j->opener)) {
		j->outside = BH_OUTSIDE_SOURCE;
		j->opener.workload = 0;
	} else if (bh_is_outside(j->destination_identity, &j->responder)) {
		j->outside = BH_OUTSIDE_DESTINATION;
		j->responder.workload = 0;
	}
}

static __always_inline void bh_fill_cold(const struct bh_judgement *j, struct bh_flow_cold *cold)
{
	cold->source_identity = j->source_identity;
	cold->destination_identity = j->destination_identity;
	cold->source_rule = j->source_rule;
	cold->destination_rule = j->destination_rule;
	cold->verdict = j->verdict;
	cold->outside = j->outside;
}

static __always_inline __u8 bh_new_flags(const struct bh_context *c, const struct bh_judgement *j, __u32 opener)
{
	__u8 flags = (__u8)opener;

	if (c->hook == BH_HOOK_EGRESS && c->tag != 0)
		flags |= BH_FLOW_LINKED;
	if (j->midstream)
		flags |= BH_FLOW_MIDSTREAM;
	if (j->reversed)
		flags |= BH_FLOW_HEARD;
	return flags;
}

static __always_inline int bh_party_counts(const struct bh_context *c, const struct bh_party *sender)
{
	return c->hook == BH_HOOK_INGRESS || sender->ifindex == 0; /* see bh_flow_counts */
}

static __always_inline __u32 bh_mac_of_slot(__u32 ifindex, __u16 slot)
{
	const struct bh_endpoint *endpoint = ifindex != 0 ? bh_endpoint_of(slot) : 0;

	return bh_is_bound(endpoint) ? bh_mac_end(endpoint->mac) : 0;
}

/* A new entry for the packet at hand, which it counts if it is for this hook to count. fast: BH_FLOW_FAST or 0. Returns enum bh_put. */
static __noinline int bh_open_flow(const struct bh_context *c, const struct bh_judgement *j, int fast)
{
	__u32 side = c->side & 1;
	__u32 opener = side ^ j->reversed;
	const struct bh_party *low = opener == 0 ? &j->opener : &j->responder;
	const struct bh_party *high = opener == 0 ? &j->responder : &j->opener;
	__u32 zero = 0;
	struct bh_scratch_room *room = bpf_map_lookup_elem(&bh_scratch, &zero);
	struct bh_flow *flow;
	int counts = bh_party_counts(c, side == 0 ? low : high);

	if (!room)
		return BH_PUT_NO_ROOM;
	flow = &room->request.flow;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->hot.meta = BH_META(0, j->reversed ? BH_FLOW_ESTABLISHED : BH_FLOW_UNANSWERED, bh_new_flags(c, j, opener) | fast);
	flow->hot.stamp = c->stamp;
	flow->hot.last_seen = c->tick;
	flow->hot.ifindex[0] = low->ifindex;
	flow->hot.ifindex[1] = high->ifindex;
	flow->hot.slot[0] = low->slot;
	flow->hot.slot[1] = high->slot;
	flow->macs.of[0] = bh_mac_of_slot(low->ifindex, low->slot);
	flow->macs.of[1] = bh_mac_of_slot(high->ifindex, high->slot);
	flow->cold.first_seen = bpf_ktime_get_coarse_ns();
	flow->cold.service_port = j->service_port;
	bh_fill_cold(j, &flow->cold);
	flow->cold.owner = j->opener.slot ? j->opener.slot : j->responder.slot;
	if (counts && side == 0)
		flow->hot.count[0] = BH_COUNT(c->frame.length, 1);
	else if (counts)
		flow->hot.count[1] = BH_COUNT(c->frame.length, 1);
	if (counts)
		flow->hot.meta = bh_flow_next(flow->hot.meta, &c->packet, side);
	return bh_flow_create(c, &room->request);
}

/* The entry was judged again and holds. The stamp comes last: with it the established path believes the rest. An end that is not
 * found keeps its interface if its provenance says so, else the two hooks of a flow would undo each other's work. */
static __noinline int bh_refresh_flow(const struct bh_context *c, const struct bh_judgement *j, const struct bh_flow_ref *ref)
{
	__u32 side = ref->side & 1;
	__u32 near = c->hook == BH_HOOK_INGRESS ? side : 1 - side;
	__u32 far = 1 - near;
	int near_opens = (c->hook == BH_HOOK_INGRESS) != (j->reversed != 0);
	const struct bh_party *party = near_opens ? &j->responder : &j->opener;
	struct bh_flow_hot *hot = ref->hot;

	if (!bh_store_hold(hot, ref->meta))
		return 0; /* another CPU is at it, or has taken it away: the next packet sees */
	bh_store(&hot->stamp, ~c->stamp);
	hot->ifindex[near] = c->ifindex;
	hot->slot[near] = c->slot;
	if (party->ifindex != 0) {
		hot->ifindex[far] = party->ifindex;
		hot->slot[far] = party->slot;
	} else if (c->hook == BH_HOOK_EGRESS) {
		const struct bh_endpoint *sender = bh_endpoint_of(c->tag);

		if (!sender || hot->ifindex[far] != sender->ifindex)
			hot->ifindex[far] = 0;
		hot->slot[far] = c->tag;
	}
	ref->macs->of[0] = bh_mac_of_slot(hot->ifindex[0], hot->slot[0]);
	ref->macs->of[1] = bh_mac_of_slot(hot->ifindex[1], hot->slot[1]);
	bh_fill_cold(j, ref->cold);
	bh_store(&hot->stamp, c->stamp);
	bh_store_let_go(hot);
	return 0;
}

/* The entry was judged again and is denied. It stays, with a stamp that never holds, so that every packet of it is judged again and
 * nobody forgets who opened it: without it, a packet of a revoked TCP stream could pass for the middle of one that goes the other
 * way. It ages like any other, since denied packets do not touch last_seen. */
static __noinline int bh_revoke_flow(const struct bh_context *c, const struct bh_judgement *j)
{
	struct bh_flow_ref ref;

	if (!bh_flow_find(c, &c->packet, &ref) || BH_META_VERSION(ref.meta) != BH_META_VERSION(c->old_meta) ||
	    !bh_store_hold(ref.hot, ref.meta))
		return 0;
	bh_store(&ref.hot->stamp, ~c->stamp);
	if (ref.cold->verdict != BH_DENY)
		bh_count(BH_COUNTER_FLOWS_REVOKED);
	bh_fill_cold(j, ref.cold);
	bh_store_let_go(ref.hot);
	return 0;
}

/* Whether a packet that may pass makes an entry when its tuple has none. */
static __always_inline int bh_makes_flow(const struct bh_context *c, const struct bh_judgement *j)
{
	if (c->packet.flags & BH_PACKET_GROUP)
		return 0;
	return c->packet.protocol != BH_TCP || (c->packet.flags & BH_PACKET_OPENS) || j->midstream;
}

static __always_inline int bh_conclude_denied(const struct bh_context *c, struct bh_judgement *j)
{
	if (j->reason == BH_REASON_INTERNAL)
		return bh_refuse(c, j, BH_REASON_INTERNAL);
	if (c->known) {
		bh_count(BH_COUNTER_FLOWS_REVALIDATED);
		bh_revoke_flow(c, j);
	}
	j->step = BH_EDGE_DENIED;
	bh_edge_judged(c, j);
	bh_rules_judged(j);
	if (bh_report(c, j) && bh_is_plain(c) && !bh_is_staged(c))
		bh_note_denial(c, j);
	return BH_DROP;
}

static __noinline int bh_conclude_known(const struct bh_context *c, struct bh_judgement *j)
{
	struct bh_flow_ref ref;

	bh_count(BH_COUNTER_FLOWS_REVALIDATED);
	if (!bh_flow_find(c, &c->packet, &ref) || BH_META_VERSION(ref.meta) != BH_META_VERSION(c->old_meta))
		return 0; /* gone meanwhile, and what was judged is not what is there now: the next packet sees */
	bh_fast_review(c, &ref);
	bh_refresh_flow(c, j, &ref);
	if (!(BH_META_FLAGS(ref.meta) & BH_FLOW_LINKED))
		j->step = BH_EDGE_FLOW; /* for the staged policy's edges; the others have it already */
	if (bh_flow_counts(c, ref.hot, ref.side))
		bh_flow_count(c, &ref);
	return 0;
}

/* False: no room for it, and it may not pass without. */
static __always_inline int bh_conclude_new(const struct bh_context *c, struct bh_judgement *j)
{
	int fast = bh_fast_flag(c, j);
	int put = bh_open_flow(c, j, fast);

	if (put == BH_PUT_JOINED)
		return 1; /* all that follows was done by who made it */
	if (put < 0) {
		bh_count(BH_COUNTER_FLOWS_FAILED);
		return put == BH_PUT_BUSY || c->packet.protocol == BH_TCP;
	}
	bh_count(BH_COUNTER_FLOWS_CREATED);
	if (fast)
		bh_count(BH_COUNTER_FLOWS_FAST);
	if (j->midstream)
		bh_count(BH_COUNTER_MIDSTREAM);
	if (c->hook == BH_HOOK_INGRESS || c->tag == 0) {
		j->step = BH_EDGE_FLOW;
		bh_edge_judged(c, j);
		bh_rules_judged(j);
	}
	return 1;
}

/* Carries out what j says of the packet at hand, and notes in j->step what it was. Returns enum bh_action. */
static __noinline int bh_conclude(const struct bh_context *c, struct bh_judgement *j)
{
	bh_find_outside(j);
	if (j->verdict != BH_ALLOW && c->known && c->strange && !bh_far_of(c, c->tag))
		return bh_refuse(c, j, BH_REASON_SPOOFED_IP);
	if (j->verdict == BH_DENY)
		return bh_conclude_denied(c, j);
	if (c->known)
		bh_conclude_known(c, j);
	else if (bh_makes_flow(c, j) && !bh_conclude_new(c, j))
		return bh_refuse(c, j, BH_REASON_TABLE_FULL);
	bh_report(c, j);
	return BH_PASS;
}

#endif /* BULKHEAD_BPF_RECORD_H_ */
