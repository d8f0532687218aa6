/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443, 4861, 2710, 3810). An echo is a flow whose asking side has the identifier as its port and
 * whose answering side has port 0. */
#ifndef BULKHEAD_BPF_PARSE_ICMP_H_
#define BULKHEAD_BPF_PARSE_ICMP_H_

#include "bpf/parse/packet.h"

struct bh_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u16 id; /* of an echo */
	__u16 sequence;
};
BH_SIZE(struct bh_icmp, 8);

static __always_inline int bh_icmp_is_request(__u8 family, __u8 type)
{
	return type == (family == BH_V6 ? 128 : 8);
}

static __always_inline int bh_icmp_is_reply(__u8 family, __u8 type)
{
	return type == (family == BH_V6 ? 129 : 0);
}

/* Destination unreachable, time exceeded, parameter problem; for ICMPv6 packet too big as well. */
static __always_inline int bh_icmp_is_error(__u8 family, __u8 type)
{
	if (family == BH_V6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 11 || type == 12;
}

static __always_inline void bh_icmp_echo_ports(struct bh_packet *packet, const struct bh_icmp *icmp)
{
	if (bh_icmp_is_request(packet->family, icmp->type)) {
		packet->source_port = icmp->id;
		packet->flags |= BH_PACKET_OPENS;
	} else {
		packet->destination_port = icmp->id;
		packet->flags |= BH_PACKET_ANSWERS;
	}
}

/* icmp: eight bytes that are there. */
static __always_inline int bh_parse_icmp(const struct bh_icmp *icmp, struct bh_packet *packet)
{
	__u8 type = icmp->type;

	packet->icmp_type = type;
	if (bh_icmp_is_request(packet->family, type) || bh_icmp_is_reply(packet->family, type)) {
		bh_icmp_echo_ports(packet, icmp);
		return BH_PARSED;
	}
	if (bh_icmp_is_error(packet->family, type)) {
		packet->kind = BH_KIND_ICMP_ERROR;
		return BH_PARSED;
	}
	if (packet->family == BH_V6 && type >= 133 && type <= 137) {
		packet->kind = BH_KIND_ND;
		/* RFC 6980: neighbour discovery is never fragmented; what is would be checked here in part and believed there in whole. */
		return packet->flags & BH_PACKET_FRAGMENTABLE ? bh_refused(packet, BH_REASON_FRAGMENT) : BH_PARSED;
	}
	if (packet->family == BH_V6 && ((type >= 130 && type <= 132) || type == 143) &&
	    (packet->flags & BH_PACKET_MULTICAST)) { /* to one receiver it would be a way around policy */
		packet->kind = BH_KIND_MLD;
		return BH_PARSED;
	}
	return bh_refused(packet, BH_REASON_ICMP_TYPE);
}

#endif /* BULKHEAD_BPF_PARSE_ICMP_H_ */
