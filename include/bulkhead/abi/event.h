/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Reasons, counters and events: why a packet was dropped, or would have been. */
#ifndef BULKHEAD_ABI_EVENT_H_
#define BULKHEAD_ABI_EVENT_H_

#include "bulkhead/abi/base.h"

/* Order is part of the ABI (counters are indexed by it); append only. Text for people: BH_REASON_NAMES. */
enum bh_reason {
	BH_REASON_NONE = 0,           /* passed */
	BH_REASON_POLICY = 1,         /* a rule, or isolation without one */
	BH_REASON_SPOOFED_IP = 2,     /* source address is not the endpoint's, or a workload's address without its provenance */
	BH_REASON_SPOOFED_MAC = 3,    /* source MAC is not the endpoint's */
	BH_REASON_SPOOFED_ARP = 4,    /* ARP sender is not the endpoint */
	BH_REASON_SPOOFED_ND = 5,     /* ND target or link-layer option is not the endpoint's */
	BH_REASON_WRONG_PORT = 6,     /* the frame went to an endpoint that it is not for */
	BH_REASON_TRUNCATED = 7,      /* a header is cut, or lies about a length */
	BH_REASON_ETHERTYPE = 8,      /* neither IP nor ARP */
	BH_REASON_VLAN = 9,           /* a VLAN tag from or to a workload */
	BH_REASON_FRAGMENT = 10,      /* a first fragment that does not hold all headers, or one of what is never sent in fragments */
	BH_REASON_EXTENSION = 11,     /* IPv6 extension headers beyond the fixed depth, or of an unknown kind */
	BH_REASON_ICMP_ORPHAN = 12,   /* an ICMP error about no flow that is known and allowed, an echo reply that nobody asked for */
	BH_REASON_ICMP_TYPE = 13,     /* ICMP that is neither echo nor an error: redirects, say */
	BH_REASON_ROUTER_ADVERT = 14, /* router advertisement or redirect from a workload */
	BH_REASON_DHCP_SERVER = 15,   /* DHCP or DHCPv6 server reply from a workload */
	BH_REASON_TABLE_FULL = 16,    /* no room for a new flow */
	BH_REASON_NO_ENDPOINT = 17,   /* the hook's interface is not in the endpoint map */
	BH_REASON_INTERNAL = 18,      /* a table that must have an entry had none */
	BH_REASON_FRAGMENT_STRAY = 19,   /* a later fragment whose first one did not pass here, or too long ago */
	BH_REASON_FRAGMENT_OVERLAP = 20, /* a later fragment that begins where the first one still goes on */
	BH_REASON_BLOCKED = 21,          /* the source is on the deny list of the uplinks */
	BH_REASON_COUNT = 22
};
#define BH_REASON_NAMES \
	{ "none", "policy", "spoofed-ip", "spoofed-mac", "spoofed-arp", "spoofed-nd", "wrong-port", "truncated", "ethertype", "vlan", \
	  "fragment", "extension-header", "icmp-orphan", "icmp-type", "router-advert", "dhcp-server", "table-full", "no-endpoint", \
	  "internal", "stray-fragment", "overlapping-fragment", "blocked" }

/* Map bh_counters: per-CPU array of __u64, index reason * 3 + enum bh_verdict: packets that were denied (or would have been) for the
 * reason; [BH_REASON_NONE][BH_ALLOW] counts packets that passed on the slow path. Behind them: */
enum bh_counter {
	BH_COUNTER_FLOWS_CREATED = BH_REASON_COUNT * 3,
	BH_COUNTER_FLOWS_ANSWERED,
	BH_COUNTER_FLOWS_REVALIDATED, /* judged again because the stamp, a port or the provenance differed */
	BH_COUNTER_FLOWS_REVOKED,     /* flows that were allowed and are now denied */
	BH_COUNTER_FLOWS_FAILED,      /* no room */
	BH_COUNTER_EDGES_LOST,        /* no room in bh_edges or bh_staged_edges */
	BH_COUNTER_EVENTS_LOST,       /* ring full */
	BH_COUNTER_EVENTS_LIMITED,    /* over the rate */
	BH_COUNTER_MIDSTREAM,
	BH_COUNTER_FLOWS_DISPLACED, /* gave way to another: unanswered, of an endpoint over its quota, or expired and not swept yet */
	BH_COUNTER_FLOWS_FAST,        /* created as fit for the short way (bpf/fast_path.h) */
	BH_COUNTER_CAPTURES_LOST, /* over a capture's rate, or ring full */
	BH_COUNTER_DNS_LOST, /* answers not copied: over the rate, or ring full */
	BH_COUNTER_COUNT
};

/* ingress: the workload sent it; uplink: it came to the host from outside */
enum bh_hook { BH_HOOK_INGRESS = 0, BH_HOOK_EGRESS = 1, BH_HOOK_UPLINK = 2 };

/* Map bh_events: ring buffer of these. One for each denied, or would-be denied, packet that makes no flow, rate-limited, and one
 * for each would-deny flow. Never wakes the reader. */
struct bh_event {
	__u64 time; /* ns, CLOCK_MONOTONIC */
	__u32 stamp;
	__u32 ifindex;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_rule;
	__u32 destination_rule;
	__u32 length; /* of the packet, L2 */
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port; /* host order */
	__u16 destination_port;
	__u16 zone;
	__u16 ethertype; /* host order */
	__u16 source_slot;
	__u16 destination_slot;
	__u8 family; /* 0: not IP */
	__u8 protocol;
	__u8 verdict; /* BH_DENY, BH_WOULD_DENY */
	__u8 reason;
	__u8 hook;
	__u8 tcp_flags;
	__u8 reserved[10];
};
BH_SIZE(struct bh_event, 96);

/* Map bh_limits (per-CPU array, index enum bh_limited): how often this CPU did it in the current flow tick. */
struct bh_limit {
	__u32 tick;
	__u32 used;
};
BH_SIZE(struct bh_limit, 8);

#endif /* BULKHEAD_ABI_EVENT_H_ */
