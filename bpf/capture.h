/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Hands the first bytes of packets to a capture (abi/capture.h). The slow programs alone do: while a capture wants packets that pass,
 * the others send them all there. */
#ifndef BULKHEAD_BPF_CAPTURE_H_
#define BULKHEAD_BPF_CAPTURE_H_

#include "bpf/capture_note.h"
#include "bpf/context.h"
#include "bpf/export.h"

static __always_inline int bh_capture_names(__u32 kind, __u32 number)
{
	struct bh_captured_key key = {.kind = kind, .number = number};

	return number != 0 && bpf_map_lookup_elem(&bh_captured, &key);
}

static __noinline int bh_capture_wants(const struct bh_context *c, const struct bh_judgement *j)
{
	__u32 ifindex = c->ifindex;
	const __u32 *slot = bpf_map_lookup_elem(&bh_ports, &ifindex);

	if (slot && bh_capture_names(BH_CAPTURED_SLOT, *slot))
		return 1;
	if (j->verdict != BH_DENY)
		return 0; /* it meets the other end's hook, too */
	return bh_capture_names(BH_CAPTURED_SLOT, j->opener.slot) || bh_capture_names(BH_CAPTURED_SLOT, j->responder.slot) ||
	       bh_capture_names(BH_CAPTURED_IDENTITY, j->source_identity) ||
	       bh_capture_names(BH_CAPTURED_IDENTITY, j->destination_identity);
}

static __always_inline int bh_capture_may(const struct bh_context *c, const struct bh_capture *capture, struct bh_capture_note *note)
{
	if (note->tick != c->tick) {
		note->tick = c->tick;
		note->used = 0;
	}
	if (note->used >= capture->per_tick)
		return 0;
	note->used++;
	return 1;
}

static __always_inline void bh_capture_take(struct __sk_buff *skb, const struct bh_context *c, struct bh_capture_note *note)
{
	struct bh_capture_packet *packet = bpf_ringbuf_reserve(&bh_captures, sizeof(*packet), 0);
	__u32 length = c->frame.length;

	if (!packet) {
		bh_count(BH_COUNTER_CAPTURES_LOST);
		return;
	}
	bh_fill_event(c, &note->judgement, &packet->event);
	__builtin_memset(packet->data, 0, sizeof(packet->data));
	if (length > BH_CAPTURE_BYTES)
		length = BH_CAPTURE_BYTES;
	if (length > 0) {
		__u64 bytes = length;

		/* 1..128 in a way that the verifier of Linux 6.1 can see. */
		asm volatile("" : "+r"(bytes));
		bytes = ((bytes - 1) & (BH_CAPTURE_BYTES - 1)) + 1;
		bpf_skb_load_bytes(skb, 0, packet->data, (__u32)bytes);
	}
	packet->captured = length;
	packet->reserved = 0;
	bpf_ringbuf_submit(packet, BPF_RB_NO_WAKEUP);
}

/* The packet at hand has met its verdict. */
static __noinline int bh_capture_packet(struct __sk_buff *skb, const struct bh_context *c)
{
	__u32 zero = 0;
	const struct bh_capture *capture = bpf_map_lookup_elem(&bh_capture, &zero);
	struct bh_capture_note *note = bh_capture_note_here();

	if (!capture || !note)
		return 0;
	if (!note->judged)
		__builtin_memset(&note->judgement, 0, sizeof(note->judgement)); /* BH_ALLOW */
	if (!(capture->verdicts >> (note->judgement.verdict & 3) & 1) || !bh_capture_wants(c, &note->judgement))
		return 0;
	if (!bh_capture_may(c, capture, note)) {
		bh_count(BH_COUNTER_CAPTURES_LOST);
		return 0;
	}
	bh_capture_take(skb, c, note);
	return 0;
}

#endif /* BULKHEAD_BPF_CAPTURE_H_ */
