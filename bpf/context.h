/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* One packet at one hook: all that the classifier knows, whatever kind of program runs it. */
#ifndef BULKHEAD_BPF_CONTEXT_H_
#define BULKHEAD_BPF_CONTEXT_H_

#include "bpf/maps.h"
#include "bpf/parse/packet.h"

enum bh_action { BH_PASS = 0, BH_DROP = 1 };

#define BH_SOME_INTERFACE 0xffffffffu

struct bh_context {
	struct bh_frame frame;
	const struct bh_control *control;
	const struct bh_endpoint *endpoint; /* whose hook this is; 0: nobody's */
	struct bh_scratch_room *room;
	__u64 hook; /* enum bh_hook; wide and in front, so that the verifier sees a constant */
	__u32 ifindex;
	__u32 ingress_ifindex; /* 0: the host made the packet; BH_SOME_INTERFACE: the kernel does not know any more where it came in */
	__u32 stamp;
	__u32 tick;
	__u32 side; /* of the flow's key: who sent the packet */
	__u32 old_meta; /* of the tuple's entry, whatever it is worth; 0: there is none */
	__u32 arrivals; /* of the control block, read before any table */
	__u32 fast; /* established at ingress: the interface whose other end may have the packet at once, or 0 */
	__u16 zone;
	__u16 tag;  /* egress: the provenance that the packet carries. ingress: the provenance to give it */
	__u16 slot; /* of the endpoint */
	__u16 recorded_tag; /* with known: what the entry has as provenance of the side that is not the endpoint's */
	__u16 service_port; /* with known: host order */
	__u8 policy_slot; /* the active one */
	__u8 known;  /* the tuple has an entry that the packet belongs to, but it must be judged again */
	__u8 answer; /* with known, and when it passed as established: the packet goes from responder to opener */
	__u8 missed; /* the quick path has just seen that the tuple has no entry */
	__u8 strange; /* with known: an answer of another provenance than the answers before */
	struct bh_packet packet __attribute__((aligned(8)));
};

/* Makes the verifier forget what it worked out about the numbers at `what`, by adding a zero that it does not know. Without this it
 * would follow everything behind the parser once for each way through it, and so on. bytes: a multiple of 8; what: aligned to 8. */
static __always_inline void bh_forget(const struct bh_context *c, void *what, unsigned int bytes)
{
	__u64 zero = (__u64)c->frame.zero << 32 | c->frame.zero;
	__u64 *word = (__u64 *)what;
	unsigned int i;

#pragma GCC unroll 32
	for (i = 0; i < bytes / sizeof(*word); i++)
		word[i] |= zero;
}

/* The same for all that is known of the packet at hand. */
static __always_inline void bh_forget_context(struct bh_context *c)
{
	const unsigned int first = __builtin_offsetof(struct bh_context, ifindex);

	BH_ASSERT(__builtin_offsetof(struct bh_context, ifindex) % 8 == 0, "numbers of struct bh_context");
	BH_ASSERT(sizeof(struct bh_context) % 8 == 0, "numbers of struct bh_context");
	bh_forget(c, (__u8 *)c + first, sizeof(*c) - first);
}

/* Reads the stamp first of all. c: zeroed by the caller, who then fills in the frame and what the kernel knows of it. False: no
 * control block; cannot be. */
static __always_inline int bh_start(struct bh_context *c, __u8 hook, __u16 zone)
{
	__u32 first = 0;
	const struct bh_control *control = bpf_map_lookup_elem(&bh_control, &first);

	if (!control)
		return 0;
	c->control = control;
	c->stamp = *(const volatile __u32 *)&control->stamp;
	c->arrivals = *(const volatile __u32 *)&control->arrivals;
	c->policy_slot = BH_STAMP_SLOT(c->stamp);
	c->tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);
	c->hook = hook;
	c->zone = zone;
	c->frame.zero = control->zero;
	return 1;
}

/* Indexes into the tables that stand by policy slot, of the active policy, and by family. */
static __always_inline __u32 bh_active_slot(const struct bh_context *c)
{
	return c->policy_slot & 1;
}

static __always_inline __u32 bh_family_index(const struct bh_context *c)
{
	return c->packet.family == BH_V6;
}

/* The frame's MAC addresses, or 0 when they are not at hand. */
static __always_inline const __u8 *bh_destination_mac(const struct bh_context *c)
{
	const __u8 *at = c->frame.data;

	return at + BH_ETHERNET_BYTES > c->frame.end ? 0 : at;
}

static __always_inline const __u8 *bh_source_mac(const struct bh_context *c)
{
	const __u8 *at = c->frame.data;

	return at + BH_ETHERNET_BYTES > c->frame.end ? 0 : at + 6;
}

#endif /* BULKHEAD_BPF_CONTEXT_H_ */
