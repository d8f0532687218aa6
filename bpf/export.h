/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the dataplane tells user space: counters, events, edges. */
#ifndef BULKHEAD_BPF_EXPORT_H_
#define BULKHEAD_BPF_EXPORT_H_

#include "bpf/capture_note.h"
#include "bpf/context.h"
#include "bpf/flow_store.h"
#include "bpf/policy.h"

static __always_inline void bh_count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&bh_counters, &counter);

	if (value)
		*value += 1; /* per CPU */
}

/* A token bucket per CPU, filled once in each flow tick. False: it is empty. */
static __always_inline int bh_may(const struct bh_context *c, __u32 limited)
{
	__u32 index = limited; /* the compiler still knows what `limited` is; Linux 6.1's verifier forgets what was written to a key */
	struct bh_limit *limit = bpf_map_lookup_elem(&bh_limits, &index);

	if (!limit)
		return 0;
	if (limit->tick != c->tick) {
		limit->tick = c->tick;
		limit->used = 0;
	}
	if (limit->used >= c->control->per_tick[limited])
		return 0;
	limit->used++;
	return 1;
}

static __always_inline void bh_fill_event(const struct bh_context *c, const struct bh_judgement *j, struct bh_event *event)
{
	const struct bh_packet *packet = &c->packet;

	event->time = bpf_ktime_get_ns();
	event->stamp = c->stamp;
	event->ifindex = c->ifindex;
	event->source_identity = j->source_identity;
	event->destination_identity = j->destination_identity;
	event->source_rule = j->source_rule;
	event->destination_rule = j->destination_rule;
	event->length = c->frame.length;
	bh_copy(event->source, j->reversed ? packet->destination : packet->source, 16);
	bh_copy(event->destination, j->reversed ? packet->source : packet->destination, 16);
	event->source_port = bpf_ntohs(j->reversed ? packet->destination_port : packet->source_port);
	event->destination_port = bpf_ntohs(j->reversed ? packet->source_port : packet->destination_port);
	event->zone = c->zone;
	event->ethertype = packet->ethertype;
	event->source_slot = j->opener.slot;
	event->destination_slot = j->responder.slot;
	event->family = packet->family;
	event->protocol = packet->protocol;
	event->verdict = j->verdict;
	event->reason = j->reason;
	event->hook = (__u8)c->hook;
	event->tcp_flags = packet->tcp_flags;
	__builtin_memset(event->reserved, 0, sizeof(event->reserved));
}

/* Counts what j says and, when it is a denial, reports it. True: it should have, but the rate was reached. */
static __noinline int bh_report(const struct bh_context *c, const struct bh_judgement *j)
{
	struct bh_event *event;

	bh_capture_judged(c, j);
	bh_count((__u32)j->reason * 3 + j->verdict);
	if (j->verdict == BH_ALLOW)
		return 0;
	if (!bh_may(c, BH_LIMITED_EVENTS)) { /* a flood must not cost more than counting it */
		bh_count(BH_COUNTER_EVENTS_LIMITED);
		return 1;
	}
	event = bpf_ringbuf_reserve(&bh_events, sizeof(*event), 0);
	if (!event) {
		bh_count(BH_COUNTER_EVENTS_LOST);
		return 0;
	}
	bh_fill_event(c, j, event);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* What happened on an edge. */
enum bh_edge_step { BH_EDGE_NOTHING = 0, BH_EDGE_FLOW, BH_EDGE_ANSWERED, BH_EDGE_DENIED };

/* The interface took part, on that side. */
static __always_inline void bh_edge_note_workload(__u64 *workloads, __u32 ifindex)
{
	__u64 bit = bh_workload_bit(ifindex);

	if (ifindex != 0 && !(bh_load(workloads) & bit))
		__sync_fetch_and_or(workloads, bit);
}

static __always_inline void bh_edge_step(struct bh_edge *edge, int step, __u64 now)
{
	if (step == BH_EDGE_FLOW)
		__sync_fetch_and_add(&edge->flows, 1);
	else if (step == BH_EDGE_ANSWERED)
		__sync_fetch_and_add(&edge->answered, 1);
	else
		__sync_fetch_and_add(&edge->denied, 1);
	edge->last_seen = now;
}

/* source, destination: the interfaces of the workloads at its ends, or 0. */
static __always_inline void bh_edge_add_in(void *map, const void *key, int step, __u32 source, __u32 destination)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct bh_edge *edge = bpf_map_lookup_elem(map, key);

	if (!edge) {
		struct bh_edge fresh = {.first_seen = now};

		long error = bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST);

		/* Another CPU may be first; then both add to what it made. */
		if (error == -7 /* E2BIG: full */ || error == -12 /* ENOMEM: nothing gives way */)
			bh_count(BH_COUNTER_EDGES_LOST);
		edge = bpf_map_lookup_elem(map, key);
	}
	if (!edge)
		return;
	bh_edge_step(edge, step, now);
	bh_edge_note_workload(&edge->workloads[0], source);
	bh_edge_note_workload(&edge->workloads[1], destination);
}

/* address: of the end that is outside, when there is one. The rest as above. */
static __noinline int bh_edge_add(struct bh_edge_key *key, const __u32 *address, int step, __u32 source, __u32 destination)
{
	if (address) {
		bh_copy(key->address, address, 16);
		bh_edge_add_in(&bh_edges_outside, key, step, source, destination);
	} else {
		key->family = 0;
		bh_edge_add_in(&bh_edges, key, step, source, destination);
	}
	return 0;
}

/* The packet's address that stands for the opener of its flow, or for the responder. */
static __always_inline const __u32 *bh_end_address(const struct bh_context *c, int outside, int reversed)
{
	if (outside == BH_OUTSIDE_NONE)
		return 0;
	return (outside == BH_OUTSIDE_SOURCE) != (reversed != 0) ? c->packet.source : c->packet.destination;
}

static __always_inline void bh_edge_key_of(const struct bh_context *c, const struct bh_judgement *j, struct bh_edge_key *key)
{
	key->source_identity = j->source_identity;
	key->destination_identity = j->destination_identity;
	key->port = j->service_port;
	key->protocol = c->packet.protocol == BH_ICMP6 ? BH_ICMP : c->packet.protocol;
	key->verdict = j->verdict;
	key->family = c->packet.family;
}

/* The same with the address of the end that is outside, or without family when neither is. */
static __always_inline void bh_edge_key_whole(const struct bh_context *c, const struct bh_judgement *j, struct bh_edge_key *key)
{
	const __u32 *address = bh_end_address(c, j->outside, j->reversed);

	bh_edge_key_of(c, j, key);
	if (address)
		bh_copy(key->address, address, 16);
	else
		key->family = 0;
}

static __noinline int bh_edge_judged(const struct bh_context *c, const struct bh_judgement *j)
{
	struct bh_edge_key key = {};

	bh_edge_key_of(c, j, &key);
	return bh_edge_add(&key, bh_end_address(c, j->outside, j->reversed), j->step, j->opener.workload, j->responder.workload);
}

static __noinline int bh_edge_add_staged(const struct bh_staged_edge_key *key, int step, __u32 source, __u32 destination)
{
	bh_edge_add_in(&bh_staged_edges, key, step, source, destination);
	return 0;
}

/* Judges the same flow by the staged policy, to count what it would be, no more. Overwrites j, which nobody needs any longer. */
static __noinline int bh_judge_staged(const struct bh_context *c, struct bh_judgement *j)
{
	struct bh_staged_edge_key key = {};

	bh_edge_key_whole(c, j, &key.edge);
	bh_apply_policy(c, j, BH_SLOT_STAGED | c->frame.zero);
	key.source_rule = j->source_rule;
	key.destination_rule = j->destination_rule;
	key.verdict = j->verdict;
	return j->reason == BH_REASON_INTERNAL ? 0 : bh_edge_add_staged(&key, j->step, j->opener.workload, j->responder.workload);
}

/* The packet at hand, of the responder, is the first answer of its flow. */
static __noinline int bh_edge_answered(const struct bh_context *c, const struct bh_flow_hot *hot, const struct bh_flow_cold *cold)
{
	struct bh_edge_key key = {
		.source_identity = cold->source_identity,
		.destination_identity = cold->destination_identity,
		.port = cold->service_port,
		.protocol = c->packet.protocol == BH_ICMP6 ? BH_ICMP : c->packet.protocol,
		.verdict = cold->verdict,
		.family = c->packet.family,
	};
	__u32 opener = bh_flow_opener(hot->meta);

	return bh_edge_add(&key, bh_end_address(c, cold->outside, 1), BH_EDGE_ANSWERED, opener ? hot->ifindex[1] : hot->ifindex[0],
			   opener ? hot->ifindex[0] : hot->ifindex[1]);
}

#endif /* BULKHEAD_BPF_EXPORT_H_ */
