/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The established path: one look at one entry. Nothing else is looked up, whoever the ends are. */
#ifndef BULKHEAD_BPF_ESTABLISHED_H_
#define BULKHEAD_BPF_ESTABLISHED_H_

#include "bpf/context.h"
#include "bpf/fast_path.h"
#include "bpf/flow_table.h"

/* Nobody can know yet what provenance the answers of a responder have that is not in this zone: the first one tells. */
static __always_inline int bh_is_first_answer(const struct bh_flow_hot *hot, __u32 meta, __u32 side)
{
	return bh_load(&hot->ifindex[side & 1]) == 0 && side != bh_flow_opener(meta) && BH_META_STATE(meta) == BH_FLOW_UNANSWERED;
}

/* True when the entry vouches for the packet at this hook. */
static __always_inline int bh_entry_holds(const struct bh_context *c, const struct bh_flow_ref *ref)
{
	const struct bh_flow_hot *hot = ref->hot;
	__u32 side = ref->side & 1;

	if (bh_load(&hot->stamp) != c->stamp)
		return 0;
	if (c->hook == BH_HOOK_INGRESS) {
		const __u8 *mac = bh_source_mac(c);

		return bh_load(&hot->ifindex[side]) == c->ifindex && mac && bh_mac_is_of(bh_load(&ref->macs->of[side]), mac);
	}
	return bh_load(&hot->ifindex[1 - side]) == c->ifindex &&
	       (bh_load(&hot->slot[side]) == c->tag || (c->tag != BH_TAG_REFUSED && bh_is_first_answer(hot, ref->meta, side)));
}

/* What judging again needs to know of the entry. Answers from an address that is nobody's in this zone all have the provenance of the
 * first, once there was one, unless their server was replaced. */
static __always_inline void bh_note_entry(struct bh_context *c, const struct bh_flow_ref *ref)
{
	const struct bh_flow_hot *hot = ref->hot;
	__u32 side = ref->side & 1;
	__u32 far = c->hook == BH_HOOK_INGRESS ? 1 - side : side;

	c->known = 1;
	c->answer = side != bh_flow_opener(ref->meta);
	c->recorded_tag = hot->slot[far];
	c->service_port = ref->cold->service_port;
	c->strange = c->hook == BH_HOOK_EGRESS && c->answer && hot->ifindex[side] == 0 &&
		     BH_META_STATE(ref->meta) != BH_FLOW_UNANSWERED &&
		     !((BH_META_FLAGS(ref->meta) & BH_FLOW_MIDSTREAM) && hot->slot[side] == 0) && c->tag != 0 && c->tag != hot->slot[side];
}

/* True when the packet passes by its entry: counted, and c->tag is the provenance to give it, c->fast where it may go at once. Else
 * c->known tells whether there is an entry to judge again. */
static __noinline int bh_established(struct bh_context *c)
{
	struct bh_packet *packet = &c->packet;
	struct bh_flow_ref ref;
	__u16 provenance;
	int found;

	c->old_meta = 0;
	if (bh_unlikely(packet->reason | packet->kind | (packet->flags & BH_PACKET_GROUP)))
		return 0;
	found = bh_flow_find(c, packet, &ref);
	c->side = ref.side;
	if (!found)
		return 0;
	c->old_meta = ref.meta;
	if (bh_flow_expired(ref.meta, bh_load(&ref.hot->last_seen), packet->protocol, c->tick, c->control) ||
	    bh_flow_reopens(ref.meta, packet, ref.side))
		return 0;
	if (!bh_entry_holds(c, &ref)) {
		bh_note_entry(c, &ref);
		return 0;
	}
	/* All is read of the entry before it is clear whether it still is the same. */
	provenance = bh_load(&ref.hot->slot[ref.side & 1]);
	if (c->hook == BH_HOOK_INGRESS)
		c->fast = bh_fast_way_of(c, &ref);
	if (bh_flow_counts(c, ref.hot, ref.side) ? !bh_flow_count(c, &ref) : !bh_flow_is_same(&ref)) {
		c->old_meta = 0;
		c->fast = 0;
		return 0;
	}
	if (c->hook == BH_HOOK_INGRESS)
		c->tag = provenance;
	c->answer = (ref.side & 1) != bh_flow_opener(ref.meta);
	return 1;
}

#endif /* BULKHEAD_BPF_ESTABLISHED_H_ */
