/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The quick path: an established packet of the common kind (TCP that opens nothing, UDP, SCTP) costs one look at one entry, and no
 * call of a helper. What it does not recognise is left to the slow programs, which know all that it knows
 * (established.h), and more; but for floods of denied packets (denial.h). */
#ifndef BULKHEAD_BPF_QUICK_H_
#define BULKHEAD_BPF_QUICK_H_

#include "bpf/context.h"
#include "bpf/denial.h"
#include "bpf/fast_path.h"
#include "bpf/flow_table.h"
#include "bpf/parse/ethernet.h"

/* What a hook knows of its packet. */
struct bh_quick {
	const __u8 *data;
	const __u8 *end;
	const struct bh_control *control;
	__u32 length;
	__u32 ifindex;
	__u32 hook; /* enum bh_hook */
	__u16 zone;
	__u16 tag; /* egress: as in bh_context. ingress, set when the packet passes: the provenance to give it */
	__u32 fast; /* ingress, set when the packet passes: the interface whose other end may have it at once, or 0 */
};

enum bh_quick_answer {
	BH_QUICK_UNSURE = 0, /* for the slow programs */
	BH_QUICK_PASS = 1,
	BH_QUICK_MISSED = 2, /* as unsure, but the headers are plain and the tuple has no entry */
};

#define BH_QUICK_DNS BH_TCP_FIN
#define BH_QUICK_COMMON BH_TCP_ACK /* all that other packets may have of `special` */

struct bh_quick_ports {
	__u16 source;
	__u16 destination;
	/* TCP: of SYN, RST, FIN and ACK, those that are set. UDP: BH_QUICK_DNS for a DNS answer at egress, which the slow programs are
	 * to see (dns.h). */
	__u8 special;
};

/* Ports of a packet at `at`, of which `room` bytes are the packet's. False: not of the common kind. */
static __always_inline int bh_quick_l4(const struct bh_quick *q, const __u8 *at, __u32 room, __u8 protocol, struct bh_quick_ports *out)
{
	if (protocol == BH_TCP) {
		if (room < BH_TCP_BYTES || at + BH_TCP_BYTES > q->end)
			return 0;
		if (at[12] < BH_TCP_BYTES / 4 << 4 || (__u32)(at[12] >> 4) * 4 > room)
			return 0;
		out->special = at[13] & (BH_TCP_SYN | BH_TCP_RST | BH_TCP_FIN | BH_TCP_ACK);
	} else if ((protocol != BH_UDP && protocol != BH_SCTP) || room < BH_PORTS_BYTES || at + BH_PORTS_BYTES > q->end) {
		return 0;
	}
	if (protocol != BH_TCP) {
		int dns = q->hook == BH_HOOK_EGRESS && protocol == BH_UDP && *(const __u16 *)at == bpf_htons(BH_DNS_PORT);

		out->special = dns ? BH_QUICK_DNS : 0;
	}
	out->source = *(const __u16 *)at;
	out->destination = *(const __u16 *)(at + 2);
	return 1;
}

/* Whether the entry, in the state that it was found in, carries the packet of that side at this hook. */
static __always_inline int bh_quick_holds(const struct bh_quick *q, const struct bh_flow_hot *hot, const struct bh_flow_macs *macs, __u32 meta,
					  __u32 side, __u8 protocol, __u32 tick)
{
	__u32 stamp = *(const volatile __u32 *)&q->control->stamp;

	if (bh_load(&hot->stamp) != stamp)
		return 0;
	if (bh_load(&hot->last_seen) != tick && bh_flow_expired(meta, bh_load(&hot->last_seen), protocol, tick, q->control))
		return 0;
	if (!(BH_META_FLAGS(meta) & BH_FLOW_HEARD) && side != bh_flow_opener(meta))
		return 0; /* an answer, or what must come behind it */
	if (q->hook == BH_HOOK_INGRESS)
		return bh_load(&hot->ifindex[side]) == q->ifindex && bh_mac_is_of(bh_load(&macs->of[side]), q->data + 6);
	return bh_load(&hot->ifindex[1 - side]) == q->ifindex && bh_load(&hot->slot[side]) == q->tag;
}

/* The sender's hook has counted the packet, and moved the entry on. */
static __always_inline int bh_quick_was_counted(const struct bh_quick *q, const struct bh_flow_hot *hot, __u32 side)
{
	return q->hook == BH_HOOK_EGRESS && bh_load(&hot->ifindex[side]) != 0;
}

/* Whether a TCP packet of an entry may pass here that opens or ends a connection; see bh_flow_reopens(). */
static __always_inline int bh_quick_may(const struct bh_quick *q, const struct bh_flow_hot *hot, __u32 meta, __u32 side, __u8 special)
{
	if (!(special & BH_TCP_SYN))
		return 1;
	if (!bh_quick_was_counted(q, hot, side))
		return 0; /* it may be the first, or the first answer */
	return (special & BH_TCP_ACK) || (side == bh_flow_opener(meta) && BH_META_STATE(meta) < BH_FLOW_CLOSING);
}

/* next: what the packet makes of meta. */
static __always_inline int bh_quick_count(const struct bh_quick *q, struct bh_flow_hot *hot, __u32 meta, __u32 next, __u32 side, __u32 tick)
{
	__u64 *count = &hot->count[side], one = BH_COUNT(q->length, 1);

	if (bh_quick_was_counted(q, hot, side))
		return bh_store_is_same(hot, meta);
	if (bh_unlikely(bh_load(count) & BH_COUNT_CARRIES))
		return 0;
	__sync_fetch_and_add(count, one);
	if (bh_unlikely(next == meta ? !bh_store_is_same(hot, meta) : !bh_swap_if(&hot->meta, meta, next))) {
		__sync_fetch_and_add(count, -one);
		return 0;
	}
	if (bh_load(&hot->last_seen) != tick)
		bh_store(&hot->last_seen, tick);
	return 1;
}

/* Has the processor fetch the line that a new entry in the home slot will write, while the packet is judged. */
static __always_inline void bh_quick_foresee4(const struct bh_place *place)
{
	const struct bh_flow4_cold_group *colds = bpf_map_lookup_elem(&bh_flows4_cold, &place->group);

	if (colds)
		(void)bh_load(&colds->cold[place->home & (BH_GROUP_SLOTS - 1)].first_seen);
}

static __always_inline int bh_quick_entry(struct bh_quick *q, const bh_word *key, int words, __u32 side, __u8 protocol, __u8 special)
{
	struct bh_place place = bh_place_of(key, words, q->control);
	struct bh_group group = {.home = place.home};
	struct bh_flow_hot *hot;
	__u32 meta, next, n, tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);

	if (words == BH_KEY4_WORDS)
		group.slots = bpf_map_lookup_elem(&bh_flows4, &place.group);
	else
		group.slots = bpf_map_lookup_elem(&bh_flows6, &place.group);
	if (!group.slots)
		return BH_QUICK_UNSURE;
	n = bh_store_find(&group, key, words, &meta);
	if (n == BH_NO_SLOT) {
		if (words == BH_KEY4_WORDS)
			bh_quick_foresee4(&place);
		return BH_QUICK_MISSED;
	}
	hot = bh_slot_at(&group, n, words);
	next = meta;
	if (bh_unlikely(special & ~BH_QUICK_COMMON)) {
		if (protocol != BH_TCP || !bh_quick_may(q, hot, meta, side, special))
			return BH_QUICK_UNSURE;
		next = bh_flow_ends(meta, special, side);
	}
	if (!bh_quick_holds(q, hot, bh_slot_macs(hot, words), meta, side, protocol, tick))
		return BH_QUICK_UNSURE;
	/* All is read of the entry before bh_quick_count() sees whether it still is the same. */
	if (q->hook == BH_HOOK_INGRESS) {
		q->tag = bh_load(&hot->slot[side]);
		q->fast = bh_fast_way(tick, hot, meta, side, q->data);
	}
	return bh_quick_count(q, hot, meta, next, side, tick) ? BH_QUICK_PASS : BH_QUICK_UNSURE;
}

static __always_inline int bh_quick4(struct bh_quick *q, const __u8 *at)
{
	const struct bh_ipv4 *ip = (const struct bh_ipv4 *)at;
	struct bh_quick_ports ports;
	__u32 total, side;
	bh_word key[BH_KEY4_WORDS];

	if (at + sizeof(*ip) + BH_PORTS_BYTES > q->end)
		return 0;
	total = bpf_ntohs(ip->total_length);
	if (ip->version_ihl != 0x45 || (ip->fragment & bpf_htons(BH_IPV4_MORE | BH_IPV4_OFFSET)) ||
	    (ip->destination & bpf_htonl(0xf0000000u)) >= bpf_htonl(0xe0000000u) || total < sizeof(*ip) ||
	    BH_ETHERNET_BYTES + total > q->length)
		return 0;
	if (!bh_quick_l4(q, at + sizeof(*ip), total - sizeof(*ip), ip->protocol, &ports))
		return 0;
	side = ip->source == ip->destination ? bpf_ntohs(ports.source) > bpf_ntohs(ports.destination)
					     : bpf_ntohl(ip->source) > bpf_ntohl(ip->destination);
	key[0] = side ? (__u64)ip->destination | (__u64)ip->source << 32 : (__u64)ip->source | (__u64)ip->destination << 32;
	key[1] = side ? (__u32)ports.destination | (__u32)ports.source << 16 : (__u32)ports.source | (__u32)ports.destination << 16;
	key[1] |= (__u64)q->zone << 32 | (__u64)ip->protocol << 48;
	return bh_quick_entry(q, key, BH_KEY4_WORDS, side, ip->protocol, ports.special);
}

static __always_inline int bh_quick6(struct bh_quick *q, const __u8 *at)
{
	const struct bh_ipv6 *ip = (const struct bh_ipv6 *)at;
	struct bh_quick_ports ports;
	const bh_word *low, *high;
	bh_word key[BH_KEY6_WORDS];
	__u32 payload, side;
	int order;

	if (at + sizeof(*ip) + BH_PORTS_BYTES > q->end)
		return 0;
	payload = bpf_ntohs(ip->payload_length);
	if ((ip->version & 0xf0) != 0x60 || *(const __u8 *)ip->destination == 0xff ||
	    BH_ETHERNET_BYTES + sizeof(*ip) + payload > q->length)
		return 0;
	if (!bh_quick_l4(q, at + sizeof(*ip), payload, ip->next, &ports))
		return 0;
	order = bh_compare6(ip->source, ip->destination);
	side = order == 0 ? bpf_ntohs(ports.source) > bpf_ntohs(ports.destination) : order > 0;
	low = (const bh_word *)(side ? ip->destination : ip->source);
	high = (const bh_word *)(side ? ip->source : ip->destination);
	key[0] = low[0];
	key[1] = low[1];
	key[2] = high[0];
	key[3] = high[1];
	key[4] = side ? (__u32)ports.destination | (__u32)ports.source << 16 : (__u32)ports.source | (__u32)ports.destination << 16;
	key[4] |= (__u64)q->zone << 32 | (__u64)ip->next << 48;
	return bh_quick_entry(q, key, BH_KEY6_WORDS, side, ip->next, ports.special);
}

/* Returns enum bh_quick_answer. */
static __always_inline int bh_quick(struct bh_quick *q)
{
	const __u8 *at = q->data;
	__u16 type;

	if (at + BH_ETHERNET_BYTES > q->end || (at[0] & 1))
		return BH_QUICK_UNSURE;
	type = *(const __u16 *)(at + 12);
	if (bh_likely(type == bpf_htons(BH_ETHERTYPE_IPV4)))
		return bh_quick4(q, at + BH_ETHERNET_BYTES);
	if (type == bpf_htons(BH_ETHERTYPE_IPV6))
		return bh_quick6(q, at + BH_ETHERNET_BYTES);
	return BH_QUICK_UNSURE;
}

static __always_inline void bh_quick_key_l4(const __u8 *at, const __u8 *end, struct bh_denial_key *key)
{
	key->port[0] = *(const __u16 *)at;
	key->port[1] = *(const __u16 *)(at + 2);
	if (key->protocol == BH_TCP && at + BH_TCP_BYTES <= end)
		key->tcp_flags = at[13];
}

/* Of a packet that MISSED: true when it is denied by a note. from_host: see struct bh_denial_key. */
static __noinline int bh_quick_denied(const struct bh_quick *q, __u32 from_host)
{
	__u32 stamp = *(const volatile __u32 *)&q->control->stamp, tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);
	const __u8 *at = q->data;
	const struct bh_ipv4 *ip4 = (const struct bh_ipv4 *)(at + BH_ETHERNET_BYTES);
	const struct bh_ipv6 *ip6 = (const struct bh_ipv6 *)(at + BH_ETHERNET_BYTES);
	union bh_denial_words denied = {.key = {.ifindex = q->ifindex, .zone = q->zone, .tag = q->tag, .from_host = from_host}};

	denied.key.hook = (__u8)q->hook;
	if (at + BH_ETHERNET_BYTES + sizeof(*ip4) + BH_PORTS_BYTES > q->end)
		return 0;
	bh_copy(denied.key.macs, at, 12);
	if (*(const __u16 *)(at + 12) == bpf_htons(BH_ETHERTYPE_IPV4)) {
		denied.key.family = BH_V4;
		denied.key.protocol = ip4->protocol;
		bh_copy(denied.key.source, &ip4->source, 4);
		bh_copy(denied.key.destination, &ip4->destination, 4);
		bh_quick_key_l4(at + BH_ETHERNET_BYTES + sizeof(*ip4), q->end, &denied.key);
	} else {
		if (at + BH_ETHERNET_BYTES + sizeof(*ip6) + BH_PORTS_BYTES > q->end)
			return 0;
		denied.key.family = BH_V6;
		denied.key.protocol = ip6->next;
		bh_copy(denied.key.source, ip6->source, 16);
		bh_copy(denied.key.destination, ip6->destination, 16);
		bh_quick_key_l4(at + BH_ETHERNET_BYTES + sizeof(*ip6), q->end, &denied.key);
	}
	return bh_denied_lately(q->control, stamp, tick, denied.words);
}

#endif /* BULKHEAD_BPF_QUICK_H_ */
