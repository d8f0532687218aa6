/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The flow table and the edges. One entry holds both directions of a connection. */
#ifndef BULKHEAD_ABI_FLOW_H_
#define BULKHEAD_ABI_FLOW_H_

#include "bulkhead/abi/address.h"
#include "bulkhead/abi/base.h"

/* Flow time: the low 32 bits of jiffies64 >> 6. User space turns seconds into ticks with the tick length of
 * CLOCK_MONOTONIC_COARSE (1 / HZ) times 64. Differences are taken modulo 2^32, so the wrap is harmless. */
#define BH_TICK_SHIFT 6

/* FREE and BUSY are of slots that hold no flow: see struct bh_flow_hot. */
enum bh_flow_state {
	BH_FLOW_UNANSWERED = 0,
	BH_FLOW_ESTABLISHED = 1,
	BH_FLOW_CLOSING = 2,
	BH_FLOW_CLOSED = 3,
	BH_FLOW_FREE = 4,
	BH_FLOW_BUSY = 5
};

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
#define BH_FLOW_HEARD 128u    /* the other side has sent what only who got the opener's packets would: no SYN-ACK, no reset */
#define BH_FLOW_HELD 64u      /* somebody writes the verdict anew: the entry may not be taken away, nor held a second time */

/* bh_flow_hot.meta: bits 0-15 version, 16-23 enum bh_flow_state, 24-31 flags. Only ever changed by atomic operations on the whole.
 * An odd version: the slot holds a flow, and key and verdict are whole. Even: it is free, or somebody fills it (BUSY). The version
 * rises with each step, so whoever reads it before and after has read of one flow. State 0 and an even version, as in a new table: the
 * slot ends every search that comes to it. */
#define BH_META(version, state, flags) (((__u32)(version)&0xffffu) | (__u32)(state) << 16 | (__u32)(flags) << 24)
#define BH_META_VERSION(meta) ((meta)&0xffffu)
#define BH_META_STATE(meta) ((meta) >> 16 & 0xffu)
#define BH_META_FLAGS(meta) ((meta) >> 24)
#define BH_META_HOLDS_FLOW(meta) ((meta)&1u)
#define BH_META_ENDS_SEARCH(meta) (((meta)&0x00ff0001u) == 0)

/* With the IPv4 key: one cache line. Arrays are by side. An established packet reads and writes only this. */
struct bh_flow_hot {
	__u32 meta;
	__u32 stamp;      /* of the policy that judged it (abi/config.h); of a revoked flow one that never holds */
	__u32 ifindex[2]; /* of the endpoint that has the side's address; 0 = not here */
	__u16 slot[2];    /* provenance that packets of the side must carry: the endpoint's slot, 0 = no workload's */
	__u32 last_seen;  /* flow ticks */
	__u64 count[2];   /* BH_COUNT of what the side sent; what does not fit is carried to the cold part */
};
BH_SIZE(struct bh_flow_hot, 40);

/* Packets and bytes in one word, so that one atomic add counts both. They are counted as the interface inside the workload counts them
 * (drivers/net/veth.c): with the link-layer header, and what segmentation offload has not cut up yet as one packet. A field of which the highest bit is set is carried:
 * the bit is taken out, and the cold part counts one more. There is room for half the field until somebody does. */
#define BH_COUNT_BYTES_BITS 40
#define BH_COUNT(bytes, packets) ((__u64)(packets) << BH_COUNT_BYTES_BITS | (__u64)(bytes))
#define BH_COUNT_BYTES(count) ((count) & (((__u64)1 << BH_COUNT_BYTES_BITS) - 1))
#define BH_COUNT_PACKETS(count) ((count) >> BH_COUNT_BYTES_BITS)
#define BH_COUNT_BYTES_CARRY ((__u64)1 << 39)
#define BH_COUNT_PACKETS_CARRY ((__u64)1 << 63)
#define BH_COUNT_CARRIES (BH_COUNT_BYTES_CARRY | BH_COUNT_PACKETS_CARRY)

/* Which end of a flow is nobody's here, so that its edge carries an address (struct bh_edge_key). */
enum bh_outside { BH_OUTSIDE_NONE = 0, BH_OUTSIDE_SOURCE = 1, BH_OUTSIDE_DESTINATION = 2 };

struct bh_flow_cold {
	__u64 first_seen; /* ns, CLOCK_MONOTONIC */
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_rule;
	__u32 destination_rule;
	__u32 bytes_high[2];   /* by side; in 2^39 */
	__u32 packets_high[2]; /* in 2^23 */
	__u16 service_port;    /* host order; as policy judged it */
	__u8 verdict;          /* enum bh_verdict; BH_DENY: was allowed once, then revoked */
	__u8 outside;          /* enum bh_outside: whose address the flow's edge carries */
	__u16 owner;           /* slot of the endpoint whose quota the entry counts against (map bh_usage) */
	__u16 reserved;
};
BH_SIZE(struct bh_flow_cold, 48);

/* Of each side whose endpoint is here and has a known MAC: what packets of it must have as the last four bytes of their source MAC, as
 * they stand in the frame, since the bridge believes every frame that passes; 0: not known. */
struct bh_flow_macs {
	__u32 of[2];
};

/* One flow, as it is made and as it is read. */
struct bh_flow {
	struct bh_flow_hot hot;
	struct bh_flow_cold cold;
	struct bh_flow_macs macs;
};
BH_SIZE(struct bh_flow, 96);

/* The store of a family: an array of groups, whose number is a power of two. The hash of a tuple (bpf/flow_hash.h) names its group and
 * its home slot there; it stands in the first slot from there on, around the group, that was free. How slots change hands stands in
 * bpf/flow_store.h. */
#define BH_GROUP_SLOTS 16u

struct bh_flow4_slot {
	struct bh_flow_hot hot;
	struct bh_flow4_key key;
	struct bh_flow_macs macs;
};
BH_SIZE(struct bh_flow4_slot, 64);

struct bh_flow6_slot {
	struct bh_flow_hot hot;
	struct bh_flow6_key key;
	struct bh_flow_macs macs; /* an established packet reads no further: two cache lines */
	struct bh_flow_cold cold;
	__u64 reserved[7];
};
BH_SIZE(struct bh_flow6_slot, 192);
BH_OFFSET(struct bh_flow4_slot, key, sizeof(struct bh_flow_hot));
BH_OFFSET(struct bh_flow6_slot, key, sizeof(struct bh_flow_hot));

/* Maps bh_flows4, bh_flows6: mmap-able arrays of these. Map bh_flows4_cold, element for element: the cold parts of bh_flows4. */
struct bh_flow4_group {
	struct bh_flow4_slot slot[16];
};
BH_SIZE(struct bh_flow4_group, 1024);

struct bh_flow6_group {
	struct bh_flow6_slot slot[16];
};
BH_SIZE(struct bh_flow6_group, 3072);

struct bh_flow4_cold_group {
	struct bh_flow_cold cold[16];
};
BH_SIZE(struct bh_flow4_cold_group, 768);

/* Map bh_usage: one element, mmap-able. How many entries, of IPv4 and IPv6, count against the quota of each endpoint, by slot. Changed
 * by atomic adds. */
struct bh_usage {
	__u32 flows[BH_MAX_ENDPOINTS][2];
};
BH_SIZE(struct bh_usage, BH_MAX_ENDPOINTS * 8);

/* Map bh_locks: one element. Who makes an entry has the lock of its group's number, modulo. Each on a cache line of its own. */
#define BH_LOCKS 256u
struct bh_lock {
	__u32 taken;
	__u32 reserved[15];
};

struct bh_locks {
	struct bh_lock of[BH_LOCKS];
};
BH_SIZE(struct bh_locks, BH_LOCKS * 64);

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
	/* Of source and destination: a bit (bh_workload_bit) for each workload's interface that took part; none for the host and for what
	 * is outside. How many are not set tells how many workloads there were (Whang et al., "A linear-time probabilistic counting
	 * algorithm", 1990). */
	__u64 workloads[2];
};
BH_SIZE(struct bh_edge, 56);

/* The bit of an interface, by its ifindex: a network namespace gives each of its interfaces another, and begins anew only after 2^31,
 * so it names one life of a workload. Mixed well, since neighbours that fall beside each other would count too many. The multipliers
 * are those of MurmurHash3's finalizer (Appleby). */
static inline __u64 bh_workload_bit(__u32 ifindex)
{
	__u32 mixed = ifindex;

	mixed = (mixed ^ mixed >> 16) * 0x85ebca6bu;
	mixed = (mixed ^ mixed >> 13) * 0xc2b2ae35u;
	return (__u64)1 << ((mixed ^ mixed >> 16) & 63);
}

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

/* Map bh_fragments (LRU hash): what is known of a fragmented packet whose first fragment passed, for the fragments behind it. */
struct bh_fragment_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id; /* network order */
	__u16 zone;
	__u8 protocol; /* of IPv4; 0 for IPv6, where fragments belong together whatever they say comes next (RFC 8200 section 4.5) */
	__u8 family;
};
BH_SIZE(struct bh_fragment_key, 40);

/* So long after the first fragment others may follow: RFC 8200's time for putting a packet together. Linux waits 30 s (IPv4), 60 s. */
#define BH_FRAGMENT_NS 60000000000ull

struct bh_fragment {
	__u64 seen;    /* the first fragment: ns, CLOCK_MONOTONIC */
	__u16 port[2]; /* source's and destination's, network order, as a flow key has them */
	__u16 end;     /* of the first fragment within the packet, bytes; of several, the furthest */
	__u8 protocol; /* of the layer above */
	__u8 reserved;
};
BH_SIZE(struct bh_fragment, 16);

/* Map bh_clock_now (array of 1): what the program bh_clock read when it was last run. */
struct bh_clock {
	__u64 time; /* ns, CLOCK_MONOTONIC */
	__u32 tick; /* flow ticks */
	__u32 reserved;
};
BH_SIZE(struct bh_clock, 16);

#endif /* BULKHEAD_ABI_FLOW_H_ */
