/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Denials that are no policy's: malformed, spoofed, to the wrong port. The modes of the sides that are known decide what they do. */
#ifndef BULKHEAD_BPF_REFUSE_H_
#define BULKHEAD_BPF_REFUSE_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/export.h"
#include "bpf/policy.h"

static __always_inline int bh_refusal_enforces(const struct bh_context *c)
{
	const struct bh_endpoint *sender = c->hook == BH_HOOK_EGRESS ? bh_endpoint_of(c->tag) : 0;
	int known = 0;

	if (bh_is_bound(c->endpoint)) {
		known = 1;
		if (bh_subject_enforces(c, bh_endpoint_subject(c, c->endpoint)))
			return 1;
	}
	if (bh_is_bound(sender)) {
		known = 1;
		if (bh_subject_enforces(c, bh_endpoint_subject(c, sender)))
			return 1;
	}
	return known ? 0 : bh_global_enforces(c);
}

/* Counts and reports the packet, identities unknown. j: overwritten. Returns enum bh_action. */
static __noinline int bh_refuse(const struct bh_context *c, struct bh_judgement *j, __u8 reason)
{
	__builtin_memset(j, 0, sizeof(*j));
	j->opener.slot = c->hook == BH_HOOK_INGRESS ? c->slot : c->tag;
	j->responder.slot = c->hook == BH_HOOK_INGRESS ? 0 : c->slot;
	j->verdict = bh_refusal_enforces(c) ? BH_DENY : BH_WOULD_DENY;
	j->reason = reason;
	bh_report(c, j);
	return j->verdict == BH_DENY ? BH_DROP : BH_PASS;
}

#endif /* BULKHEAD_BPF_REFUSE_H_ */
