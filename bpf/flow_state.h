/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The life of a flow entry: when it has expired, when a packet of it asks for a new one, and what each packet does to its state. */
#ifndef BULKHEAD_BPF_FLOW_STATE_H_
#define BULKHEAD_BPF_FLOW_STATE_H_

#include "bpf/parse/packet.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/flow.h"

static __always_inline __u32 bh_flow_opener(__u32 meta)
{
	return BH_META_FLAGS(meta) & BH_FLOW_OPENER;
}

static __always_inline __u32 bh_timeout_row(__u8 protocol)
{
	return protocol == BH_TCP ? BH_TIMEOUT_TCP : protocol == BH_UDP ? BH_TIMEOUT_UDP : BH_TIMEOUT_OTHER;
}

/* timeout: 0 = never. Signed, since another CPU may have written a last_seen later than the tick that this one read. */
static __always_inline int bh_tick_expired(__u32 tick, __u32 last_seen, __u32 timeout)
{
	return timeout != 0 && (__s32)(tick - last_seen) > (__s32)timeout;
}

static __always_inline int bh_flow_expired(__u32 meta, __u32 last_seen, __u8 protocol, __u32 tick, const struct bh_control *control)
{
	return bh_tick_expired(tick, last_seen, control->timeout[bh_timeout_row(protocol)][BH_META_STATE(meta) & 3]);
}

/* True for a packet that the entry must not carry, since it opens a flow of its own: a bare SYN or echo request against the entry's
 * direction (but for a simultaneous open), and a SYN that uses the ports of a connection that is over. */
static __always_inline int bh_flow_reopens(__u32 meta, const struct bh_packet *packet, __u32 side)
{
	if (bh_likely(!(packet->flags & BH_PACKET_OPENS)))
		return 0;
	if (side != bh_flow_opener(meta))
		return packet->protocol != BH_TCP || BH_META_STATE(meta) != BH_FLOW_UNANSWERED;
	return packet->protocol == BH_TCP && BH_META_STATE(meta) >= BH_FLOW_CLOSING;
}

/* What a reset, or the end of that side's direction, makes of state and flags. tcp_flags: 0 where it is not TCP. */
static __always_inline __u32 bh_flow_ends(__u32 meta, __u8 tcp_flags, __u32 side)
{
	__u32 state = BH_META_STATE(meta), flags = BH_META_FLAGS(meta);

	if (bh_unlikely(tcp_flags & BH_TCP_RST))
		return BH_META(meta, BH_FLOW_CLOSED, flags);
	if (bh_unlikely(tcp_flags & BH_TCP_FIN)) {
		flags |= side ? BH_FLOW_FIN_1 : BH_FLOW_FIN_0;
		if ((flags & BH_FLOW_FIN_0) && (flags & BH_FLOW_FIN_1))
			state = BH_FLOW_CLOSED;
		else if (state != BH_FLOW_CLOSED)
			state = BH_FLOW_CLOSING;
	}
	return BH_META(meta, state, flags);
}

/* What the packet of that side makes of state and flags. A flow is answered by the first packet of the other side, but by no reset and
 * none that only opens (else the second hook on its way would find an answered entry and judge it as new). */
static __always_inline __u32 bh_flow_next(__u32 meta, const struct bh_packet *packet, __u32 side)
{
	if (bh_unlikely(BH_META_STATE(meta) == BH_FLOW_UNANSWERED) && side != bh_flow_opener(meta) && !(packet->flags & BH_PACKET_OPENS))
		meta = BH_META(meta, BH_FLOW_ESTABLISHED, BH_META_FLAGS(meta));
	return bh_flow_ends(meta, packet->protocol == BH_TCP ? packet->tcp_flags : 0, side);
}

/* The packet, of that side, was the flow's first answer. A SYN with FIN moves the state, but asks for a flow and answers none. */
static __always_inline int bh_flow_answers(__u32 before, __u32 after, const struct bh_packet *packet, __u32 side)
{
	return BH_META_STATE(before) == BH_FLOW_UNANSWERED && BH_META_STATE(after) != BH_FLOW_UNANSWERED &&
	       BH_META_STATE(after) != BH_FLOW_CLOSED && side != bh_flow_opener(before) && !(packet->flags & BH_PACKET_OPENS);
}

#endif /* BULKHEAD_BPF_FLOW_STATE_H_ */
