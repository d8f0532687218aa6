/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Fragments behind the first find their ports by (zone, addresses, id): what the first fragment had when it passed. They are then
 * judged like any packet of that flow.
 *
 * The first fragment holds all headers (parse/l4.h, parse/ipv6.h), and none that follows may begin before it ends, so that nobody
 * writes over what was judged (RFC 1858, RFC 3128, RFC 5722). Of several first ones with one id the furthest end counts, since the
 * receiver may keep the bytes of any of them. Later ones that lie over each other change payload alone: refusing the packet is the
 * receiver's business (RFC 8200 section 4.5), and to see it here would cost a record of each fragment. A later fragment that
 * overtakes the first is a stray, and its packet is lost; hosts send them in order. */
#ifndef BULKHEAD_BPF_FRAGMENT_H_
#define BULKHEAD_BPF_FRAGMENT_H_

#include "bpf/context.h"

/* What is known of the packet that this is a fragment of, unless it is too old to be the same. */
static __noinline const struct bh_fragment *bh_fragment_find(const struct bh_fragment_key *key, __u64 now)
{
	const struct bh_fragment *first = bpf_map_lookup_elem(&bh_fragments, key);

	return first && now - first->seen <= BH_FRAGMENT_NS ? first : 0;
}

static __always_inline void bh_fragment_key_of(const struct bh_packet *packet, __u16 zone, struct bh_fragment_key *key)
{
	bh_copy(key->source, packet->source, 16);
	bh_copy(key->destination, packet->destination, 16);
	key->id = packet->fragment_id;
	key->zone = zone;
	key->protocol = packet->family == BH_V4 ? packet->protocol : 0;
	key->family = packet->family;
}

/* Gives a later fragment its ports, or a reason. */
static __noinline int bh_recall_ports(struct bh_context *c)
{
	struct bh_packet *packet = &c->packet;
	struct bh_fragment_key key;
	const struct bh_fragment *first;
	__u8 reason = packet->reason;

	if (packet->fragment == BH_FRAGMENT_LATER && reason == BH_REASON_NONE) {
		bh_fragment_key_of(packet, c->zone, &key);
		first = bh_fragment_find(&key, bpf_ktime_get_ns());
		if (!first) {
			reason = BH_REASON_FRAGMENT_STRAY;
		} else if (packet->fragment_edge < first->end) {
			reason = BH_REASON_FRAGMENT_OVERLAP;
		} else {
			packet->source_port = first->port[0];
			packet->destination_port = first->port[1];
			packet->protocol = first->protocol;
		}
	}
	packet->reason = reason | (__u8)c->frame.zero;
	return 0;
}

/* The packet has passed: if it is a first fragment, those behind it may follow. When there is no room they will be refused. */
static __noinline int bh_remember_ports(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;
	struct bh_fragment first = {.port = {packet->source_port, packet->destination_port}, .protocol = packet->protocol};
	const struct bh_fragment *before;
	struct bh_fragment_key key;

	if (packet->fragment != BH_FRAGMENT_FIRST || packet->kind != BH_KIND_FLOW || packet->reason != BH_REASON_NONE)
		return 0;
	bh_fragment_key_of(packet, c->zone, &key);
	first.seen = bpf_ktime_get_ns();
	first.end = packet->fragment_edge;
	before = bh_fragment_find(&key, first.seen);
	if (before && before->end > first.end)
		first.end = before->end;
	bpf_map_update_elem(&bh_fragments, &key, &first, BPF_ANY);
	return 0;
}

#endif /* BULKHEAD_BPF_FRAGMENT_H_ */
