/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The compiled policy: (source subject, destination subject, protocol, service port) -> verdict and the rules of both sides, by
 * the tables of one policy slot. */
#ifndef BULKHEAD_BPF_POLICY_H_
#define BULKHEAD_BPF_POLICY_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/interval.h"
#include "bpf/judgement.h"

static __always_inline const struct bh_policy *bh_policy_in(__u32 slot)
{
	return bpf_map_lookup_elem(&bh_policy, &slot);
}

static __always_inline const struct bh_subject *bh_subject_of(__u32 slot, __u32 subject)
{
	__u32 index = slot * BH_MAX_SUBJECTS + subject;

	return subject < BH_MAX_SUBJECTS ? bpf_map_lookup_elem(&bh_subjects, &index) : 0;
}

/* What cannot be looked up enforces: a table that must have an entry had none. */
static __always_inline int bh_subject_enforces(const struct bh_context *c, __u32 subject)
{
	const struct bh_subject *found = bh_subject_of(bh_active_slot(c), subject);

	return !found || found->mode == BH_MODE_ENFORCE;
}

static __always_inline int bh_global_enforces(const struct bh_context *c)
{
	const struct bh_policy *policy = bh_policy_in(bh_active_slot(c));

	return !policy || policy->global_mode == BH_MODE_ENFORCE;
}

static __always_inline const struct bh_interval *bh_interval_of(__u32 index)
{
	return bpf_map_lookup_elem(&bh_intervals, &index);
}

/* The ruleset of a cell, or 0. */
static __always_inline const struct bh_ruleset *bh_ruleset_of(__u32 slot, __u32 cell)
{
	__u32 index = (slot * BH_MAX_CELLS + cell) / BH_CELLS_PER_LINE;
	const struct bh_matrix_line *line = bpf_map_lookup_elem(&bh_matrix, &index);

	if (!line)
		return 0;
	index = line->cell[cell % BH_CELLS_PER_LINE];
	if (index >= BH_MAX_RULESETS)
		return 0;
	index += slot * BH_MAX_RULESETS;
	return bpf_map_lookup_elem(&bh_rulesets, &index);
}

/* What one side says: enum bh_side below, the rule above. */
#define BH_ANSWER(side, rule) ((__u64)(rule) << 8 | (side))
#define BH_ANSWER_SIDE(answer) ((__u32)(answer)&0xff)
#define BH_ANSWER_RULE(answer) ((__u32)((answer) >> 8))
#define BH_NO_ANSWER BH_ANSWER(0xff, 0) /* a table had no entry */

/* What the cell's ruleset says of (protocol, port). Not static, and of numbers alone: so the verifier looks at the search once,
 * whoever asks and however often (kernel 5.6, "bpf: Introduce function-by-function verification"). */
__noinline __u64 bh_ask_cell(__u32 slot, __u64 cell, __u32 protocol, __u32 port)
{
	const struct bh_ruleset *ruleset;
	const struct bh_interval *interval;

	if (slot >= BH_POLICY_SLOTS || cell >= BH_MAX_CELLS)
		return BH_NO_ANSWER;
	ruleset = bh_ruleset_of(slot, (__u32)cell);
	if (!ruleset)
		return BH_NO_ANSWER;
	interval = bh_interval_search(bh_interval_of, slot * BH_MAX_INTERVALS + ruleset->first, ruleset->count, (__u8)protocol,
				      (__u16)port);
	return interval ? BH_ANSWER(interval->verdict, interval->rule) : BH_ANSWER(ruleset->verdict, ruleset->rule);
}

/* What `own` says of a peer of that class, in that direction. */
static __always_inline __u64 bh_ask_side(const struct bh_context *c, __u32 slot, const struct bh_subject *own, __u16 peer_class,
					 __u32 direction, __u16 port)
{
	__u8 protocol = c->packet.protocol == BH_ICMP6 ? BH_ICMP : c->packet.protocol;
	const struct bh_policy *policy = bh_policy_in(slot);

	if (!policy)
		return BH_NO_ANSWER;
	if (own->row == BH_NO_ROW) /* judged elsewhere, or by nobody */
		return BH_ANSWER(BH_SIDE_ALLOWS, policy->default_rule);
	return bh_ask_cell(slot, ((__u64)own->row * 2 + direction) * policy->stride + peer_class, protocol, port);
}

static __always_inline void bh_denied_for(struct bh_judgement *j, __u8 verdict, __u8 reason)
{
	j->verdict = verdict;
	j->reason = reason;
}

/* Asks both sides. Changes nothing when a table has no entry. */
static __always_inline void bh_ask_both(const struct bh_context *c, __u32 slot, struct bh_judgement *j,
					const struct bh_subject *source, const struct bh_subject *destination)
{
	__u64 egress = bh_ask_side(c, slot, source, destination->class_id, BH_EGRESS, j->service_port);
	__u64 ingress = bh_ask_side(c, slot, destination, source->class_id, BH_INGRESS, j->service_port);
	__u32 source_says = BH_ANSWER_SIDE(egress);
	__u32 destination_says = BH_ANSWER_SIDE(ingress);

	if (egress == BH_NO_ANSWER || ingress == BH_NO_ANSWER)
		return;
	j->source_rule = BH_ANSWER_RULE(egress);
	j->destination_rule = BH_ANSWER_RULE(ingress);
	if (source_says != BH_SIDE_ALLOWS)
		j->opener.flags |= BH_PARTY_DENIES;
	if (destination_says != BH_SIDE_ALLOWS)
		j->responder.flags |= BH_PARTY_DENIES;
	if ((source_says == BH_SIDE_DENIES && source->mode == BH_MODE_ENFORCE) ||
	    (destination_says == BH_SIDE_DENIES && destination->mode == BH_MODE_ENFORCE))
		bh_denied_for(j, BH_DENY, BH_REASON_POLICY);
	else if (source_says != BH_SIDE_ALLOWS || destination_says != BH_SIDE_ALLOWS)
		bh_denied_for(j, BH_WOULD_DENY, BH_REASON_POLICY);
	else
		bh_denied_for(j, BH_ALLOW, BH_REASON_NONE);
}

/* Fills in identities, rules, verdict and reason of j, whose parties and service port are set, by the policy of that slot. */
static __noinline int bh_apply_policy(const struct bh_context *c, struct bh_judgement *j, __u32 slot)
{
	const struct bh_subject *source, *destination;
	const struct bh_policy *policy;

	slot = slot < BH_POLICY_SLOTS ? slot : 0;
	source = bh_subject_of(slot, slot == BH_SLOT_STAGED ? j->opener.staged : j->opener.subject);
	destination = bh_subject_of(slot, slot == BH_SLOT_STAGED ? j->responder.staged : j->responder.subject);
	policy = bh_policy_in(slot);
	bh_denied_for(j, BH_DENY, BH_REASON_INTERNAL);
	j->source_rule = 0;
	j->destination_rule = 0;
	if (!source || !destination || !policy)
		return 0;
	j->source_identity = source->identity;
	j->destination_identity = destination->identity;
	if (j->opener.flags & j->responder.flags & BH_PARTY_OWN) {
		j->source_rule = j->destination_rule = policy->self_rule;
		bh_denied_for(j, BH_ALLOW, BH_REASON_NONE);
		return 0;
	}
	bh_ask_both(c, slot, j, source, destination);
	return 0;
}

#endif /* BULKHEAD_BPF_POLICY_H_ */
