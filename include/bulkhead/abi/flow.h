/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The flow table and the edges. One entry holds both directions of a connection. */
#ifndef BULKHEAD_ABI_FLOW_H_
#define BULKHEAD_ABI_FLOW_H_

#include "bulkhead/abi/base.h"

/* Flow time: the low 32 bits of jiffies64 >> 6. User space turns seconds into ticks with the tick length of
 * CLOCK_MONOTONIC_COARSE (1 / HZ) times 64. Differences are taken modulo 2^32, so the wrap is harmless. */
#define BH_TICK_SHIFT 6

enum bh_flow_state { BH_FLOW_UNANSWERED = 0, BH_FLOW_ESTABLISHED = 1, BH_FLOW_CLOSING = 2, BH_FLOW_CLOSED = 3 };

/* Keys are normalised so that both directions find one entry: side 0 is the lower (address, port), compared as bytes in network
 * order. ICMP echo: the asking side's port is the id, the other's 0, so that a request cannot ride on the answer's direction of
 * another's flow. zone: the bridge of the endpoint whose hook sees the packet; equal addresses on two bridges never meet. */
struct bh_flow4_key {
	__u8 address[2][4];
	__u16 port[2]; /* network order */
	__u16 zone;
	__u8 protocol;
	__u8 reserved;
};
BH_SIZE(struct bh_flow4_key, 16);

struct bh_flow6_key {
	__u8 address[2][16];
	__u16 port[2];
	__u16 zone;
	__u8 protocol;
	__u8 reserved;
};
BH_SIZE(struct bh_flow6_key, 40);

/* bh_flow_hot.flags */
#define BH_FLOW_OPENER 1u    /* the side that opened the flow: 0 or 1 */
#define BH_FLOW_LINKED 2u    /* the translated or routed second sight of a flow that another entry counts: not listed, not added to edges */
#define BH_FLOW_FIN_0 4u     /* side 0 has sent FIN */
#define BH_FLOW_FIN_1 8u
#define BH_FLOW_MIDSTREAM 16u /* picked up without its first packet */
#define BH_FLOW_FAST 32u      /* fit for the short way between two workloads of a bridge (bpf/fast_path.h) */

/* With the IPv4 key: one cache line. Arrays are by side. An established packet reads and writes only this. */
struct bh_flow_hot {
	__u16 version; /* of the slot, for a store that needs one */
	__u8 state;    /* enum bh_flow_state */
	__u8 flags;
	__u32 stamp;      /* of the policy that judged it (abi/config.h); of a revoked flow one that never holds */
	__u32 ifindex[2]; /* of the endpoint that has the side's address; 0 = not here */
	__u16 slot[2];    /* provenance that packets of the side must carry: the endpoint's slot, 0 = no workload's */
	__u32 last_seen;  /* flow ticks */
	__u64 bytes[2];   /* sent by the side; L2 length */
	__u32 packets[2]; /* low half; the carry is in the cold part */
};
BH_SIZE(struct bh_flow_hot, 48);
BH_OFFSET(struct bh_flow_hot, bytes, 24);

/* Which end of a flow is nobody's here, so that its edge carries an address (struct bh_edge_key). */
enum bh_outside { BH_OUTSIDE_NONE = 0, BH_OUTSIDE_SOURCE = 1, BH_OUTSIDE_DESTINATION = 2 };

struct bh_flow_cold {
	__u64 first_seen; /* ns, CLOCK_MONOTONIC */
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_rule;
	__u32 destination_rule;
	__u32 packets_high[2]; /* by side */
	__u16 service_port;    /* host order; as policy judged it */
	__u8 verdict;          /* enum bh_verdict; BH_DENY: was allowed once, then revoked */
	__u8 outside;          /* enum bh_outside: whose address the flow's edge carries */
	__u32 reserved2;
};
BH_SIZE(struct bh_flow_cold, 40);

/* Maps bh_flows4, bh_flows6. */
struct bh_flow {
	struct bh_flow_hot hot;
	struct bh_flow_cold cold;
};
BH_SIZE(struct bh_flow, 88);

/* Maps bh_edges (hash; workloads and the host on both sides, address all zero) and bh_edges_outside (LRU hash; one side is the
 * world or unknown and has its address here). Added to when a flow is created, answered or denied: never per packet. */
struct bh_edge_key {
	__u32 source_identity;
	__u32 destination_identity;
	__u8 address[16]; /* of the outside peer */
	__u16 port;       /* the service's, host order; 0 for protocols without ports */
	__u8 protocol;    /* ICMP of both families is 1 */
	__u8 verdict;     /* enum bh_verdict */
	__u8 family;      /* of the address; 0 = none */
	__u8 reserved[3];
};
BH_SIZE(struct bh_edge_key, 32);

struct bh_edge {
	__u64 flows;
	__u64 answered;
	__u64 denied;     /* packets */
	__u64 first_seen; /* ns, CLOCK_MONOTONIC */
	__u64 last_seen;
};
BH_SIZE(struct bh_edge, 40);

/* Map bh_staged_edges (LRU hash; value struct bh_edge, `answered` stays 0): what the active and the staged policy say of the same
 * flows and denied packets. Added to whenever, while a policy is staged, a flow is created or judged again, linked entries left out,
 * or a packet is denied by policy. */
struct bh_staged_edge_key {
	struct bh_edge_key edge; /* of the active policy's verdict */
	__u32 source_rule;       /* the staged policy's, as all below */
	__u32 destination_rule;
	__u8 verdict; /* enum bh_verdict */
	__u8 reserved[3];
};
BH_SIZE(struct bh_staged_edge_key, 44);

/* Map bh_fragments (LRU hash): the ports of a fragmented packet whose first fragment passed, for the fragments behind it. */
struct bh_fragment_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id; /* network order */
	__u16 zone;
	__u8 protocol; /* as each fragment names it: for IPv6 the fragment header's next header */
	__u8 family;
};
BH_SIZE(struct bh_fragment_key, 40);

struct bh_fragment {
	__u16 port[2];   /* source's and destination's, network order, as a flow key has them */
	__u8 protocol;   /* of the layer above */
	__u8 reserved[3];
};
BH_SIZE(struct bh_fragment, 8);

/* Map bh_clock_now (array of 1): what the program bh_clock read when it was last run. */
struct bh_clock {
	__u64 time; /* ns, CLOCK_MONOTONIC */
	__u32 tick; /* flow ticks */
	__u32 reserved;
};
BH_SIZE(struct bh_clock, 16);

#endif /* BULKHEAD_ABI_FLOW_H_ */
