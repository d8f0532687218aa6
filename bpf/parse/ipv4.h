/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* IPv4 (RFC 791). Options are skipped over. */
#ifndef BULKHEAD_BPF_PARSE_IPV4_H_
#define BULKHEAD_BPF_PARSE_IPV4_H_

#include "bpf/parse/l4.h"
#include "bpf/parse/packet.h"

struct bh_ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__u16 total_length;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 destination;
};
BH_SIZE(struct bh_ipv4, 20);

#define BH_IPV4_MORE 0x2000u
#define BH_IPV4_OFFSET 0x1fffu

/* The longest IGMP message that a host needs: an IGMPv3 report (RFC 3376 section 4.2: 8 bytes, 8 for each group, 4 for each source) of as
 * many groups, with as many sources each, as a socket of Linux may ask for (net.ipv4.igmp_max_memberships 20, igmp_max_msf 10). */
#define BH_IGMP_BYTES (8 + 20 * (8 + 10 * 4))

static __always_inline __u8 bh_ipv4_group_flags(__u32 address)
{
	if ((address & bpf_htonl(0xf0000000u)) == bpf_htonl(0xe0000000u))
		return BH_PACKET_GROUP | BH_PACKET_MULTICAST;
	return address == 0xffffffffu ? BH_PACKET_GROUP : 0;
}

/* Where the packet ends, from the start of the frame; 0 when the header lies. A GSO packet of more than 64 KB says 0 (Linux
 * net/ipv4/ip_output.c, ip_send_check and "BIG TCP"): it ends with the frame. */
static __always_inline __u32 bh_ipv4_limit(const struct bh_frame *frame, const struct bh_ipv4 *ip, __u32 header)
{
	__u32 total = bpf_ntohs(ip->total_length);

	if (total == 0 && frame->offloaded && frame->length > 65535)
		return frame->length;
	if (total < header || BH_ETHERNET_BYTES + total > frame->length)
		return 0;
	return BH_ETHERNET_BYTES + total;
}

static __always_inline int bh_parse_ipv4(const struct bh_frame *frame, struct bh_packet *packet)
{
	const __u8 *at = frame->data + BH_ETHERNET_BYTES;
	const struct bh_ipv4 *ip = (const struct bh_ipv4 *)at;
	__u32 header, limit, fragment;

	if (frame->length < BH_ETHERNET_BYTES + sizeof(*ip))
		return bh_refused(packet, BH_REASON_TRUNCATED);
	if (at + sizeof(*ip) > frame->end)
		return BH_CUT;
	packet->family = BH_V4;
	packet->source[0] = ip->source;
	packet->destination[0] = ip->destination;
	packet->protocol = ip->protocol;
	header = (__u32)(ip->version_ihl & 15) * 4;
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip))
		return bh_refused(packet, BH_REASON_TRUNCATED);
	limit = bh_ipv4_limit(frame, ip, header);
	if (limit == 0)
		return bh_refused(packet, BH_REASON_TRUNCATED);
	packet->flags |= bh_ipv4_group_flags(ip->destination);

	fragment = bpf_ntohs(ip->fragment);
	if (bh_unlikely(fragment & (BH_IPV4_MORE | BH_IPV4_OFFSET))) {
		packet->fragment_id = ip->id;
		bh_parse_fragment((fragment & BH_IPV4_OFFSET) * 8, limit - BH_ETHERNET_BYTES - header, packet);
		if (packet->fragment == BH_FRAGMENT_LATER || packet->reason != BH_REASON_NONE)
			return BH_PARSED;
	}
	/* To a group, never routed (RFC 3376 section 4), and in one piece. Whatever else calls itself IGMP is judged like anything else. */
	if (ip->protocol == BH_IGMP && ip->ttl == 1 && packet->fragment == BH_FRAGMENT_NONE && (packet->flags & BH_PACKET_MULTICAST) &&
	    limit - BH_ETHERNET_BYTES - header <= BH_IGMP_BYTES)
		packet->flags |= BH_PACKET_IGMP;
	return bh_parse_l4(frame, BH_ETHERNET_BYTES + header, limit, packet);
}

#endif /* BULKHEAD_BPF_PARSE_IPV4_H_ */
