/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What may be delivered to an endpoint at all: packets from whom they say they are, to the endpoint that they are for. */
#ifndef BULKHEAD_BPF_ARRIVE_H_
#define BULKHEAD_BPF_ARRIVE_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/spoof.h"

static __always_inline int bh_is_of_another(const struct bh_address *found, __u16 tag)
{
	return found && !(found->flags & BH_ADDRESS_AMBIGUOUS) && found->slot != 0 && found->slot != tag;
}

static __noinline __u8 bh_check_provenance(const struct bh_context *c)
{
	const struct bh_address *found = bh_far_anywhere(c);

	if (c->tag == BH_TAG_REFUSED)
		return BH_REASON_SPOOFED_IP;
	if (c->tag != 0)
		return bh_is_of_another(found, c->tag) ? BH_REASON_SPOOFED_IP : BH_REASON_NONE;
	return c->ingress_ifindex != 0 && found ? BH_REASON_SPOOFED_IP : BH_REASON_NONE;
}

/* For a bound endpoint, as far as its MAC is known. */
static __always_inline int bh_is_to_its_mac(const struct bh_context *c)
{
	const __u8 *mac = bh_destination_mac(c);

	return mac && (bh_mac_is_zero(c->endpoint->mac) || bh_mac_equal(mac, c->endpoint->mac));
}

/* A frame that is flooded, mis-addressed or sent to a group could be read by whoever is on the bridge. */
static __noinline __u8 bh_check_port(const struct bh_context *c)
{
	const __u32 *address = c->packet.destination;

	if (!bh_is_bound(c->endpoint)) {
		return bh_is_of_another(bh_destination_here(c), c->slot) ? BH_REASON_WRONG_PORT : BH_REASON_NONE;
	}
	if (!bh_is_to_its_mac(c))
		return BH_REASON_WRONG_PORT;
	if (bh_is_own(c, bh_destination_here(c)) || bh_is_own_link_local(c, address))
		return BH_REASON_NONE;
	return BH_REASON_WRONG_PORT;
}

/* Neighbour discovery and MLD: not from beyond the link, and when for one receiver then for this one, though it may be at an address
 * that it made itself and nobody knows. */
static __noinline __u8 bh_check_nd_arrival(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;

	if (!bh_nd_hop_limit_is_right(&c->frame, packet->kind))
		return BH_REASON_SPOOFED_ND;
	if (packet->kind == BH_KIND_MLD && !bh_is_mld_source(packet->source))
		return BH_REASON_SPOOFED_ND;
	if ((packet->flags & BH_PACKET_MULTICAST) || bh_check_port(c) == BH_REASON_NONE)
		return BH_REASON_NONE;
	if (bh_is_bound(c->endpoint) && bh_is_to_its_mac(c) && bh_may_be_own_link_local(c, packet->destination))
		return BH_REASON_NONE;
	return BH_REASON_WRONG_PORT;
}

static __always_inline __u8 bh_check_arrival(const struct bh_context *c)
{
	__u8 reason = bh_check_provenance(c);

	if (reason != BH_REASON_NONE || (c->packet.flags & BH_PACKET_GROUP))
		return reason;
	return bh_check_port(c);
}

#endif /* BULKHEAD_BPF_ARRIVE_H_ */
