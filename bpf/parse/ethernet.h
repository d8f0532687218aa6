/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From the Ethernet header on: the whole of parsing. The ethertype is the frame's own, since that is what the receiver goes by. */
#ifndef BULKHEAD_BPF_PARSE_ETHERNET_H_
#define BULKHEAD_BPF_PARSE_ETHERNET_H_

#include "bpf/parse/arp.h"
#include "bpf/parse/ipv4.h"
#include "bpf/parse/ipv6.h"
#include "bpf/parse/packet.h"

#define BH_ETHERTYPE_IPV4 0x0800u
#define BH_ETHERTYPE_ARP 0x0806u
#define BH_ETHERTYPE_IPV6 0x86ddu
#define BH_ETHERTYPE_8021Q 0x8100u
#define BH_ETHERTYPE_8021AD 0x88a8u

/* packet: zeroed by the caller. vlan: the frame carries a tag beside it (skb metadata). */
static __always_inline int bh_parse(const struct bh_frame *frame, int vlan, struct bh_packet *packet)
{
	const __u8 *at = frame->data;
	__u32 type;

	if (at + BH_ETHERNET_BYTES > frame->end) {
		if (frame->length >= BH_ETHERNET_BYTES)
			return BH_CUT;
		return bh_refused(packet, BH_REASON_TRUNCATED);
	}
	if (at[0] & 1)
		packet->flags |= BH_PACKET_GROUP;
	type = bpf_ntohs(*(const __u16 *)(at + 12));
	packet->ethertype = (__u16)type;
	if (bh_unlikely(vlan) || type == BH_ETHERTYPE_8021Q || type == BH_ETHERTYPE_8021AD)
		return bh_refused(packet, BH_REASON_VLAN);
	if (bh_likely(type == BH_ETHERTYPE_IPV4))
		return bh_parse_ipv4(frame, packet);
	if (type == BH_ETHERTYPE_IPV6)
		return bh_parse_ipv6(frame, packet);
	if (type == BH_ETHERTYPE_ARP)
		return bh_parse_arp(frame, packet);
	return bh_refused(packet, BH_REASON_ETHERTYPE);
}

#endif /* BULKHEAD_BPF_PARSE_ETHERNET_H_ */
