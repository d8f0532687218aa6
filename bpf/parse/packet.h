/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What parsing leaves of a frame. Whoever asks further reads this, never the frame, except for link-layer facts (ARP, neighbour
 * discovery, MAC addresses). */
#ifndef BULKHEAD_BPF_PARSE_PACKET_H_
#define BULKHEAD_BPF_PARSE_PACKET_H_

#include "bpf/host_shim.h"
#include "bulkhead/abi/base.h"
#include "bulkhead/abi/event.h"

#define BH_ETHERNET_BYTES 14
#define BH_TCP 6
#define BH_UDP 17
#define BH_SCTP 132
#define BH_ICMP 1
#define BH_ICMP6 58
#define BH_IGMP 2

enum bh_kind {
	BH_KIND_FLOW = 0,       /* belongs to a flow, or opens one */
	BH_KIND_ARP = 1,
	BH_KIND_ND = 2,         /* ICMPv6 133-137 */
	BH_KIND_MLD = 3,        /* ICMPv6 130-132, 143 */
	BH_KIND_ICMP_ERROR = 4, /* belongs to the flow in its payload */
};

enum bh_fragment_part { BH_FRAGMENT_NONE = 0, BH_FRAGMENT_FIRST = 1, BH_FRAGMENT_LATER = 2 };

/* bh_packet.flags */
#define BH_PACKET_GROUP 1u    /* multicast or broadcast, by address or by frame: never uses an entry */
#define BH_PACKET_OPENS 2u    /* bare SYN, echo request: asks for a flow, answers none */
#define BH_PACKET_ANSWERS 4u  /* echo reply: never asks for a flow */
#define BH_PACKET_MULTICAST 8u /* the destination address is 224.0.0.0/4 or ff00::/8 */
#define BH_PACKET_FRAGMENTABLE 16u /* IPv6: there is a fragment header, if only an atomic one */
#define BH_PACKET_IGMP 32u /* as hosts and queriers on the link speak it: see ipv4.h */

/* TCP flags, as the header has them. */
#define BH_TCP_FIN 0x01u
#define BH_TCP_SYN 0x02u
#define BH_TCP_RST 0x04u
#define BH_TCP_ACK 0x10u

struct bh_packet {
	__u32 source[4]; /* network order; IPv4 in [0], the rest zero */
	__u32 destination[4];
	__u32 fragment_id;  /* network order */
	__u16 source_port;  /* network order; 0 for protocols without ports; ICMP echo: see icmp.h */
	__u16 destination_port;
	__u16 ethertype; /* host order */
	__u16 transport; /* offset of the layer above IP from the start of the frame */
	__u16 limit;     /* where IP says that the packet ends, from the start of the frame; at most 65535 */
	__u16 fragment_edge; /* within the packet put together: where a first fragment ends, where a later one begins */
	__u8 family;     /* BH_V4, BH_V6; 0: not IP */
	__u8 protocol;   /* of the layer above IP and its extension headers */
	__u8 tcp_flags;  /* 0 for later fragments */
	__u8 icmp_type;
	__u8 kind;     /* enum bh_kind */
	__u8 reason;   /* enum bh_reason; when not 0, nothing above it can be trusted but family and addresses */
	__u8 fragment; /* enum bh_fragment_part */
	__u8 flags;
};

/* Headers are looked for no further into the frame. */
#define BH_MOST_HEADERS 4096

/* What each parser returns. CUT: the bytes at hand end before the frame does. */
enum bh_parsed { BH_PARSED = 0, BH_CUT = 1 };

/* The bytes at hand, from the Ethernet header on. length: of the whole frame, not less than end - data. */
struct bh_frame {
	const __u8 *data;
	const __u8 *end;
	__u32 length;
	__u32 offloaded; /* true for what segmentation offload will cut up */
	__u32 zero;    /* 0 that the verifier does not know to be 0, see bh_forget in bpf/context.h */
};

static __always_inline int bh_refused(struct bh_packet *packet, __u8 reason)
{
	packet->reason = reason;
	return BH_PARSED;
}

static __always_inline int bh_is_igmp(const struct bh_packet *packet)
{
	return packet->flags & BH_PACKET_IGMP;
}

#endif /* BULKHEAD_BPF_PARSE_PACKET_H_ */
