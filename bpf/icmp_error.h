/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* ICMP errors belong to the flow of the packet that they quote. A forged one can break a connection or shrink its packets, so it
 * passes only to the sender of the quoted packet, and from a workload only if that packet was sent to it.
 *
 * The flow must hold today: of one that is revoked, or that nobody has judged since the last change, an error is refused. It is the
 * answer to a packet, which was judged; if the change came between the two, the next packet brings the next error. */
#ifndef BULKHEAD_BPF_ICMP_ERROR_H_
#define BULKHEAD_BPF_ICMP_ERROR_H_

#include "bpf/context.h"
#include "bpf/flow_table.h"
#include "bpf/parse/quoted.h"

static __noinline int bh_icmp_error_belongs(const struct bh_context *c)
{
	struct bh_packet quoted = {};
	struct bh_flow_ref ref;
	__u32 i;

	if (!bh_parse_quoted(&c->frame, &c->packet, &quoted))
		return 0;
#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		if (quoted.source[i] != c->packet.destination[i])
			return 0;
	}
	if (!bh_flow_find(c, &quoted, &ref) || bh_load(&ref.hot->stamp) != c->stamp ||
	    bh_flow_expired(ref.meta, bh_load(&ref.hot->last_seen), quoted.protocol, c->tick, c->control))
		return 0;
	return (c->hook == BH_HOOK_EGRESS || ref.hot->ifindex[(1 - ref.side) & 1] == c->ifindex) && bh_flow_is_same(&ref);
}

#endif /* BULKHEAD_BPF_ICMP_ERROR_H_ */
