/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Floods of denied packets. As long as there is an event for each denied packet, each is judged. When a CPU has used up its events of
 * this flow tick, what it denies is noted, and the same packet on the same way is denied again by the note, until the tick ends: counted,
 * nothing else. Its edge and its rules learn of those packets when the note gives way to another, is written anew in a later tick, or
 * user space runs bh_settle, which it does before it reads them.
 *
 * A note holds for packets that are alike in all that a judgement goes by: headers down to the ports and TCP flags, hook, interface,
 * provenance; that have no entry; under one stamp; and as long as nobody new is known of (bh_control.arrivals). */
#ifndef BULKHEAD_BPF_DENIAL_H_
#define BULKHEAD_BPF_DENIAL_H_

#include "bpf/context.h"
#include "bpf/export.h"
#include "bpf/flow_store.h"
#include "bulkhead/abi/denial.h"

static __always_inline struct bh_denial *bh_denial_at(const struct bh_control *control, const bh_word *words)
{
	__u64 mixed = (words[1] ^ words[2] ^ (words[4] << 1)) + words[3] + words[5] + words[7];
	__u32 index = (__u32)((mixed * (control->secret[1] | 1)) >> 52) & (BH_DENIALS - 1);

	return bpf_map_lookup_elem(&bh_denials, &index);
}

/* Whether this CPU has no event left for a denied packet. */
static __always_inline int bh_is_flooded(const struct bh_control *control, __u32 tick)
{
	__u32 key = BH_LIMITED_EVENTS;
	const struct bh_limit *limit = bpf_map_lookup_elem(&bh_limits, &key);

	return limit && limit->tick == tick && limit->used >= control->per_tick[BH_LIMITED_EVENTS];
}

/* True when the packet was denied by a note, and counted. */
static __always_inline int bh_denied_lately(const struct bh_control *control, __u32 stamp, __u32 tick, const bh_word *words)
{
	struct bh_denial *denial = bh_denial_at(control, words);
	const bh_word *noted;
	__u64 different = 0;
	__u32 version;
	int i;

	if (!denial)
		return 0;
	version = bh_load(&denial->version);
	if (!BH_DENIAL_HOLDS(version) || bh_load(&denial->stamp) != stamp || bh_load(&denial->tick) != tick ||
	    bh_load(&denial->arrivals) != bh_load(&control->arrivals))
		return 0;
	noted = (const bh_word *)&denial->key;
#pragma GCC unroll 8
	for (i = 0; i < BH_DENIAL_WORDS; i++)
		different |= bh_load(&noted[i]) ^ words[i];
	if (different)
		return 0;
	__sync_fetch_and_add(&denial->pending, 1);
	if (bh_unlikely(bh_load(&denial->version) != version)) {
		__sync_fetch_and_add(&denial->pending, -1);
		return 0;
	}
	bh_count(BH_REASON_POLICY * 3 + BH_DENY);
	bh_count(BH_COUNTER_EVENTS_LIMITED);
	return 1;
}

/* True: the note is the caller's to write, until it exchanges the version for BH_DENIAL_NEXT of this one. */
static __always_inline int bh_denial_take(struct bh_denial *denial, __u32 version)
{
	return version != BH_DENIAL_BUSY(version) && bh_swap_if(&denial->version, version, BH_DENIAL_BUSY(version));
}

static __always_inline void bh_denial_tell_rule(__u32 rule, __s64 packets)
{
	struct bh_rule_counts *counts = bpf_map_lookup_elem(&bh_rule_counts, &rule);

	if (counts)
		__sync_fetch_and_add(&counts->denied, (__u64)packets);
}

/* Tells edge and rules what is pending. */
static __noinline int bh_denial_settle(struct bh_denial *denial)
{
	__s64 packets = (__s32)bh_exchange(&denial->pending, 0);
	struct bh_edge *edge;

	if (packets == 0)
		return 0;
	edge = denial->edge.family ? bpf_map_lookup_elem(&bh_edges_outside, &denial->edge) : bpf_map_lookup_elem(&bh_edges, &denial->edge);
	if (edge)
		__sync_fetch_and_add(&edge->denied, (__u64)packets);
	else
		bh_count(BH_COUNTER_EDGES_LOST);
	bh_denial_tell_rule(denial->denier[0], packets);
	bh_denial_tell_rule(denial->denier[1], packets);
	return 0;
}

/* Not static, so that the verifier looks at it once, however often it is called. */
__noinline int bh_settle_denial(__u32 index)
{
	struct bh_denial *denial = bpf_map_lookup_elem(&bh_denials, &index);
	__u32 version;

	if (!denial || bh_load(&denial->pending) == 0)
		return 0;
	version = bh_load(&denial->version);
	if (!BH_DENIAL_HOLDS(version) || !bh_denial_take(denial, version))
		return 0;
	bh_denial_settle(denial);
	bh_exchange(&denial->version, BH_DENIAL_NEXT(version));
	return 1;
}

static __always_inline void bh_denial_key_of(const struct bh_context *c, struct bh_denial_key *key)
{
	const struct bh_packet *packet = &c->packet;

	bh_copy(key->source, packet->source, 16);
	bh_copy(key->destination, packet->destination, 16);
	key->port[0] = packet->source_port;
	key->port[1] = packet->destination_port;
	key->ifindex = c->ifindex;
	key->zone = c->zone;
	key->tag = c->hook == BH_HOOK_EGRESS ? c->tag : 0;
	key->hook = (__u8)c->hook;
	key->family = packet->family;
	key->protocol = packet->protocol;
	key->tcp_flags = packet->tcp_flags;
	key->from_host = c->hook == BH_HOOK_EGRESS && c->ingress_ifindex == 0;
}

/* A packet that the quick path can tell again: see quick.h. */
static __always_inline int bh_is_plain(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;
	__u32 headers = BH_ETHERNET_BYTES + (packet->family == BH_V4 ? 20 : 40);

	return !c->known && !(packet->flags & BH_PACKET_GROUP) && packet->fragment == BH_FRAGMENT_NONE && packet->transport == headers &&
	       bh_has_ports(packet->protocol);
}

static __always_inline __u32 bh_denier_of(const struct bh_party *party, __u32 rule)
{
	return party->flags & BH_PARTY_DENIES ? rule : BH_NO_DENIER;
}

/* Notes that the packet was denied as j says. */
static __noinline int bh_note_denial(const struct bh_context *c, const struct bh_judgement *j)
{
	const __u8 *frame = c->frame.data;
	__u32 version, zero = 0;
	struct bh_scratch_room *room = bpf_map_lookup_elem(&bh_scratch, &zero);
	struct bh_denial *denial;

	if (!room || frame + BH_ETHERNET_BYTES > c->frame.end)
		return 0;
	bh_denial_key_of(c, &room->denial.key);
	bh_copy(room->denial.key.macs, frame, 12);
	__builtin_memset(&room->edge, 0, sizeof(room->edge));
	bh_edge_key_whole(c, j, &room->edge);
	denial = bh_denial_at(c->control, room->denial.words);
	if (!denial)
		return 0;
	version = bh_load(&denial->version);
	if (!bh_denial_take(denial, version))
		return 0; /* another CPU is at it */
	bh_denial_settle(denial);
	bh_store(&denial->stamp, c->stamp);
	bh_store(&denial->tick, c->tick);
	bh_store(&denial->arrivals, c->arrivals);
	denial->denier[0] = bh_denier_of(&j->opener, j->source_rule);
	denial->denier[1] = bh_denier_of(&j->responder, j->destination_rule);
	if (denial->denier[1] == denial->denier[0]) /* counts once */
		denial->denier[1] = BH_NO_DENIER;
	denial->key = room->denial.key;
	denial->edge = room->edge;
	bh_exchange(&denial->version, BH_DENIAL_NEXT(version));
	return 0;
}

#endif /* BULKHEAD_BPF_DENIAL_H_ */
