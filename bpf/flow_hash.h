/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Where in the flow table a tuple belongs. The hash is multilinear over 32-bit words, with a secret of 64-bit words: whatever two
 * keys somebody picks who does not know it, they meet with a chance of 2^-32 (Lemire and Kaser, "Strongly universal string hashing is
 * fast", 2014, section 2). Its multiplications do not wait for each other. */
#ifndef BULKHEAD_BPF_FLOW_HASH_H_
#define BULKHEAD_BPF_FLOW_HASH_H_

#include "bpf/host_shim.h"
#include "bulkhead/abi/config.h"
#include "bulkhead/abi/flow.h"

/* A key as 64-bit words: its size and alignment. */
#define BH_KEY4_WORDS 2
#define BH_KEY6_WORDS 5

BH_ASSERT(2 * BH_KEY6_WORDS + 1 == BH_SECRET_WORDS, "a secret word for each half, and one");

/* Keys are hashed, compared and copied as words. */
typedef __u64 __attribute__((may_alias)) bh_word;

struct bh_place {
	__u32 group;
	__u32 home; /* slot in the group, 0..BH_GROUP_SLOTS-1 */
};

static __always_inline struct bh_place bh_place_of(const bh_word *key, int words, const struct bh_control *control)
{
	const __u64 *secret = control->secret;
	__u32 mask = control->group_mask[words != BH_KEY4_WORDS];
	__u64 sum = secret[2 * words];
	struct bh_place place;
	__u32 hash;
	int i;

#pragma GCC unroll 5
	for (i = 0; i < words; i++)
		sum += secret[2 * i] * (__u32)key[i] + secret[2 * i + 1] * (key[i] >> 32);
	hash = (__u32)(sum >> 32);
	bh_keep(hash);
	place.group = hash & mask;
	place.home = hash >> 28;
	bh_keep(place.home);
	return place;
}

#endif /* BULKHEAD_BPF_FLOW_HASH_H_ */
