/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The packet that an ICMP error quotes: its addresses and ports, as its own sender sent it. */
#ifndef BULKHEAD_BPF_PARSE_QUOTED_H_
#define BULKHEAD_BPF_PARSE_QUOTED_H_

#include "bpf/parse/ipv4.h"
#include "bpf/parse/ipv6.h"

/* True when at least eight bytes of a layer that has ports are there. quoted: zeroed but for the family and, here, the protocol. */
static __always_inline int bh_parse_quoted_l4(const __u8 *at, const __u8 *end, __u32 offset, __u32 limit, struct bh_packet *quoted)
{
	const struct bh_icmp *icmp = (const struct bh_icmp *)at;

	if (at + BH_PORTS_BYTES > end || offset + BH_PORTS_BYTES > limit)
		return 0;
	if (bh_has_ports(quoted->protocol)) {
		bh_take_ports(at, quoted);
	} else if (quoted->protocol == (quoted->family == BH_V6 ? BH_ICMP6 : BH_ICMP)) {
		if (!bh_icmp_is_request(quoted->family, icmp->type) && !bh_icmp_is_reply(quoted->family, icmp->type))
			return 0;
		bh_icmp_echo_ports(quoted, icmp);
	}
	return 1;
}

/* True when packet, an ICMP error, quotes a packet that can be looked up. Its lengths are not checked: it is cut by nature. */
static __always_inline int bh_parse_quoted(const struct bh_frame *frame, const struct bh_packet *packet, struct bh_packet *quoted)
{
	__u32 offset = (__u32)packet->transport + sizeof(struct bh_icmp);
	__u32 limit = packet->limit;
	const struct bh_ipv4 *ip4;
	const struct bh_ipv6 *ip6;
	const __u8 *at;
	__u32 header;

	if (offset > BH_MOST_HEADERS)
		return 0;
	at = frame->data + offset;
	ip4 = (const struct bh_ipv4 *)at;
	ip6 = (const struct bh_ipv6 *)at;
	quoted->family = packet->family;
	if (packet->family == BH_V6) {
		if (at + sizeof(*ip6) > frame->end || ip6->version >> 4 != 6)
			return 0;
		bh_copy(quoted->source, ip6->source, sizeof(quoted->source));
		bh_copy(quoted->destination, ip6->destination, sizeof(quoted->destination));
		quoted->protocol = ip6->next;
		if (bh_ipv6_is_extension(ip6->next) || bh_ipv6_is_unknown_extension(ip6->next))
			return 0;
		header = sizeof(*ip6);
	} else {
		if (at + sizeof(*ip4) > frame->end || ip4->version_ihl >> 4 != 4)
			return 0;
		header = (__u32)(ip4->version_ihl & 15) * 4;
		if (header < sizeof(*ip4) || (ip4->fragment & bpf_htons(BH_IPV4_OFFSET)))
			return 0;
		quoted->source[0] = ip4->source;
		quoted->destination[0] = ip4->destination;
		quoted->protocol = ip4->protocol;
	}
	return bh_parse_quoted_l4(at + header, frame->end, offset + header, limit, quoted);
}

#endif /* BULKHEAD_BPF_PARSE_QUOTED_H_ */
