/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The flow table: find, open, answer, rewrite. Callers know entries, never the store behind them (flow_store.h).
 *
 * An entry that was found may be read until the program ends, and is the one of the tuple as long as bh_flow_is_same() says so: another
 * CPU may give its slot to another tuple once it has expired, or was never answered. Counters are added to atomically and taken back
 * when that has happened; state and flags change by compare-and-swap; the verdict is rewritten by who holds the entry. */
#ifndef BULKHEAD_BPF_FLOW_TABLE_H_
#define BULKHEAD_BPF_FLOW_TABLE_H_

#include "bpf/context.h"
#include "bpf/export.h"
#include "bpf/flow_key.h"
#include "bpf/flow_state.h"
#include "bpf/flow_store.h"

struct bh_flow_ref {
	struct bh_flow_hot *hot;
	struct bh_flow_macs *macs;
	struct bh_flow_cold *cold;
	__u32 meta; /* when it was found */
	__u32 side; /* of the key: who sent the packet. Set when nothing was found, too. */
};

/* Fills in where the key belongs. False: a table had no such element; cannot be. */
static __always_inline int bh_group_of(const struct bh_control *control, struct bh_place place, int words, struct bh_group *group)
{
	__u32 zero = 0;

	group->home = place.home;
	group->zero = (__u64)control->zero << 32 | control->zero;
	group->usage = bpf_map_lookup_elem(&bh_usage, &zero);
	if (words == BH_KEY4_WORDS) {
		group->slots = bpf_map_lookup_elem(&bh_flows4, &place.group);
		group->colds = bpf_map_lookup_elem(&bh_flows4_cold, &place.group);
	} else {
		group->slots = bpf_map_lookup_elem(&bh_flows6, &place.group);
		group->colds = group->slots;
	}
	return group->slots && group->colds && group->usage;
}

/* Where a key stands: the number of the slot in its table and the meta there. Functions that are not static are verified once, not for
 * each way that leads to them; they can return no more than a number. */
#define BH_FOUND(slot, meta) ((__u64)(meta) << 32 | (slot))
#define BH_FOUND_SLOT(found) ((__u32)(found))
#define BH_FOUND_META(found) ((__u32)((found) >> 32))
#define BH_NOT_FOUND BH_FOUND(BH_NO_SLOT, 0)

static __always_inline __u64 bh_flow_seek(const bh_word *key, int words)
{
	__u32 zero = 0, n, meta;
	const struct bh_control *control = bpf_map_lookup_elem(&bh_control, &zero);
	struct bh_group group;
	struct bh_place place;

	if (!control)
		return BH_NOT_FOUND;
	place = bh_place_of(key, words, control);
	if (!bh_group_of(control, place, words, &group))
		return BH_NOT_FOUND;
	n = bh_store_find(&group, key, words, &meta);
	return n == BH_NO_SLOT ? BH_NOT_FOUND : BH_FOUND(place.group * BH_GROUP_SLOTS + n, meta);
}

__noinline __u64 bh_flow_seek4(const union bh_key4 *key)
{
	return key ? bh_flow_seek(key->words, BH_KEY4_WORDS) : BH_NOT_FOUND;
}

__noinline __u64 bh_flow_seek6(const union bh_key6 *key)
{
	return key ? bh_flow_seek(key->words, BH_KEY6_WORDS) : BH_NOT_FOUND;
}

static __always_inline int bh_flow_take(__u64 found, int words, struct bh_flow_ref *ref)
{
	__u32 place = BH_FOUND_SLOT(found) / BH_GROUP_SLOTS, n = BH_FOUND_SLOT(found) % BH_GROUP_SLOTS;
	struct bh_group group = {};

	if (words == BH_KEY4_WORDS) {
		group.slots = bpf_map_lookup_elem(&bh_flows4, &place);
		group.colds = bpf_map_lookup_elem(&bh_flows4_cold, &place);
	} else {
		group.slots = bpf_map_lookup_elem(&bh_flows6, &place);
		group.colds = group.slots;
	}
	if (!group.slots || !group.colds)
		return 0;
	ref->meta = BH_FOUND_META(found);
	ref->hot = bh_slot_at(&group, n, words);
	ref->macs = bh_slot_macs(ref->hot, words);
	ref->cold = bh_cold_at(&group, n, words);
	return 1;
}

/* The entry of the packet's tuple. False: there is none, or there was none a moment ago. */
static __noinline int bh_flow_find(const struct bh_context *c, const struct bh_packet *packet, struct bh_flow_ref *ref)
{
	__u64 found;

	ref->meta = 0;
	if (bh_likely(packet->family == BH_V4)) {
		union bh_key4 key;

		ref->side = bh_flow4_key_of(packet, c->zone, &key.tuple);
		if (c->missed)
			return 0;
		found = bh_flow_seek4(&key);
		return found != BH_NOT_FOUND && bh_flow_take(found, BH_KEY4_WORDS, ref);
	} else {
		union bh_key6 key;

		ref->side = bh_flow6_key_of(packet, c->zone, &key.tuple);
		if (c->missed)
			return 0;
		found = bh_flow_seek6(&key);
		return found != BH_NOT_FOUND && bh_flow_take(found, BH_KEY6_WORDS, ref);
	}
}

static __always_inline int bh_flow_is_same(const struct bh_flow_ref *ref)
{
	return bh_store_is_same(ref->hot, ref->meta);
}

static __always_inline int bh_request_group(const struct bh_flow_request *request, int words, struct bh_group *group)
{
	__u32 zero = 0;
	const struct bh_control *control = bpf_map_lookup_elem(&bh_control, &zero);

	return control && bh_group_of(control, request->place, words, group);
}

static __always_inline __u64 bh_flow_choose(const struct bh_flow_request *request, int words)
{
	__u32 zero = 0, n, meta = 0, owner = request->flow.cold.owner & (BH_MAX_ENDPOINTS - 1);
	const struct bh_control *control = bpf_map_lookup_elem(&bh_control, &zero);
	struct bh_claimant by = {.control = control, .tick = request->tick, .owner = (__u16)owner};
	struct bh_group group;
	int family = words != BH_KEY4_WORDS;

	if (!control || !bh_group_of(control, request->place, words, &group))
		return BH_NOT_FOUND;
	by.over_quota = bh_load(&group.usage->flows[owner][family]) >= control->quota[family];
	n = bh_store_choose(&group, &by, words, &meta);
	return n == BH_NO_SLOT ? BH_NOT_FOUND : BH_FOUND(n, meta);
}

/* True: done. False: the slot has changed since it was chosen. */
static __always_inline int bh_flow_fill(const struct bh_flow_request *request, __u64 chosen, int words)
{
	__u32 meta = BH_FOUND_META(chosen), n = BH_FOUND_SLOT(chosen) % BH_GROUP_SLOTS;
	struct bh_group group;

	if (!bh_request_group(request, words, &group) || !bh_store_claim(&group, n, meta, words))
		return 0;
	bh_store_publish(&group, n, meta, request->key.words, words, &request->flow);
	bh_store_clear_way(&group, n, words);
	return 1;
}

__noinline __u64 bh_flow_choose4(const struct bh_flow_request *request)
{
	return request ? bh_flow_choose(request, BH_KEY4_WORDS) : BH_NOT_FOUND;
}

__noinline __u64 bh_flow_choose6(const struct bh_flow_request *request)
{
	return request ? bh_flow_choose(request, BH_KEY6_WORDS) : BH_NOT_FOUND;
}

__noinline int bh_flow_fill4(const struct bh_flow_request *request, __u64 chosen)
{
	return request ? bh_flow_fill(request, chosen, BH_KEY4_WORDS) : 0;
}

__noinline int bh_flow_fill6(const struct bh_flow_request *request, __u64 chosen)
{
	return request ? bh_flow_fill(request, chosen, BH_KEY6_WORDS) : 0;
}

/* Global for the verifier's sake, which would go around its loop for each way that leads here. False: others had the lock for too long. */
__noinline int bh_flow_lock(__u32 number)
{
	__u32 zero = 0;
	struct bh_locks *locks = bpf_map_lookup_elem(&bh_locks, &zero);

	return locks ? bh_store_lock(&locks->of[number & (BH_LOCKS - 1)].taken) : 0;
}

static __always_inline void bh_flow_unlock(__u32 number)
{
	__u32 zero = 0;
	struct bh_locks *locks = bpf_map_lookup_elem(&bh_locks, &zero);

	if (locks)
		bh_store_unlock(&locks->of[number & (BH_LOCKS - 1)].taken);
}

static __always_inline void bh_flow_request_key(const struct bh_context *c, struct bh_flow_request *request)
{
	if (c->packet.family == BH_V4) {
		bh_flow4_key_of(&c->packet, c->zone, (struct bh_flow4_key *)&request->key);
		request->place = bh_place_of(request->key.words, BH_KEY4_WORDS, c->control);
	} else {
		bh_flow6_key_of(&c->packet, c->zone, &request->key.tuple);
		request->place = bh_place_of(request->key.words, BH_KEY6_WORDS, c->control);
	}
}

/* Moves the bit of a field that has grown so far to the cold part. */
static __noinline int bh_flow_carry(const struct bh_flow_ref *ref)
{
	__u32 side = ref->side & 1;
	__u64 count = bh_load(&ref->hot->count[side]);

	if (!(count & BH_COUNT_CARRIES) || !bh_swap_if(&ref->hot->count[side], count, count & ~BH_COUNT_CARRIES))
		return 0; /* another CPU has done it */
	if (count & BH_COUNT_BYTES_CARRY)
		__sync_fetch_and_add(&ref->cold->bytes_high[side], 1);
	if (count & BH_COUNT_PACKETS_CARRY)
		__sync_fetch_and_add(&ref->cold->packets_high[side], 1);
	return 0;
}

enum bh_put {
	BH_PUT_NO_ROOM = -1,
	BH_PUT_BUSY = -2, /* others were at the group for too long; the next packet makes the entry */
	BH_PUT_AGAIN = 0, /* the slot that was to give way has changed */
	BH_PUT_DONE = 1,
	BH_PUT_JOINED = 2, /* another CPU has made the entry, which counts this packet, too */
};

/* locked: with the group's lock. Without it, as when another CPU had that for too long, the packet joins an entry or has none. Another
 * CPU may have made one since this one looked (old_meta). Returns enum bh_put. */
static __always_inline int bh_flow_put(const struct bh_context *c, const struct bh_flow_request *request, int locked)
{
	int v4 = c->packet.family == BH_V4;
	__u64 chosen = v4 ? bh_flow_seek4((const union bh_key4 *)&request->key) : bh_flow_seek6(&request->key);
	struct bh_flow_ref ref;

	if (chosen != BH_NOT_FOUND && (BH_META_FLAGS(BH_FOUND_META(chosen)) & BH_FLOW_HELD))
		return BH_PUT_BUSY;
	if (chosen != BH_NOT_FOUND && BH_META_VERSION(BH_FOUND_META(chosen)) != BH_META_VERSION(request->old_meta)) {
		if (!(v4 ? bh_flow_take(chosen, BH_KEY4_WORDS, &ref) : bh_flow_take(chosen, BH_KEY6_WORDS, &ref)))
			return BH_PUT_NO_ROOM;
		__sync_fetch_and_add(&ref.hot->count[0], request->flow.hot.count[0]);
		__sync_fetch_and_add(&ref.hot->count[1], request->flow.hot.count[1]);
		return BH_PUT_JOINED;
	}
	if (!locked)
		return BH_PUT_BUSY;
	if (chosen == BH_NOT_FOUND) {
		chosen = v4 ? bh_flow_choose4(request) : bh_flow_choose6(request);
		if (chosen == BH_NOT_FOUND)
			return BH_PUT_NO_ROOM;
		if (BH_META_HOLDS_FLOW(BH_FOUND_META(chosen)))
			bh_count(BH_COUNTER_FLOWS_DISPLACED);
	}
	return v4 ? bh_flow_fill4(request, chosen) : bh_flow_fill6(request, chosen);
}

/* Makes an entry for the packet's tuple; request->flow: as it is to be. Returns enum bh_put, never BH_PUT_AGAIN. */
static __always_inline int bh_flow_create(const struct bh_context *c, struct bh_flow_request *request)
{
	int attempt, locked, done = BH_PUT_AGAIN;

	request->tick = c->tick;
	request->old_meta = c->old_meta;
	bh_flow_request_key(c, request);
	locked = bh_flow_lock(request->place.group);
	for (attempt = 0; attempt < 3 && done == BH_PUT_AGAIN; attempt++)
		done = bh_flow_put(c, request, locked);
	if (locked)
		bh_flow_unlock(request->place.group);
	return done == BH_PUT_AGAIN ? BH_PUT_BUSY : done;
}

/* The packet shows that the opener was heard. */
static __noinline int bh_flow_answer(const struct bh_context *c, const struct bh_flow_ref *ref)
{
	bh_count(BH_COUNTER_FLOWS_ANSWERED);
	if (!(BH_META_FLAGS(ref->meta) & BH_FLOW_LINKED))
		bh_edge_answered(c, ref->hot, ref->cold);
	return 0;
}

/* Whether this hook is the first to see a packet of that side: what a workload sends is counted where it sends it. */
static __always_inline int bh_flow_counts(const struct bh_context *c, const struct bh_flow_hot *hot, __u32 side)
{
	return c->hook == BH_HOOK_INGRESS || hot->ifindex[side & 1] == 0;
}

/* Moves the entry on by the packet. */
static __always_inline void bh_flow_advance(const struct bh_context *c, const struct bh_flow_ref *ref)
{
	__u32 meta = ref->meta, side = ref->side & 1;
	int attempt;

	for (attempt = 0; attempt < 4; attempt++) {
		__u32 next = bh_flow_next(meta, &c->packet, side);

		if (next == meta)
			return;
		if (bh_swap_if(&ref->hot->meta, meta, next)) {
			if (bh_flow_accepts(meta, next, &c->packet, side) && ref->hot->ifindex[side] == 0)
				ref->hot->slot[side] = c->tag;
			if (bh_flow_answers(meta, next))
				bh_flow_answer(c, ref);
			return;
		}
		meta = bh_load(&ref->hot->meta);
		if (BH_META_VERSION(meta) != BH_META_VERSION(ref->meta))
			return;
	}
}

/* Has the entry count the packet. False: its slot has another flow by now. */
static __always_inline int bh_flow_count(const struct bh_context *c, const struct bh_flow_ref *ref)
{
	struct bh_flow_hot *hot = ref->hot;
	__u64 *count = &hot->count[ref->side & 1], one = BH_COUNT(c->frame.length, 1);

	if (bh_unlikely(bh_load(count) & BH_COUNT_CARRIES))
		bh_flow_carry(ref);
	__sync_fetch_and_add(count, one);
	if (bh_unlikely(!bh_flow_is_same(ref))) {
		__sync_fetch_and_add(count, -one);
		return 0;
	}
	if (bh_load(&hot->last_seen) != c->tick)
		bh_store(&hot->last_seen, c->tick);
	bh_flow_advance(c, ref);
	return 1;
}

#endif /* BULKHEAD_BPF_FLOW_TABLE_H_ */
