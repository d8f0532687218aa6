/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Neighbour discovery (RFC 4861) and listener discovery (RFC 2710, RFC 3810): what never leaves the link, and what a message claims about
 * link-layer addresses. */
#ifndef BULKHEAD_BPF_PARSE_ND_H_
#define BULKHEAD_BPF_PARSE_ND_H_

#include "bpf/parse/ipv6.h"
#include "bpf/parse/packet.h"

#define BH_ND_ROUTER_SOLICITATION 133
#define BH_ND_ROUTER_ADVERTISEMENT 134
#define BH_ND_SOLICITATION 135
#define BH_ND_ADVERTISEMENT 136
#define BH_ND_REDIRECT 137
#define BH_ND_MAX_OPTIONS 8

/* Options, each of 8 bytes on Ethernet. */
#define BH_ND_SOURCE_LINK_LAYER 1
#define BH_ND_TARGET_LINK_LAYER 2
#define BH_ND_NONCE 14 /* RFC 7527 section 4: of who looks for its own address twice, and asks all */

static __always_inline int bh_mac_equal(const __u8 *a, const __u8 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] && a[5] == b[5];
}

/* See struct bh_flow_macs. */
static __always_inline __u32 bh_mac_end(const __u8 *mac)
{
	__u32 end;

	__builtin_memcpy(&end, mac + 2, sizeof(end));
	return end;
}

/* known: of an entry's side. */
static __always_inline int bh_mac_is_of(__u32 known, const __u8 *mac)
{
	return known == 0 || known == bh_mac_end(mac);
}

static __always_inline int bh_mac_is_zero(const __u8 *mac)
{
	return (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) == 0;
}

/* ND has the hop limit 255, MLD 1: what a router has passed on has neither. */
static __always_inline int bh_nd_hop_limit_is_right(const struct bh_frame *frame, __u8 kind)
{
	const __u8 *at = frame->data + BH_ETHERNET_BYTES;

	return at + sizeof(struct bh_ipv6) <= frame->end && ((const struct bh_ipv6 *)at)->hop_limit == (kind == BH_KIND_MLD ? 1 : 255);
}

/* What stands before the options: 8 bytes, and but for router solicitations the address that the message speaks of. */
static __always_inline __u32 bh_nd_header_bytes(const struct bh_packet *packet)
{
	return packet->icmp_type == BH_ND_ROUTER_SOLICITATION ? 8 : 24;
}

/* The address that a solicitation or advertisement speaks of. False: it is not there. */
static __always_inline int bh_nd_target(const struct bh_frame *frame, const struct bh_packet *packet, __u32 target[4])
{
	__u32 offset = packet->transport;
	const __u8 *at;

	if (offset > BH_MOST_HEADERS || offset + 24 > packet->limit)
		return 0;
	at = frame->data + offset;
	if (at + 24 > frame->end)
		return 0;
	bh_copy(target, at + 8, 16);
	return 1;
}

/* What hosts send: link-layer addresses, which must be mac (0, or all zero: not known), and nonces. Any other option could hold
 * anything, for anybody. BH_REASON_NONE: all is well. */
static __always_inline __u8 bh_nd_check_options(const struct bh_frame *frame, const struct bh_packet *packet, const __u8 *mac)
{
	/* Wide: Linux 6.1's verifier loses the bounds of a 32-bit register that something was or-ed to. */
	__u64 offset = packet->transport + bh_nd_header_bytes(packet);
	__u64 limit = packet->limit;
	const __u8 *at;
	__u32 bytes;
	int i, link_layer;

	for (i = 0; i < BH_ND_MAX_OPTIONS; i++) {
		offset |= frame->zero;
		if (offset == limit)
			return BH_REASON_NONE;
		if (offset > BH_MOST_HEADERS || offset + 8 > limit)
			return BH_REASON_TRUNCATED;
		at = frame->data + offset;
		if (at + 8 > frame->end)
			return BH_REASON_TRUNCATED;
		bytes = (__u32)at[1] * 8;
		if (bytes == 0 || offset + bytes > limit)
			return BH_REASON_TRUNCATED;
		link_layer = at[0] == BH_ND_SOURCE_LINK_LAYER || at[0] == BH_ND_TARGET_LINK_LAYER;
		if (bytes != 8 || (!link_layer && (at[0] != BH_ND_NONCE || !(packet->flags & BH_PACKET_MULTICAST))))
			return BH_REASON_SPOOFED_ND;
		if (link_layer && mac && !bh_mac_is_zero(mac) && !bh_mac_equal(at + 2, mac))
			return BH_REASON_SPOOFED_ND;
		offset += 8;
	}
	return offset == limit ? BH_REASON_NONE : BH_REASON_SPOOFED_ND;
}

#endif /* BULKHEAD_BPF_PARSE_ND_H_ */
