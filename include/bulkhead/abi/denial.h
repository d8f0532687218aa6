/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What policy has denied lately, so that a flood of denied packets costs little more than looking at them (bpf/denial.h). */
#ifndef BULKHEAD_ABI_DENIAL_H_
#define BULKHEAD_ABI_DENIAL_H_

#include "bulkhead/abi/base.h"
#include "bulkhead/abi/flow.h"

#define BH_DENIALS 4096u /* a power of two */

/* All that a judgement of a packet without an entry goes by, but for the tables that the stamp and the arrivals stand for. Addresses and ports in packet
 * order; IPv4 in the first four bytes. */
struct bh_denial_key {
	__u8 macs[12];
	__u16 port[2];
	__u8 source[16];
	__u8 destination[16];
	__u32 ifindex; /* of the hook */
	__u16 zone;
	__u16 tag; /* egress; 0 at ingress */
	__u8 hook; /* enum bh_hook */
	__u8 family;
	__u8 protocol;
	__u8 tcp_flags;
	__u32 from_host; /* egress: 1 when the host made the packet */
};
BH_SIZE(struct bh_denial_key, 64);

#define BH_NO_DENIER 0xffffffffu

/* Map bh_denials: array by a hash of the key. The version's lowest two bits: 0, nobody's yet; 1, it holds; 2, somebody writes it. */
#define BH_DENIAL_HOLDS(version) (((version)&3u) == 1)
#define BH_DENIAL_BUSY(version) (((version) & ~3u) + 2)
#define BH_DENIAL_NEXT(version) (((version) & ~3u) + 5)

struct bh_denial {
	__u32 version;
	__u32 stamp; /* that it was judged by */
	__u32 tick;  /* when; holds no longer */
	__s32 pending; /* packets that it has denied, and that its edge and rules do not know of yet. Negative for a moment when a CPU
			* takes one back of an entry that changed hands. */
	__u32 denier[2]; /* rules that count them (abi/rule.h), or BH_NO_DENIER */
	struct bh_denial_key key;
	struct bh_edge_key edge;
	__u32 arrivals; /* bh_control.arrivals when it was judged */
	__u32 reserved;
};
BH_SIZE(struct bh_denial, 128);

#endif /* BULKHEAD_ABI_DENIAL_H_ */
