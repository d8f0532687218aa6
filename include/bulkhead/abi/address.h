/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Endpoints, addresses and published ports: who lives here. Addresses are in network order; an IPv4 address fills the first four
 * bytes of a 16-byte field, and the family is part of every key, so that ::ffff:1.2.3.4 never meets 1.2.3.4. */
#ifndef BULKHEAD_ABI_ADDRESS_H_
#define BULKHEAD_ABI_ADDRESS_H_

#include "bulkhead/abi/base.h"
#include "bulkhead/abi/policy.h"

/* Map bh_ports: host ifindex (__u32) -> slot (__u32). Map bh_endpoints: array by slot; slot 0 is nobody, and is also the value of
 * skb->tc_index on a packet that came through no workload's ingress hook. */
#define BH_MAX_ENDPOINTS 4096

/* The provenance of a packet that is forged, and passed because its sender does not enforce: no endpoint's slot. */
#define BH_TAG_REFUSED 0xffffu
#define BH_MAX_PREFIXES 65536 /* of each trie */

/* bh_endpoint.flags */
#define BH_ENDPOINT_BOUND 1u /* its addresses and identity are known: source checks apply. Else it is the unknown subject. */

struct bh_endpoint {
	__u32 ifindex; /* 0 = free */
	__u16 zone;
	__u16 flags;
	__u8 mac[6]; /* of the interface inside the workload; all zero = not known, not checked */
	__u16 reserved;
	__u32 workload; /* endpoints of one workload share it; never 0 for a bound endpoint */
	__u32 identity;
	/* [policy slot][0 = IPv4, 1 = IPv6]: of its first address of the family, for translated packets. */
	__u32 subject[BH_POLICY_SLOTS][2];
};
BH_SIZE(struct bh_endpoint, 48);

/* Map bh_fast_ends (array by slot, beside bh_endpoints): an endpoint that packets of its own bridge may be handed to past the bridge and
 * past its egress hook (bpf/fast_path.h). All zero: not. User space vouches for no more than a few seconds at a time. */
struct bh_fast {
	__u32 ifindex; /* of the endpoint, which programs compare with the one that they expect; 0 = none */
	__u32 until;   /* flow ticks (abi/flow.h): not from then on */
	__u8 mac[6];   /* of the endpoint; never zero */
	__u16 reserved;
};
BH_SIZE(struct bh_fast, 16);

/* Map bh_macs (hash; value __u32, 1): the MACs of a zone's endpoints, as far as they are known. Whoever has one has its EUI-64. */
struct bh_zone_mac_key {
	__u8 mac[6];
	__u16 zone;
};
BH_SIZE(struct bh_zone_mac_key, 8);

/* Map bh_addresses (hash). A workload's address stands under its zone and, when only one zone has it, under zone 0, by which
 * other bridges and the uplinks see it. The host's own addresses stand under zone 0. */
struct bh_address_key {
	__u16 zone;
	__u8 family; /* BH_V4, BH_V6 */
	__u8 reserved;
	__u8 address[16];
};
BH_SIZE(struct bh_address_key, 20);

/* bh_address.flags */
#define BH_ADDRESS_HOST 1u      /* one of the host's own */
#define BH_ADDRESS_AMBIGUOUS 2u /* zone 0 only: more than one zone has it; judged as unknown, never as one of them */

struct bh_address {
	__u32 subject[BH_POLICY_SLOTS]; /* by policy slot */
	__u32 ifindex;                  /* host side of the endpoint; 0 for the host */
	__u16 slot;                     /* endpoint; 0 for the host */
	__u16 flags;
};
BH_SIZE(struct bh_address, 20);

/* Maps bh_prefix4_0 to bh_prefix4_2, bh_prefix6_0 to bh_prefix6_2 (longest-prefix tries, the last digit is the policy slot):
 * addresses that are nobody's here -> subject (__u32). No match: BH_SUBJECT_WORLD. */
struct bh_prefix4_key {
	__u32 length; /* bits */
	__u8 address[4];
};
BH_SIZE(struct bh_prefix4_key, 8);

struct bh_prefix6_key {
	__u32 length;
	__u8 address[16];
};
BH_SIZE(struct bh_prefix6_key, 20);

/* Map bh_published (hash): a port of the host -> the workload behind it. Looked up with the destination address, then with an
 * all-zero address of its family. Only addresses flagged BH_ADDRESS_HOST are looked up. */
struct bh_published_key {
	__u8 address[16];
	__u16 port; /* network order */
	__u8 protocol;
	__u8 family;
};
BH_SIZE(struct bh_published_key, 20);

struct bh_published {
	__u8 address[16]; /* the workload's */
	__u16 port;       /* the workload's, network order */
	__u16 zone;
	__u8 family; /* may differ from the key's: docker-proxy carries IPv6 to IPv4 */
	__u8 reserved[3];
};
BH_SIZE(struct bh_published, 24);

/* Map bh_targets (hash): the workload side of the above; value __u32, 1. Traffic of the host itself to it is docker-proxy's. */
struct bh_target_key {
	__u8 address[16];
	__u16 port; /* network order */
	__u16 zone;
	__u8 protocol;
	__u8 family;
	__u16 reserved;
};
BH_SIZE(struct bh_target_key, 24);

#endif /* BULKHEAD_ABI_ADDRESS_H_ */
