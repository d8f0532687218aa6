/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Copies DNS answers for user space, rate-limited: UDP from port 53 that is delivered to a workload and that an entry vouches for as the
 * answer to what the workload sent. The quick path leaves such packets to the slow program once their entry is found (quick.h), and their
 * flows are never fit for the short way past this hook (fast_path.h). */
#ifndef BULKHEAD_BPF_DNS_H_
#define BULKHEAD_BPF_DNS_H_

#include "bpf/context.h"
#include "bpf/export.h"
#include "bpf/parse/l4.h"

#define BH_UDP_BYTES 8

/* Of a packet that has passed. */
static __always_inline int bh_is_dns_answer(const struct bh_context *c)
{
	return c->answer && !c->known && c->packet.protocol == BH_UDP && c->packet.source_port == bpf_htons(BH_DNS_PORT) &&
	       c->packet.fragment == BH_FRAGMENT_NONE;
}

static __noinline int bh_take_dns_answer(struct __sk_buff *skb, const struct bh_context *c)
{
	__u32 begin = c->packet.transport + BH_UDP_BYTES, end = c->packet.limit;
	struct bh_dns_answer *answer;
	__u64 bytes;

	if (begin >= end)
		return 0;
	answer = bh_may(c, BH_LIMITED_DNS) ? bpf_ringbuf_reserve(&bh_dns_answers, sizeof(*answer), 0) : 0;
	if (!answer) {
		bh_count(BH_COUNTER_DNS_LOST);
		return 0;
	}
	answer->time = bpf_ktime_get_ns();
	answer->ifindex = c->ifindex;
	answer->length = end - begin;
	bh_copy(answer->server, c->packet.source, 16);
	answer->family = c->packet.family;
	answer->reserved = 0;
	bytes = answer->length > BH_DNS_BYTES ? BH_DNS_BYTES : answer->length;
	/* 1..1024 in a way that the verifier of Linux 6.1 can see. */
	asm volatile("" : "+r"(bytes));
	bytes = ((bytes - 1) & (BH_DNS_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(skb, begin, answer->data, (__u32)bytes)) {
		bpf_ringbuf_discard(answer, BPF_RB_NO_WAKEUP);
		return 0;
	}
	bpf_ringbuf_submit(answer, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif /* BULKHEAD_BPF_DNS_H_ */
