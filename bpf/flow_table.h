/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The flow table: find, create, answer. Callers know entries, never the store behind them; here it is the kernel's LRU hash,
 * one for each family.
 *
 * An entry that was found may be used until the program ends. It may change under the reader, as other CPUs see packets of the same
 * flow: counters are added to atomically, the rest is written in single stores, the stamp last.
 * What this store cannot do: it gives way to new flows by age alone, so that a flood can displace answered flows. */
#ifndef BULKHEAD_BPF_FLOW_TABLE_H_
#define BULKHEAD_BPF_FLOW_TABLE_H_

#include "bpf/context.h"
#include "bpf/export.h"
#include "bpf/flow_key.h"
#include "bpf/flow_state.h"

/* The entry of the packet's tuple, or 0. side: which side of it sent the packet. The empty statements, different
 * ones, keep the compiler from making one call of the two: of a call whose map it knows the kernel makes a direct one. */
static __always_inline struct bh_flow *bh_flow_find(const struct bh_packet *packet, __u16 zone, __u32 *side)
{
	struct bh_flow *flow;

	if (bh_likely(packet->family == BH_V4)) {
		struct bh_flow4_key key __attribute__((aligned(8)));

		*side = bh_flow4_key_of(packet, zone, &key);
		flow = bpf_map_lookup_elem(&bh_flows4, &key);
		asm volatile("" : "+r"(flow) : "i"(BH_V4));
	} else {
		struct bh_flow6_key key __attribute__((aligned(8)));

		*side = bh_flow6_key_of(packet, zone, &key);
		flow = bpf_map_lookup_elem(&bh_flows6, &key);
		asm volatile("" : "+r"(flow) : "i"(BH_V6));
	}
	return flow;
}

/* Puts an entry, in place of any that the tuple has. 0, or negative: no room. */
static __always_inline long bh_flow_create(const struct bh_packet *packet, __u16 zone, const struct bh_flow *flow)
{
	if (packet->family == BH_V4) {
		struct bh_flow4_key key __attribute__((aligned(8)));

		bh_flow4_key_of(packet, zone, &key);
		return bpf_map_update_elem(&bh_flows4, &key, flow, BPF_ANY);
	} else {
		struct bh_flow6_key key __attribute__((aligned(8)));

		bh_flow6_key_of(packet, zone, &key);
		return bpf_map_update_elem(&bh_flows6, &key, flow, BPF_ANY);
	}
}

/* The packet, of that side, is the flow's first answer. */
static __noinline int bh_flow_answer(const struct bh_context *c, struct bh_flow *flow, __u32 side)
{
	if (c->hook == BH_HOOK_EGRESS && flow->hot.ifindex[side & 1] == 0)
		flow->hot.slot[side & 1] = c->tag;
	bh_count(BH_COUNTER_FLOWS_ANSWERED);
	if (!(flow->hot.flags & BH_FLOW_LINKED))
		bh_edge_answered(c, flow);
	return 0;
}

/* Whether this hook is the first to see a packet of that side: what a workload sends is counted where it sends it. */
static __always_inline int bh_flow_counts(const struct bh_context *c, const struct bh_flow_hot *hot, __u32 side)
{
	return c->hook == BH_HOOK_INGRESS || hot->ifindex[side] == 0;
}

/* Adds the packet to the entry. The carry of the packet count is noticed without a fetching add, which 5.10 does not have: two CPUs
 * that meet on one direction of one flow at its very 2^32nd packet may count it twice. */
static __always_inline void bh_flow_count(const struct bh_context *c, struct bh_flow *flow, __u32 side)
{
	__u32 before = flow->hot.packets[side];
	__u32 packets = c->frame.packets;

	__sync_fetch_and_add(&flow->hot.bytes[side], (__u64)c->frame.length);
	__sync_fetch_and_add(&flow->hot.packets[side], packets);
	if (bh_unlikely(before + packets < before))
		__sync_fetch_and_add(&flow->cold.packets_high[side], 1);
	if (flow->hot.last_seen != c->tick)
		flow->hot.last_seen = c->tick;
	if (bh_unlikely(bh_flow_advance(&flow->hot, &c->packet, side)))
		bh_flow_answer(c, flow, side);
}

#endif /* BULKHEAD_BPF_FLOW_TABLE_H_ */
