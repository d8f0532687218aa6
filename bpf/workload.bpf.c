/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entry points of a workload endpoint's hooks, on the host side of its interface; the rules stand in bpf/verdict.h.
 *
 * bh_ingress and bh_egress are loaded once for each zone, which they know without a look-up, and do no more than the established path.
 * The rest is a tail call away, in bh_ingress_slow and bh_egress_slow, which begin anew: they are loaded once for all zones, since the
 * verifier works on them for long. */
#include "bpf/capture.h"
#include "bpf/context.h"
#include "bpf/denial.h"
#include "bpf/dns.h"
#include "bpf/established.h"
#include "bpf/fast_path.h"
#include "bpf/judge.h"
#include "bpf/maps.h"
#include "bpf/mark.h"
#include "bpf/parse/whole.h"
#include "bpf/quick.h"

/* Set by user space before the load. The slow programs get it in skb->cb[0], and in cb[1] what the quick path answered. */
const volatile __u16 bh_zone = 0;

/* Allow: the programs of others still run. The same values for clsact (TC_ACT_UNSPEC, TC_ACT_SHOT) and tcx (TCX_NEXT, TCX_DROP). */
#define BH_TC_NEXT (-1)
#define BH_TC_DROP 2

static __always_inline void bh_take_data(const struct __sk_buff *skb, struct bh_frame *frame)
{
	frame->data = (const __u8 *)(long)skb->data;
	frame->end = (const __u8 *)(long)skb->data_end;
}

/* Makes the first bytes of the frame readable, as many as wanted if there are so many. On failure the parser finds the frame cut. */
static __always_inline void bh_pull(struct __sk_buff *skb, struct bh_frame *frame, __u32 wanted)
{
	if (skb->data_end - skb->data >= frame->length)
		return;
	bpf_skb_pull_data(skb, wanted < frame->length ? wanted : frame->length);
	bh_take_data(skb, frame);
}

/* Reads the stamp first of all, then the packet. False: no control block; cannot be. */
static __always_inline int bh_begin(const struct __sk_buff *skb, struct bh_context *c, __u8 hook, __u16 zone)
{
	if (!bh_start(c, hook, zone))
		return 0;
	c->ifindex = skb->ifindex;
	c->tag = hook == BH_HOOK_EGRESS ? (__u16)skb->tc_index : 0;
	c->frame.length = skb->len;
	c->frame.offloaded = skb->gso_segs > 1;
	c->missed = skb->cb[1] == BH_QUICK_MISSED;
	bh_take_data(skb, &c->frame);
	return 1;
}

static __always_inline void bh_quick_begin(const struct __sk_buff *skb, __u32 hook, struct bh_quick *q)
{
	__u32 zero = 0;

	q->data = (const __u8 *)(long)skb->data;
	q->end = (const __u8 *)(long)skb->data_end;
	q->control = bpf_map_lookup_elem(&bh_control, &zero);
	q->length = skb->len;
	q->ifindex = skb->ifindex;
	q->hook = hook;
	q->zone = bh_zone;
	q->tag = hook == BH_HOOK_EGRESS ? (__u16)skb->tc_index : 0;
}

/* Fills in q. Returns enum bh_quick_answer. */
static __always_inline int bh_try_quick(const struct __sk_buff *skb, __u32 hook, struct bh_quick *q)
{
	bh_quick_begin(skb, hook, q);
	if (!q->control || skb->vlan_present || bh_unlikely(q->control->flags & BH_CONTROL_CAPTURE_PASSED))
		return BH_QUICK_UNSURE;
	return bh_quick(q);
}

/* Of a packet that no entry lets pass: true when it is one of a flood of denied ones. A staged policy is to judge each of them, and a
 * capture to have them. It begins anew, so that the quick path's q need not be in memory. */
static __always_inline int bh_try_denial(const struct __sk_buff *skb, __u32 hook, int answer)
{
	struct bh_quick q = {};

	if (answer != BH_QUICK_MISSED)
		return 0;
	bh_quick_begin(skb, hook, &q);
	if (!q.control || *(const volatile __u32 *)&q.control->staged || q.control->flags & BH_CONTROL_CAPTURE ||
	    !bh_is_flooded(q.control, (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT)))
		return 0;
	return bh_quick_denied(&q, hook == BH_HOOK_EGRESS && skb->ingress_ifindex == 0);
}

/* Hands the packet to the slow program of the hook. Comes back only when there is none: then nobody judges, and the global mode
 * decides. */
static __always_inline int bh_go_slow(struct __sk_buff *skb, __u32 hook, int answer)
{
	struct bh_context c = {};
	int drop;

	skb->cb[0] = bh_zone;
	skb->cb[1] = answer;
	bpf_tail_call(skb, &bh_tails, hook);
	drop = !bh_begin(skb, &c, (__u8)hook, bh_zone) || bh_global_enforces(&c);
	bh_count(BH_REASON_INTERNAL * 3 + (drop ? BH_DENY : BH_WOULD_DENY));
	return drop ? BH_TC_DROP : BH_TC_NEXT;
}

/* True for fragments, atomic ones too, that may be of a packet the host forwards, though they have no interface that they came in by:
 * Linux leaves that out when it fragments IPv6 anew (net/ipv6/ip6_output.c, ip6_copy_metadata; what conntrack has put together is
 * fragmented again). What the host itself sends in fragments has the socket that it was sent by; forwarded packets have none. */
static __always_inline int bh_is_remade(const struct __sk_buff *skb, const struct bh_context *c)
{
	return (c->packet.flags & BH_PACKET_FRAGMENTABLE) && c->hook == BH_HOOK_EGRESS && c->tag == 0 && c->ingress_ifindex == 0 && !skb->sk;
}

/* Parses all there is, and tries the established path for packets that the short parser left. Returns enum bh_action. */
static __always_inline int bh_judge_whole(struct __sk_buff *skb, struct bh_context *c, __u8 hook)
{
	int action;

	c->ingress_ifindex = skb->ingress_ifindex;
	bh_capture_begin(c);
	bh_pull(skb, &c->frame, BH_MOST_HEADERS);
	if (bh_parse_whole(&c->frame, skb->vlan_present, &c->packet) == BH_CUT)
		c->packet.reason = BH_REASON_TRUNCATED;
	if (bh_is_remade(skb, c))
		c->ingress_ifindex = BH_SOME_INTERFACE;
	action = bh_judge_parsed(c, hook);
	if (bh_is_capturing(c))
		bh_capture_packet(skb, c);
	return action;
}

/* The workload sent it. */
SEC("tc")
int bh_ingress(struct __sk_buff *skb)
{
	struct bh_quick q = {};
	int answer;

	if (bh_take_mark(skb, &q.tag)) {
		skb->tc_index = q.tag;
		return BH_TC_NEXT;
	}
	answer = bh_try_quick(skb, BH_HOOK_INGRESS, &q);
	if (bh_unlikely(answer != BH_QUICK_PASS))
		return bh_try_denial(skb, BH_HOOK_INGRESS, answer) ? BH_TC_DROP : bh_go_slow(skb, BH_HOOK_INGRESS, answer);
	skb->tc_index = q.tag;
	return q.fast ? bh_send_fast(skb, q.fast) : BH_TC_NEXT;
}

/* It is being delivered to the workload. */
SEC("tc")
int bh_egress(struct __sk_buff *skb)
{
	struct bh_quick q = {};
	int answer = bh_try_quick(skb, BH_HOOK_EGRESS, &q);

	if (bh_likely(answer == BH_QUICK_PASS))
		return BH_TC_NEXT;
	return bh_try_denial(skb, BH_HOOK_EGRESS, answer) ? BH_TC_DROP : bh_go_slow(skb, BH_HOOK_EGRESS, answer);
}

SEC("tc")
int bh_ingress_slow(struct __sk_buff *skb)
{
	struct bh_context c = {};
	int action;

	if (!bh_begin(skb, &c, BH_HOOK_INGRESS, (__u16)skb->cb[0]))
		return BH_TC_DROP;
	action = bh_judge_whole(skb, &c, BH_HOOK_INGRESS);
	skb->tc_index = c.tag;
	if (action == BH_DROP)
		return BH_TC_DROP;
	return c.fast ? bh_send_fast(skb, c.fast) : BH_TC_NEXT;
}

SEC("tc")
int bh_egress_slow(struct __sk_buff *skb)
{
	struct bh_context c = {};

	if (!bh_begin(skb, &c, BH_HOOK_EGRESS, (__u16)skb->cb[0]))
		return BH_TC_DROP;
	if (bh_judge_whole(skb, &c, BH_HOOK_EGRESS) == BH_DROP)
		return BH_TC_DROP;
	if (bh_unlikely(bh_is_dns_answer(&c)))
		bh_take_dns_answer(skb, &c);
	return BH_TC_NEXT;
}

/* Run by user space (BPF_PROG_TEST_RUN): tells edges and rules of all packets that notes have denied. */
SEC("tc")
int bh_settle(struct __sk_buff *skb)
{
	__u32 i;

	(void)skb;
	for (i = 0; i < BH_DENIALS; i++)
		bh_settle_denial(i);
	return BH_TC_NEXT;
}

/* Run by user space (BPF_PROG_TEST_RUN) in an instance of its own, which has one place more in bh_tails: presets the provenance, which
 * such a run cannot, and goes on with the program there. Loaded by whoever asks for it. */
SEC("?tc")
int bh_simulate(struct __sk_buff *skb)
{
	skb->tc_index = (__u16)skb->cb[1];
	bpf_tail_call(skb, &bh_tails, 2);
	return 0x7f;
}

/* Run by user space (BPF_PROG_TEST_RUN): leaves the datapath's clock in bh_clock_now. */
SEC("tc")
int bh_clock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bh_clock *now = bpf_map_lookup_elem(&bh_clock_now, &zero);

	(void)skb;
	if (!now)
		return BH_TC_NEXT;
	now->tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);
	now->time = bpf_ktime_get_ns();
	return BH_TC_NEXT;
}

char bh_license[] SEC("license") = "GPL";
