/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The short way between two workloads of one bridge: bpf_redirect_peer at the sender's ingress hook puts the packet straight into the
 * receiver's namespace. It goes past the bridge, the receiver's egress hook and all netfilter, so it is only for packets of which these
 * would have changed and refused nothing:
 *
 *  - User space keeps the endpoints for which that is so in bh_fast_ends (abi/address.h), each with the time until which it vouches for it.
 *  - A flow is fit for it, or not, from its first packet on (BH_FLOW_FAST): judged where it was sent, from one such endpoint to another
 *    of the zone by that one's own address and MAC. What was translated is a flow of another tuple here, or was first seen at
 *    EGRESS; TCP found in mid-stream may belong to a translated flow, and so may UDP from a port that hosts publish.
 *  - DNS by UDP is not fit: the receiver's egress hook is to see the answers (bpf/dns.h).
 *  - Packets take it once the flow has been answered. So the bridge learns both ends, and an answer that netfilter would have
 *    translated back never takes it: the asker's packets, which went elsewhere, have not answered that tuple.
 *  - Each packet's MAC must be the receiver's: a frame for the host's MAC is to be routed.
 *
 * The egress hook would have looked at nothing more: the entry is the same, and INGRESS counts. */
#ifndef BULKHEAD_BPF_FAST_PATH_H_
#define BULKHEAD_BPF_FAST_PATH_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/flow_table.h"
#include "bpf/parse/nd.h"
#include "bpf/policy.h"

#define BH_PACKET_HOST 0 /* PACKET_HOST of linux/if_packet.h */

/* The record of the endpoint, or 0 when packets may not be handed to it now. */
static __always_inline const struct bh_fast *bh_fast_end(__u32 tick, __u32 slot, __u32 ifindex)
{
	const struct bh_fast *end = bpf_map_lookup_elem(&bh_fast_ends, &slot);

	if (!end || ifindex == 0 || end->ifindex != ifindex || (__s32)(end->until - tick) <= 0)
		return 0;
	return end;
}

/* The interface whose other end the established packet of that side may be handed to, else 0. mac: its destination. */
static __always_inline __u32 bh_fast_way(__u32 tick, const struct bh_flow_hot *hot, __u32 meta, __u32 side, const __u8 *mac)
{
	const struct bh_fast *end;

	if (!(BH_META_FLAGS(meta) & BH_FLOW_FAST) || BH_META_STATE(meta) == BH_FLOW_UNANSWERED)
		return 0;
	end = bh_fast_end(tick, bh_load(&hot->slot[1 - side]), bh_load(&hot->ifindex[1 - side]));
	return end && bh_mac_equal(mac, end->mac) ? end->ifindex : 0;
}

/* The same in the slow programs, which see ICMP and rare headers. Fragments stay behind each other on the bridge:
 * some of them have no entry of their own. c->old_meta: of the entry as it was found. */
static __always_inline __u32 bh_fast_way_of(const struct bh_context *c, const struct bh_flow_ref *ref)
{
	const __u8 *mac = bh_destination_mac(c);

	if (!mac || c->packet.fragment != BH_FRAGMENT_NONE)
		return 0;
	return bh_fast_way(c->tick, ref->hot, c->old_meta, ref->side & 1, mac);
}

/* Whether a port of the host leads to where the packet goes: answers to what came by that port may have the very tuple of this flow. TCP
 * could not tell the two connections apart anyway. */
static __always_inline int bh_fast_is_shared(const struct bh_context *c)
{
	struct bh_target_key key = {.port = c->packet.destination_port, .zone = c->zone, .protocol = c->packet.protocol,
				    .family = c->packet.family};

	if (c->packet.protocol == BH_TCP)
		return 0;
	bh_copy(key.address, c->packet.destination, 16);
	return bpf_map_lookup_elem(&bh_targets, &key) != 0;
}

/* BH_FLOW_FAST for a new flow that is fit for the short way, else 0. */
static __noinline int bh_fast_flag(const struct bh_context *c, const struct bh_judgement *j)
{
	const struct bh_party *to = &j->responder;
	const __u8 *mac = bh_destination_mac(c);
	const struct bh_fast *end;

	if (c->hook != BH_HOOK_INGRESS || j->reversed || j->midstream || to->slot == c->slot)
		return 0;
	if (c->packet.protocol == BH_UDP && c->packet.destination_port == bpf_htons(BH_DNS_PORT))
		return 0;
	if (!bh_fast_end(c->tick, c->slot, c->ifindex))
		return 0;
	end = bh_fast_end(c->tick, to->slot, to->ifindex);
	if (!end || !mac || !bh_mac_equal(mac, end->mac) || bh_fast_is_shared(c))
		return 0;
	return BH_FLOW_FAST;
}

/* Of an entry that is judged again: a flow that may not take the short way for a while may never again, since netfilter may have begun
 * to translate it. */
static __always_inline void bh_fast_review(const struct bh_context *c, struct bh_flow_ref *ref)
{
	const struct bh_flow_hot *hot = ref->hot;

	if (!(BH_META_FLAGS(ref->meta) & BH_FLOW_FAST) ||
	    (bh_fast_end(c->tick, hot->slot[0], hot->ifindex[0]) && bh_fast_end(c->tick, hot->slot[1], hot->ifindex[1])))
		return;
	if (bh_swap_if(&ref->hot->meta, ref->meta, ref->meta & ~BH_META(0, 0, BH_FLOW_FAST)))
		ref->meta &= ~BH_META(0, 0, BH_FLOW_FAST);
}

/* On its way. The type is what the receiver's side of the bridge would have made of the MAC; kernels before 6.15 leave it. */
static __always_inline int bh_send_fast(struct __sk_buff *skb, __u32 ifindex)
{
	bpf_skb_change_type(skb, BH_PACKET_HOST);
	return (int)bpf_redirect_peer((int)ifindex, 0);
}

#endif /* BULKHEAD_BPF_FAST_PATH_H_ */
