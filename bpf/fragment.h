/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Fragments behind the first find their ports by (zone, addresses, id, protocol): what the first fragment had when it passed. They
 * are then judged like any packet of that flow. Overlaps are the receiver's to refuse (RFC 5722; Linux does for both families), but
 * for those over the TCP header, which parse/l4.h refuses. */
#ifndef BULKHEAD_BPF_FRAGMENT_H_
#define BULKHEAD_BPF_FRAGMENT_H_

#include "bpf/context.h"

static __always_inline void bh_fragment_key_of(const struct bh_packet *packet, __u16 zone, struct bh_fragment_key *key)
{
	bh_copy(key->source, packet->source, 16);
	bh_copy(key->destination, packet->destination, 16);
	key->id = packet->fragment_id;
	key->zone = zone;
	key->protocol = packet->fragment_protocol;
	key->family = packet->family;
}

/* Gives a later fragment its ports, or a reason. */
static __noinline int bh_recall_ports(struct bh_context *c)
{
	struct bh_packet *packet = &c->packet;
	struct bh_fragment_key key;
	const struct bh_fragment *first;

	if (packet->fragment != BH_FRAGMENT_LATER || packet->reason != BH_REASON_NONE)
		return 0;
	bh_fragment_key_of(packet, c->zone, &key);
	first = bpf_map_lookup_elem(&bh_fragments, &key);
	if (!first) {
		packet->reason = BH_REASON_FRAGMENT;
		return 0;
	}
	packet->source_port = first->port[0];
	packet->destination_port = first->port[1];
	packet->protocol = first->protocol;
	return 0;
}

/* The packet has passed: if it is a first fragment, those behind it may follow. When there is no room they will be refused. */
static __noinline int bh_remember_ports(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;
	struct bh_fragment first = {.port = {packet->source_port, packet->destination_port}, .protocol = packet->protocol};
	struct bh_fragment_key key;

	if (packet->fragment != BH_FRAGMENT_FIRST || packet->kind != BH_KIND_FLOW || packet->reason != BH_REASON_NONE)
		return 0;
	bh_fragment_key_of(packet, c->zone, &key);
	bpf_map_update_elem(&bh_fragments, &key, &first, BPF_ANY);
	return 0;
}

#endif /* BULKHEAD_BPF_FRAGMENT_H_ */
