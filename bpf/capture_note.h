/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* While a capture runs: what was said of the packet at hand, kept until its bytes can be taken (capture.h). */
#ifndef BULKHEAD_BPF_CAPTURE_NOTE_H_
#define BULKHEAD_BPF_CAPTURE_NOTE_H_

#include "bpf/context.h"
#include "bpf/policy.h"

/* Map bh_capture_notes: per-CPU array of 1. */
struct bh_capture_note {
	struct bh_judgement judgement;
	__u32 judged; /* the judgement is of the packet at hand */
	__u32 tick;   /* of `used` */
	__u32 used;
	__u32 reserved;
};
BH_PERCPU_MAP(bh_capture_notes, struct bh_capture_note, 1);

static __always_inline int bh_is_capturing(const struct bh_context *c)
{
	return bh_unlikely(*(const volatile __u32 *)&c->control->flags & BH_CONTROL_CAPTURE);
}

static __always_inline struct bh_capture_note *bh_capture_note_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&bh_capture_notes, &zero);
}

static __always_inline void bh_capture_begin(const struct bh_context *c)
{
	struct bh_capture_note *note = bh_is_capturing(c) ? bh_capture_note_here() : 0;

	if (note)
		note->judged = 0;
}

static __always_inline void bh_capture_judged(const struct bh_context *c, const struct bh_judgement *j)
{
	struct bh_capture_note *note = bh_is_capturing(c) ? bh_capture_note_here() : 0;

	if (!note)
		return;
	note->judgement = *j;
	note->judged = 1;
}

#endif /* BULKHEAD_BPF_CAPTURE_NOTE_H_ */
