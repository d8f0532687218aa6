/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* ARP for IPv4 over Ethernet (RFC 826). Other kinds of ARP have no business on a container's interface. */
#ifndef BULKHEAD_BPF_PARSE_ARP_H_
#define BULKHEAD_BPF_PARSE_ARP_H_

#include "bpf/parse/packet.h"

/* By bytes, since the addresses stand unaligned. */
struct bh_arp {
	__u8 hardware[2];
	__u8 protocol[2];
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__u8 operation[2];
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};
BH_SIZE(struct bh_arp, 28);

static __always_inline int bh_parse_arp(const struct bh_frame *frame, struct bh_packet *packet)
{
	const __u8 *at = frame->data + BH_ETHERNET_BYTES;
	const struct bh_arp *arp = (const struct bh_arp *)at;

	packet->kind = BH_KIND_ARP;
	if (frame->length < BH_ETHERNET_BYTES + sizeof(*arp))
		return bh_refused(packet, BH_REASON_TRUNCATED);
	if (at + sizeof(*arp) > frame->end)
		return BH_CUT;
	if (arp->hardware[0] != 0 || arp->hardware[1] != 1 || arp->protocol[0] != 8 || arp->protocol[1] != 0 ||
	    arp->hardware_bytes != 6 || arp->protocol_bytes != 4)
		return bh_refused(packet, BH_REASON_TRUNCATED);
	return BH_PARSED;
}

#endif /* BULKHEAD_BPF_PARSE_ARP_H_ */
