/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The store behind the flow table: how the slots of a group (abi/flow.h) are found, taken and given back by several CPUs and by user
 * space at once. Only who puts an entry needs a lock. It calls no BPF helper, so that tests run this very code.
 *
 * find     From the home slot on, around the group; ends at a slot that says so. What was read of a slot is that of the key if
 *          bh_store_is_same() says so afterwards.
 * lock     Whoever puts an entry locks its group: one of a number of words, taken by compare-and-swap. It is held for some hundred ns
 *          and waited for longer; who does not get it makes no entry. User space never takes it.
 * choose   A free slot; else an expired entry; else the oldest unanswered one. Answered entries stay. Somebody over its quota gets only
 *          what is its own already, answered or not.
 * claim    Compare-and-swap of meta to BUSY; then the slot is the claimant's to fill.
 * publish  Contents first, then meta, by an exchange, which is a full barrier.
 * hold     Who rewrites an entry's verdict marks it HELD, so that it is not taken away meanwhile; one at a time.
 * release  Back to FREE, which searches pass over. tidy (user space) lets a free slot end searches again when the one behind it does.
 *
 * Loads and stores are not reordered with others of their kind on x86-64, which the readers rely on; the compilers are kept from it by
 * volatile, the host's by acquire and release. */
#ifndef BULKHEAD_BPF_FLOW_STORE_H_
#define BULKHEAD_BPF_FLOW_STORE_H_

#include "bpf/flow_hash.h"
#include "bpf/flow_state.h"
#include "bpf/host_shim.h"

#ifdef __bpf__
#define bh_load(from) (*(const volatile __typeof__(*(from)) *)(from))
#define bh_store(to, value) (*(volatile __typeof__(*(to)) *)(to) = (value))
#define bh_swap_if(at, expected, value) (__sync_val_compare_and_swap((at), (expected), (value)) == (expected))
#define bh_exchange(at, value) __sync_lock_test_and_set((at), (value))
#define bh_add(at, value) __sync_fetch_and_add((at), (value))
#define bh_clear_bits(at, bits) __sync_fetch_and_and((at), ~(bits))
#else
#define bh_load(from) __atomic_load_n((from), __ATOMIC_ACQUIRE)
#define bh_store(to, value) __atomic_store_n((to), (value), __ATOMIC_RELEASE)
#define bh_swap_if(at, expected, value)                                                                                          \
	({                                                                                                                       \
		__typeof__(*(at)) bh_expected = (expected);                                                                      \
		__atomic_compare_exchange_n((at), &bh_expected, (value), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                  \
	})
#define bh_exchange(at, value) __atomic_exchange_n((at), (value), __ATOMIC_SEQ_CST)
#define bh_add(at, value) __atomic_fetch_add((at), (value), __ATOMIC_SEQ_CST)
#define bh_clear_bits(at, bits) __atomic_fetch_and((at), ~(bits), __ATOMIC_SEQ_CST)
#endif

/* A group as somebody sees it who looks for a tuple. */
struct bh_group {
	void *slots;                /* struct bh_flow4_group or bh_flow6_group */
	struct bh_flow_cold *colds; /* of IPv4: the group's; of IPv6 not used */
	struct bh_usage *usage;
	__u32 home;
	__u64 zero; /* 0 that the verifier does not know to be 0 */
};

/* words: of a key, which names the family too. A constant everywhere. */
static __always_inline struct bh_flow_hot *bh_slot_at(const struct bh_group *group, __u32 n, int words)
{
	const unsigned int bytes = words == BH_KEY4_WORDS ? sizeof(struct bh_flow4_slot) : sizeof(struct bh_flow6_slot);

	return (struct bh_flow_hot *)((char *)group->slots + (n & (BH_GROUP_SLOTS - 1)) * bytes);
}

static __always_inline struct bh_flow_cold *bh_cold_at(const struct bh_group *group, __u32 n, int words)
{
	if (words == BH_KEY4_WORDS)
		return (struct bh_flow_cold *)((char *)group->colds + (n & (BH_GROUP_SLOTS - 1)) * sizeof(struct bh_flow_cold));
	return &((struct bh_flow6_slot *)bh_slot_at(group, n, words))->cold;
}

static __always_inline bh_word *bh_slot_key(struct bh_flow_hot *slot)
{
	return (bh_word *)(slot + 1);
}

static __always_inline struct bh_flow_macs *bh_slot_macs(struct bh_flow_hot *slot, int words)
{
	return (struct bh_flow_macs *)(bh_slot_key(slot) + words);
}

static __always_inline int bh_slot_has_key(struct bh_flow_hot *slot, const bh_word *key, int words)
{
	const bh_word *has = bh_slot_key(slot);
	__u64 different = 0;
	int i;

#pragma GCC unroll 5
	for (i = 0; i < words; i++)
		different |= bh_load(&has[i]) ^ key[i];
	return different == 0;
}

#define BH_NO_SLOT 0xffffffffu

/* The number of the slot that holds a flow of this key, or BH_NO_SLOT. *meta: as it was. */
static __always_inline __u32 bh_store_find(const struct bh_group *group, const bh_word *key, int words, __u32 *meta)
{
	__u32 i;

	for (i = 0; i < BH_GROUP_SLOTS; i++) {
		__u32 n = (group->home + i) & (BH_GROUP_SLOTS - 1);
		struct bh_flow_hot *slot = bh_slot_at(group, n, words);

		*meta = bh_load(&slot->meta);
		if (BH_META_ENDS_SEARCH(*meta))
			break;
		if (BH_META_HOLDS_FLOW(*meta) && bh_slot_has_key(slot, key, words))
			return n;
	}
	return BH_NO_SLOT;
}

/* Whether the slot holds the flow that it held when its meta was `before`. */
static __always_inline int bh_store_is_same(struct bh_flow_hot *slot, __u32 before)
{
	return BH_META_VERSION(bh_load(&slot->meta)) == BH_META_VERSION(before);
}

static __always_inline void bh_store_charge(const struct bh_group *group, __u16 owner, int words, __u32 by)
{
	bh_add(&group->usage->flows[owner & (BH_MAX_ENDPOINTS - 1)][words != BH_KEY4_WORDS], by);
}

/* Takes the entry out, if its meta still is `meta`. True: done, by nobody else. */
static __always_inline int bh_store_release(const struct bh_group *group, __u32 n, __u32 meta, int words)
{
	struct bh_flow_hot *slot = bh_slot_at(group, n, words);
	__u16 owner = bh_load(&bh_cold_at(group, n, words)->owner);

	if (!bh_swap_if(&slot->meta, meta, BH_META(BH_META_VERSION(meta) + 1, BH_FLOW_FREE, 0)))
		return 0;
	bh_store_charge(group, owner, words, -1u);
	return 1;
}

/* True: nobody takes the entry away, or holds it, before bh_store_let_go. */
static __always_inline int bh_store_hold(struct bh_flow_hot *slot, __u32 meta)
{
	return !(BH_META_FLAGS(meta) & BH_FLOW_HELD) && bh_swap_if(&slot->meta, meta, meta | BH_META(0, 0, BH_FLOW_HELD));
}

static __always_inline void bh_store_let_go(struct bh_flow_hot *slot)
{
	bh_clear_bits(&slot->meta, BH_META(0, 0, BH_FLOW_HELD));
}

/* Who asks for a slot. */
struct bh_claimant {
	const struct bh_control *control;
	__u32 tick;
	__u16 owner;
	__u8 over_quota;
};

/* How readily an entry gives way: 0 not at all. The age is below. */
enum bh_give { BH_GIVE_NOT = 0, BH_GIVE_ANSWERED = 1, BH_GIVE_UNANSWERED = 2, BH_GIVE_EXPIRED = 3, BH_GIVE_FREE = 4 };

static __always_inline __u32 bh_gives_way(const struct bh_claimant *by, struct bh_flow_hot *slot, __u32 meta, __u8 protocol,
					  __u16 owner)
{
	__u32 state = BH_META_STATE(meta);

	if (!BH_META_HOLDS_FLOW(meta))
		return state == BH_FLOW_BUSY || by->over_quota ? BH_GIVE_NOT : BH_GIVE_FREE;
	if ((BH_META_FLAGS(meta) & BH_FLOW_HELD) || (by->over_quota && owner != by->owner))
		return BH_GIVE_NOT;
	if (bh_flow_expired(meta, bh_load(&slot->last_seen), protocol, by->tick, by->control))
		return BH_GIVE_EXPIRED;
	if (!(BH_META_FLAGS(meta) & BH_FLOW_HEARD))
		return BH_GIVE_UNANSWERED;
	return by->over_quota ? BH_GIVE_ANSWERED : BH_GIVE_NOT;
}

static __always_inline __u8 bh_key_protocol(struct bh_flow_hot *slot, int words)
{
	const __u64 last = bh_load(&bh_slot_key(slot)[words - 1]);

	return (__u8)(last >> 48);
}

/* The slot that gives way most readily, or BH_NO_SLOT. *meta: as it was. A free one is as good as the next. */
static __always_inline __u32 bh_store_choose(const struct bh_group *group, const struct bh_claimant *by, int words, __u32 *meta)
{
	__u64 best = 0;
	__u32 chosen = 0, i;

	for (i = 0; i < BH_GROUP_SLOTS; i++) {
		__u32 n = (group->home + i) & (BH_GROUP_SLOTS - 1);
		struct bh_flow_hot *slot = bh_slot_at(group, n, words);
		__u32 seen = bh_load(&slot->meta);
		__u16 owner = by->over_quota ? bh_load(&bh_cold_at(group, n, words)->owner) : 0;
		__u32 gives = bh_gives_way(by, slot, seen, bh_key_protocol(slot, words), owner);
		__u64 rank = (__u64)gives << 32 | (__u32)(by->tick - bh_load(&slot->last_seen));

		if (rank >> 32 != BH_GIVE_NOT && rank > best) {
			chosen = n;
			best = rank;
			*meta = seen;
			if (gives == BH_GIVE_FREE)
				break;
		}
		best ^= group->zero; /* so that the verifier forgets what it was compared with */
		chosen ^= (__u32)group->zero;
	}
	return best == 0 ? BH_NO_SLOT : chosen;
}

/* Makes the slot BUSY, if its meta still is `meta`: then it is the caller's to fill. */
static __always_inline int bh_store_claim(const struct bh_group *group, __u32 n, __u32 meta, int words)
{
	struct bh_flow_hot *slot = bh_slot_at(group, n, words);
	__u16 owner = bh_load(&bh_cold_at(group, n, words)->owner);

	if (!bh_swap_if(&slot->meta, meta, BH_META((BH_META_VERSION(meta) + 1) & ~1u, BH_FLOW_BUSY, 0)))
		return 0;
	if (BH_META_HOLDS_FLOW(meta))
		bh_store_charge(group, owner, words, -1u);
	return 1;
}

/* Fills a slot that was claimed when its meta was `meta`, and publishes it. flow->hot.meta: state and flags. */
static __always_inline void bh_store_publish(const struct bh_group *group, __u32 n, __u32 meta, const bh_word *key, int words,
					     const struct bh_flow *flow)
{
	struct bh_flow_hot *slot = bh_slot_at(group, n, words);
	bh_word *to = (bh_word *)slot, *cold = (bh_word *)bh_cold_at(group, n, words);
	const bh_word *hot = (const bh_word *)&flow->hot, *from = (const bh_word *)&flow->cold;
	__u32 version = ((BH_META_VERSION(meta) + 1) & ~1u) + 1;
	__u32 next = BH_META(version, BH_META_STATE(flow->hot.meta), BH_META_FLAGS(flow->hot.meta));
	unsigned int i;

	bh_store(&slot->stamp, flow->hot.stamp);
#pragma GCC unroll 8
	for (i = 1; i < sizeof(flow->hot) / 8; i++)
		bh_store(&to[i], hot[i]);
#pragma GCC unroll 8
	for (i = 0; i < sizeof(flow->cold) / 8; i++)
		bh_store(&cold[i], from[i]);
#pragma GCC unroll 5
	for (i = 0; i < (unsigned int)words; i++)
		bh_store(&bh_slot_key(slot)[i], key[i]);
	bh_store(&bh_slot_macs(slot, words)->of[0], flow->macs.of[0]);
	bh_store(&bh_slot_macs(slot, words)->of[1], flow->macs.of[1]);
	bh_store_charge(group, flow->cold.owner, words, 1);
	bh_exchange(&slot->meta, next);
}

/* After a publication into slot `mine`: a slot before it that ends searches was tidied up while it was claimed, and no longer does. */
static __always_inline void bh_store_clear_way(const struct bh_group *group, __u32 mine, int words)
{
	__u32 i;

	for (i = 0; i < BH_GROUP_SLOTS; i++) {
		__u32 n = (group->home + i) & (BH_GROUP_SLOTS - 1);
		struct bh_flow_hot *slot = bh_slot_at(group, n, words);
		__u32 meta = bh_load(&slot->meta);

		if (n == mine)
			break;
		if (BH_META_ENDS_SEARCH(meta))
			(void)bh_swap_if(&slot->meta, meta, BH_META(meta, BH_FLOW_FREE, 0));
	}
}

#define BH_LOCK_TRIES 1024

/* True: the caller has the lock, and must give it back. */
static __always_inline int bh_store_lock(__u32 *lock)
{
	int i;

	for (i = 0; i < BH_LOCK_TRIES; i++) {
		if (bh_load(lock) == 0 && bh_swap_if(lock, 0u, 1u))
			return 1;
	}
	return 0;
}

static __always_inline void bh_store_unlock(__u32 *lock)
{
	bh_exchange(lock, 0u);
}

/* Lets free slots end searches that nothing lies behind. When a slot behind is taken meanwhile, one of the two sees it: this
 * function, or bh_store_clear_way(). */
static __always_inline void bh_store_tidy(const struct bh_group *group, int words)
{
	__u32 i;

	for (i = 2 * BH_GROUP_SLOTS; i > 0; i--) { /* twice around, backwards */
		struct bh_flow_hot *slot = bh_slot_at(group, i - 1, words), *behind = bh_slot_at(group, i, words);
		__u32 meta = bh_load(&slot->meta), ends = BH_META(BH_META_VERSION(meta), 0, 0);

		if (BH_META_HOLDS_FLOW(meta) || BH_META_STATE(meta) != BH_FLOW_FREE || !BH_META_ENDS_SEARCH(bh_load(&behind->meta)))
			continue;
		if (bh_swap_if(&slot->meta, meta, ends) && !BH_META_ENDS_SEARCH(bh_load(&behind->meta)))
			bh_swap_if(&slot->meta, ends, meta);
	}
}

#endif /* BULKHEAD_BPF_FLOW_STORE_H_ */
