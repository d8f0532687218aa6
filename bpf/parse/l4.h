/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The layer above IP: ports and TCP flags. A header that the packet ends in is TRUNCATED; in a first fragment it is FRAGMENT, since
 * the fragments behind would complete it unseen (RFC 1858, RFC 7112). */
#ifndef BULKHEAD_BPF_PARSE_L4_H_
#define BULKHEAD_BPF_PARSE_L4_H_

#include "bpf/parse/icmp.h"
#include "bpf/parse/packet.h"

#define BH_TCP_BYTES 20
#define BH_PORTS_BYTES 8 /* of UDP, SCTP, ICMP: what must be there */

struct bh_ports_header {
	__u16 source;
	__u16 destination;
};
BH_SIZE(struct bh_ports_header, 4);

static __always_inline int bh_has_ports(__u8 protocol)
{
	return protocol == BH_TCP || protocol == BH_UDP || protocol == BH_SCTP;
}

static __always_inline void bh_take_ports(const __u8 *at, struct bh_packet *packet)
{
	const struct bh_ports_header *ports = (const struct bh_ports_header *)at;

	packet->source_port = ports->source;
	packet->destination_port = ports->destination;
}

static __always_inline int bh_parse_tcp(const __u8 *at, const __u8 *end, struct bh_packet *packet, __u32 room, __u8 cut)
{
	__u32 bytes;

	if (room < BH_TCP_BYTES)
		return bh_refused(packet, cut);
	if (at + BH_TCP_BYTES > end)
		return BH_CUT;
	bytes = (__u32)(at[12] >> 4) * 4;
	if (bytes < BH_TCP_BYTES || bytes > room)
		return bh_refused(packet, cut);
	bh_take_ports(at, packet);
	packet->tcp_flags = at[13];
	if ((packet->tcp_flags & (BH_TCP_SYN | BH_TCP_ACK | BH_TCP_RST)) == BH_TCP_SYN)
		packet->flags |= BH_PACKET_OPENS;
	return BH_PARSED;
}

/* offset: of the header from the start of the frame, bounded by the caller so that the verifier can follow. */
static __always_inline int bh_parse_l4(const struct bh_frame *frame, __u64 offset, __u64 limit, struct bh_packet *packet)
{
	const __u8 *at = frame->data + offset;
	__u8 cut = packet->fragment == BH_FRAGMENT_FIRST ? BH_REASON_FRAGMENT : BH_REASON_TRUNCATED;
	__u8 protocol = packet->protocol;
	__u32 room = limit > offset ? (__u32)(limit - offset) : 0;

	packet->transport = (__u16)offset;
	packet->limit = (__u16)(limit > 65535 ? 65535 : limit);
	if (protocol == BH_TCP)
		return bh_parse_tcp(at, frame->end, packet, room, cut);
	if (protocol == BH_UDP || protocol == BH_SCTP || protocol == (packet->family == BH_V6 ? BH_ICMP6 : BH_ICMP)) {
		if (room < BH_PORTS_BYTES)
			return bh_refused(packet, cut);
		if (at + BH_PORTS_BYTES > frame->end)
			return BH_CUT;
		if (protocol != BH_UDP && protocol != BH_SCTP)
			return bh_parse_icmp((const struct bh_icmp *)at, packet);
		bh_take_ports(at, packet);
	}
	return BH_PARSED;
}

/* One of several fragments. offset, room: where it begins within the packet put together, and how much of that it has, bytes. What
 * reaches beyond the largest packet is a lie (RFC 8200 section 4.5), which once broke receivers. */
static __always_inline int bh_parse_fragment(__u32 offset, __u32 room, struct bh_packet *packet)
{
	packet->fragment = offset == 0 ? BH_FRAGMENT_FIRST : BH_FRAGMENT_LATER;
	packet->fragment_edge = (__u16)(offset == 0 ? room : offset);
	if (offset + room > 65535)
		return bh_refused(packet, BH_REASON_TRUNCATED);
	return BH_PARSED;
}

#endif /* BULKHEAD_BPF_PARSE_L4_H_ */
