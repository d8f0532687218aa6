/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the XDP programs share with user space and with the tc programs: the deny list, what an uplink must know of the host, and the
 * mark that a judged packet carries from XDP to tc. */
#ifndef BULKHEAD_ABI_UPLINK_H_
#define BULKHEAD_ABI_UPLINK_H_

#include "bulkhead/abi/base.h"

/* Maps bh_blocked4, bh_blocked6 (longest-prefix tries, keys struct bh_prefix4_key, bh_prefix6_key): sources that nothing may come in
 * from over an uplink. Only the longest prefix of a packet counts it. */
#define BH_MAX_BLOCKED 16384 /* of each trie */

struct bh_block {
	__u64 packets; /* dropped */
	__u64 bytes;   /* L2 length */
};
BH_SIZE(struct bh_block, 16);

/* Map bh_uplink_drops (per-CPU hash): ifindex (__u32) -> packets dropped there (__u64). User space makes the elements. */
#define BH_MAX_UPLINKS 256

/* Map bh_host_macs (hash; value __u32, 1): MAC addresses that the host takes frames for. */
#define BH_MAX_HOST_MACS 4096

struct bh_mac_key {
	__u8 mac[6];
	__u16 reserved;
};
BH_SIZE(struct bh_mac_key, 8);

/* Map bh_uplink_config (array, 1). A UDP port of the host within the range may be a masqueraded flow's or one of the host's own
 * (net.ipv4.ip_local_port_range). Host order; first > last: no port is. */
struct bh_uplink_config {
	__u16 first_port;
	__u16 last_port;
	__u32 reserved;
};
BH_SIZE(struct bh_uplink_config, 8);

/* Map bh_solicited (LRU hash; value __u32, flow ticks): who outside workloads have sent UDP to, from wherever: masquerading keeps any
 * port that is free, so that no range says whether a packet to the host's port is an answer. */
struct bh_solicited_key {
	__u8 address[16];
	__u16 port; /* network order */
	__u8 family;
	__u8 reserved;
};
BH_SIZE(struct bh_solicited_key, 20);

/* In front of a packet that the XDP program of a workload's interface has judged and let pass, for the tc program behind it. `secret`
 * is drawn at each load: nobody who cannot read the programs can make a mark. */
struct bh_mark {
	__u64 secret; /* 0: not judged */
	__u32 stamp;  /* of the policy that judged it */
	__u32 ifindex;
	__u16 slot; /* provenance to give the packet */
	__u16 zone;
	__u32 reserved;
};
BH_SIZE(struct bh_mark, 24);

#endif /* BULKHEAD_ABI_UPLINK_H_ */
