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

/* The state whose time-out holds. A SYN-ACK goes to whatever address the SYN had, so a connection of which there is no more than that is
 * kept no longer than one that is unanswered. */
static __always_inline __u32 bh_timeout_state(__u32 meta)
{
	__u32 state = BH_META_STATE(meta);

	return state == BH_FLOW_ESTABLISHED && !(BH_META_FLAGS(meta) & BH_FLOW_HEARD) ? 0 : state & 3;
}

static __always_inline int bh_flow_expired(__u32 meta, __u32 last_seen, __u8 protocol, __u32 tick, const struct bh_control *control)
{
	return bh_tick_expired(tick, last_seen, control->timeout[bh_timeout_row(protocol)][bh_timeout_state(meta)]);
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

/* Whether the packet of that side goes back to the opener, and is not one that only opens (else the second hook on its way would find an
 * answered entry and judge it as new). */
static __always_inline int bh_flow_goes_back(__u32 meta, const struct bh_packet *packet, __u32 side)
{
	return side != bh_flow_opener(meta) && !(packet->flags & BH_PACKET_OPENS);
}

/* What the packet of that side makes of state and flags. */
static __always_inline __u32 bh_flow_next(__u32 meta, const struct bh_packet *packet, __u32 side)
{
	__u8 tcp_flags = packet->protocol == BH_TCP ? packet->tcp_flags : 0;

	if (bh_unlikely(!(BH_META_FLAGS(meta) & BH_FLOW_HEARD)) && bh_flow_goes_back(meta, packet, side)) {
		if (BH_META_STATE(meta) == BH_FLOW_UNANSWERED)
			meta = BH_META(meta, BH_FLOW_ESTABLISHED, BH_META_FLAGS(meta));
		if (!(tcp_flags & (BH_TCP_SYN | BH_TCP_RST)))
			meta |= BH_META(0, 0, BH_FLOW_HEARD);
	}
	return bh_flow_ends(meta, tcp_flags, side);
}

/* The packet was the first that went back, and no reset: it has the provenance that all answers must have. */
static __always_inline int bh_flow_accepts(__u32 before, __u32 after, const struct bh_packet *packet, __u32 side)
{
	return BH_META_STATE(before) == BH_FLOW_UNANSWERED && BH_META_STATE(after) != BH_FLOW_CLOSED &&
	       bh_flow_goes_back(before, packet, side);
}

/* The packet is what makes the flow an answered one. */
static __always_inline int bh_flow_answers(__u32 before, __u32 after)
{
	return !(BH_META_FLAGS(before) & BH_FLOW_HEARD) && (BH_META_FLAGS(after) & BH_FLOW_HEARD);
}

#endif /* BULKHEAD_BPF_FLOW_STATE_H_ */
