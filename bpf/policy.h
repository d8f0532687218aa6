/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The compiled policy: (source subject, destination subject, protocol, service port) -> verdict and the rules of both sides. */
#ifndef BULKHEAD_BPF_POLICY_H_
#define BULKHEAD_BPF_POLICY_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/interval.h"

/* What was judged, and how. Everything is in the flow's own direction: opener and source are one, responder and destination too,
 * even when the packet at hand goes the other way (reversed). */
struct bh_judgement {
	struct bh_party opener;
	struct bh_party responder;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_rule;
	__u32 destination_rule;
	__u16 service_port; /* host order */
	__u8 verdict;       /* enum bh_verdict */
	__u8 reason;        /* enum bh_reason, for a verdict that is not BH_ALLOW */
	__u8 reversed;
	__u8 outside; /* enum bh_outside */
	__u8 midstream;
	__u8 reserved;
} __attribute__((aligned(8)));
BH_SIZE(struct bh_judgement, 56);

static __always_inline const struct bh_policy *bh_policy_now(const struct bh_context *c)
{
	__u32 slot = c->policy_slot & 1;

	return bpf_map_lookup_elem(&bh_policy, &slot);
}

static __always_inline const struct bh_subject *bh_subject_of(const struct bh_context *c, __u32 subject)
{
	__u32 index = c->policy_slot * BH_MAX_SUBJECTS + subject;

	return subject < BH_MAX_SUBJECTS ? bpf_map_lookup_elem(&bh_subjects, &index) : 0;
}

/* What cannot be looked up enforces: a table that must have an entry had none. */
static __always_inline int bh_subject_enforces(const struct bh_context *c, __u32 subject)
{
	const struct bh_subject *found = bh_subject_of(c, subject);

	return !found || found->mode == BH_MODE_ENFORCE;
}

static __always_inline int bh_global_enforces(const struct bh_context *c)
{
	const struct bh_policy *policy = bh_policy_now(c);

	return !policy || policy->global_mode == BH_MODE_ENFORCE;
}

static __always_inline const struct bh_interval *bh_interval_of(__u32 index)
{
	return bpf_map_lookup_elem(&bh_intervals, &index);
}

/* The ruleset of a pair of subjects; 0: a table had no entry. Only for a pair of which at least one has a row. */
static __always_inline const struct bh_ruleset *bh_ruleset_of(const struct bh_context *c, const struct bh_subject *source,
							      const struct bh_subject *destination)
{
	const struct bh_policy *policy = bh_policy_now(c);
	const struct bh_matrix_line *line;
	__u32 cell, index;

	if (!policy)
		return 0;
	if (source->row != BH_NO_ROW)
		cell = source->row * policy->stride + destination->class_id;
	else
		cell = policy->ingress + destination->row * policy->stride + source->class_id;
	if (cell >= BH_MAX_CELLS)
		return 0;
	index = (c->policy_slot * BH_MAX_CELLS + cell) / BH_CELLS_PER_LINE;
	line = bpf_map_lookup_elem(&bh_matrix, &index);
	if (!line)
		return 0;
	index = line->cell[cell % BH_CELLS_PER_LINE];
	if (index >= BH_MAX_RULESETS)
		return 0;
	index += c->policy_slot * BH_MAX_RULESETS;
	return bpf_map_lookup_elem(&bh_rulesets, &index);
}

static __always_inline void bh_denied_for(struct bh_judgement *j, __u8 verdict, __u8 reason)
{
	j->verdict = verdict;
	j->reason = reason;
}

/* Who denies, and the rules of both sides, by the ruleset's interval that holds the protocol and port. */
static __always_inline __u8 bh_apply_ruleset(const struct bh_context *c, const struct bh_ruleset *ruleset, struct bh_judgement *j)
{
	__u8 protocol = c->packet.protocol == BH_ICMP6 ? BH_ICMP : c->packet.protocol;
	__u32 first = c->policy_slot * BH_MAX_INTERVALS + ruleset->first;
	const struct bh_interval *interval = bh_interval_search(bh_interval_of, first, ruleset->count, protocol, j->service_port);

	j->source_rule = interval ? interval->source_rule : ruleset->source_rule;
	j->destination_rule = interval ? interval->destination_rule : ruleset->destination_rule;
	return interval ? interval->verdicts : ruleset->verdicts;
}

/* Fills in identities, rules, verdict and reason of j, whose parties and service port are set. considered: the sides whose denial
 * counts here (BH_SOURCE_DENIES | BH_DESTINATION_DENIES). */
static __noinline int bh_apply_policy(const struct bh_context *c, struct bh_judgement *j, __u8 considered)
{
	const struct bh_subject *source = bh_subject_of(c, j->opener.subject);
	const struct bh_subject *destination = bh_subject_of(c, j->responder.subject);
	const struct bh_policy *policy = bh_policy_now(c);
	const struct bh_ruleset *ruleset;
	__u8 denies;

	bh_denied_for(j, BH_DENY, BH_REASON_INTERNAL);
	j->source_rule = 0;
	j->destination_rule = 0;
	if (!source || !destination || !policy)
		return 0;
	j->source_identity = source->identity;
	j->destination_identity = destination->identity;
	if (j->opener.workload != 0 && j->opener.workload == j->responder.workload) {
		j->source_rule = j->destination_rule = policy->self_rule;
		bh_denied_for(j, BH_ALLOW, BH_REASON_NONE);
		return 0;
	}
	if (source->row == BH_NO_ROW && destination->row == BH_NO_ROW) {
		bh_denied_for(j, BH_ALLOW, BH_REASON_NONE); /* neither lives here: nobody's policy is concerned */
		return 0;
	}
	ruleset = bh_ruleset_of(c, source, destination);
	if (!ruleset)
		return 0;
	denies = bh_apply_ruleset(c, ruleset, j) & considered;
	if (denies == 0)
		bh_denied_for(j, BH_ALLOW, BH_REASON_NONE);
	else if (((denies & BH_SOURCE_DENIES) && source->mode == BH_MODE_ENFORCE) ||
		 ((denies & BH_DESTINATION_DENIES) && destination->mode == BH_MODE_ENFORCE))
		bh_denied_for(j, BH_DENY, BH_REASON_POLICY);
	else
		bh_denied_for(j, BH_WOULD_DENY, BH_REASON_POLICY);
	return 0;
}

#endif /* BULKHEAD_BPF_POLICY_H_ */
