/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* IPv6 (RFC 8200) and its extension headers, walked to a fixed depth. */
#ifndef BULKHEAD_BPF_PARSE_IPV6_H_
#define BULKHEAD_BPF_PARSE_IPV6_H_

#include "bpf/parse/l4.h"
#include "bpf/parse/packet.h"

struct bh_ipv6 {
	__u8 version;
	__u8 flow[3];
	__u16 payload_length;
	__u8 next;
	__u8 hop_limit;
	__u32 source[4];
	__u32 destination[4];
};
BH_SIZE(struct bh_ipv6, 40);

/* Every extension header starts so; the fragment header goes on as below. */
struct bh_ipv6_extension {
	__u8 next;
	__u8 length; /* in 8 bytes behind the first 8; AH: in 4 bytes behind the first 8 (RFC 4302); not in a fragment header */
	__u16 fragment;
	__u32 id;
};
BH_SIZE(struct bh_ipv6_extension, 8);

#define BH_IPV6_HOP_BY_HOP 0
#define BH_IPV6_ROUTING 43
#define BH_IPV6_FRAGMENT 44
#define BH_IPV6_AH 51
#define BH_IPV6_DESTINATION 60
#define BH_IPV6_MAX_EXTENSIONS 6

#define BH_IPV6_OFFSET 0xfff8u
#define BH_IPV6_MORE 1u

static __always_inline int bh_ipv6_is_extension(__u8 next)
{
	return next == BH_IPV6_HOP_BY_HOP || next == BH_IPV6_ROUTING || next == BH_IPV6_FRAGMENT || next == BH_IPV6_AH ||
	       next == BH_IPV6_DESTINATION;
}

/* Mobility, HIP, Shim6 and the experimental ones: headers that something else may follow, which nobody here would see. */
static __always_inline int bh_ipv6_is_unknown_extension(__u8 next)
{
	return next == 135 || next == 139 || next == 140 || next == 253 || next == 254;
}

/* A fragment header, room: how many bytes the packet has behind it. True when the walk ends here, with a fragment that is not the
 * first or with a reason. */
static __always_inline int bh_parse_ipv6_fragment(const struct bh_ipv6_extension *header, __u32 room, struct bh_packet *packet)
{
	__u32 fragment = bpf_ntohs(header->fragment);

	if (packet->flags & BH_PACKET_FRAGMENTABLE) {
		packet->reason = BH_REASON_EXTENSION;
		return 1;
	}
	packet->flags |= BH_PACKET_FRAGMENTABLE;
	if (!(fragment & (BH_IPV6_OFFSET | BH_IPV6_MORE)))
		return 0; /* a whole packet (RFC 6946) */
	packet->fragment_id = header->id;
	packet->protocol = header->next;
	bh_parse_fragment(fragment & BH_IPV6_OFFSET, room, packet);
	return packet->fragment == BH_FRAGMENT_LATER || packet->reason != BH_REASON_NONE;
}

/* Goes through the extension headers from offset on, the first of which is `next`, to the layer above. */
static __always_inline int bh_parse_ipv6_chain(const struct bh_frame *frame, __u8 next, __u32 limit, struct bh_packet *packet)
{
	__u64 offset = BH_ETHERNET_BYTES + sizeof(struct bh_ipv6); /* wide: see bh_nd_check_options */
	const struct bh_ipv6_extension *header;
	const __u8 *at;
	int i;

	for (i = 0; i < BH_IPV6_MAX_EXTENSIONS && bh_ipv6_is_extension(next); i++) {
		/* Each round looks alike to the verifier, or it would follow all chains of headers one by one. */
		offset |= frame->zero;
		packet->flags |= frame->zero;
		packet->fragment |= frame->zero;
		if (offset > BH_MOST_HEADERS)
			return bh_refused(packet, BH_REASON_TRUNCATED);
		if (offset + sizeof(*header) > limit)
			return bh_refused(packet, packet->fragment == BH_FRAGMENT_FIRST ? BH_REASON_FRAGMENT : BH_REASON_TRUNCATED);
		at = frame->data + offset;
		header = (const struct bh_ipv6_extension *)at;
		if (at + sizeof(*header) > frame->end)
			return BH_CUT;
		if (next == BH_IPV6_FRAGMENT) {
			offset += sizeof(*header);
			if (bh_parse_ipv6_fragment(header, (__u32)(limit - offset), packet))
				return BH_PARSED;
		} else if (next == BH_IPV6_AH) {
			offset += ((__u32)header->length + 2) * 4;
		} else {
			offset += ((__u32)header->length + 1) * 8;
		}
		packet->protocol = next = header->next;
	}
	offset |= frame->zero;
	if (offset > limit || offset > BH_MOST_HEADERS)
		return bh_refused(packet, packet->fragment == BH_FRAGMENT_FIRST ? BH_REASON_FRAGMENT : BH_REASON_TRUNCATED);
	if (bh_ipv6_is_extension(next) || bh_ipv6_is_unknown_extension(next))
		return bh_refused(packet, BH_REASON_EXTENSION);
	return bh_parse_l4(frame, offset, limit, packet);
}

/* As for IPv4: a GSO packet of more than 64 KB says 0. */
static __always_inline __u32 bh_ipv6_limit(const struct bh_frame *frame, const struct bh_ipv6 *ip)
{
	__u32 payload = bpf_ntohs(ip->payload_length);
	__u32 limit = BH_ETHERNET_BYTES + sizeof(*ip) + payload;

	if (payload == 0 && frame->offloaded && frame->length > 65535)
		return frame->length;
	return limit > frame->length ? 0 : limit;
}

static __always_inline int bh_parse_ipv6(const struct bh_frame *frame, struct bh_packet *packet)
{
	const __u8 *at = frame->data + BH_ETHERNET_BYTES;
	const struct bh_ipv6 *ip = (const struct bh_ipv6 *)at;
	__u32 limit;

	if (frame->length < BH_ETHERNET_BYTES + sizeof(*ip))
		return bh_refused(packet, BH_REASON_TRUNCATED);
	if (at + sizeof(*ip) > frame->end)
		return BH_CUT;
	packet->family = BH_V6;
	bh_copy(packet->source, ip->source, sizeof(packet->source));
	bh_copy(packet->destination, ip->destination, sizeof(packet->destination));
	packet->protocol = ip->next;
	limit = bh_ipv6_limit(frame, ip);
	if (ip->version >> 4 != 6 || limit == 0)
		return bh_refused(packet, BH_REASON_TRUNCATED);
	if (*(const __u8 *)ip->destination == 0xff)
		packet->flags |= BH_PACKET_GROUP | BH_PACKET_MULTICAST;
	return bh_parse_ipv6_chain(frame, ip->next, limit, packet);
}

#endif /* BULKHEAD_BPF_PARSE_IPV6_H_ */
