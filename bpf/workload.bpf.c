/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entry points of a workload endpoint's hooks, on the host side of its interface. One object is loaded for each zone; the rules stand
 * in bpf/verdict.h. */
#include "bpf/context.h"
#include "bpf/established.h"
#include "bpf/maps.h"
#include "bpf/parse/ethernet.h"
#include "bpf/verdict.h"

/* Set by user space before the load. */
const volatile __u16 bh_zone = 0;

/* Bytes that the headers of nearly every packet fit in: Ethernet, IPv6, TCP without options. Segmentation offload leaves hardly more
 * than its headers in the linear part, so asking for more would copy payload for each large packet. */
#define BH_COMMON_HEADERS 74

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
	bpf_skb_pull_data(skb, wanted < frame->length ? wanted : frame->length);
	bh_take_data(skb, frame);
}

/* The headers lie beyond what is readable, or are rare. */
static __noinline int bh_parse_whole(struct __sk_buff *skb, struct bh_context *c)
{
	bh_pull(skb, &c->frame, BH_MOST_HEADERS);
	__builtin_memset(&c->packet, 0, sizeof(c->packet));
	if (bh_parse(&c->frame, skb->vlan_present, &c->packet, 1) == BH_CUT)
		c->packet.reason = BH_REASON_TRUNCATED;
	return 0;
}

/* Reads the stamp first of all, then the packet. False: no control block; cannot be. */
static __always_inline int bh_begin(struct __sk_buff *skb, struct bh_context *c, __u8 hook)
{
	__u32 zero = 0;
	const struct bh_control *control = bpf_map_lookup_elem(&bh_control, &zero);

	if (!control)
		return 0;
	c->control = control;
	c->stamp = *(const volatile __u32 *)&control->stamp;
	c->policy_slot = BH_STAMP_SLOT(c->stamp);
	c->tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);
	c->hook = hook;
	c->zone = bh_zone;
	c->ifindex = skb->ifindex;
	c->frame.length = skb->len;
	c->frame.packets = skb->gso_segs > 1 ? skb->gso_segs : 1;
	c->frame.zero = control->zero;
	bh_take_data(skb, &c->frame);
	if (bh_unlikely(c->frame.data + BH_COMMON_HEADERS > c->frame.end && c->frame.data + c->frame.length > c->frame.end))
		bh_pull(skb, &c->frame, BH_COMMON_HEADERS);
	if (bh_unlikely(bh_parse(&c->frame, skb->vlan_present, &c->packet, 0) == BH_CUT))
		bh_parse_whole(skb, c);
	bh_forget(c, &c->packet, sizeof(c->packet));
	return 1;
}

static __always_inline int bh_end(const struct bh_context *c, int action)
{
	if (action == BH_DROP)
		return BH_TC_DROP;
	if (bh_unlikely(c->packet.fragment == BH_FRAGMENT_FIRST) && c->packet.kind == BH_KIND_FLOW &&
	    c->packet.reason == BH_REASON_NONE)
		bh_fragment_remember(&c->packet, c->zone);
	return BH_TC_NEXT;
}

/* The workload sent it. */
SEC("tc")
int bh_ingress(struct __sk_buff *skb)
{
	struct bh_context c = {};
	int action;

	if (!bh_begin(skb, &c, BH_HOOK_INGRESS))
		return BH_TC_DROP;
	action = bh_established(&c) ? BH_PASS : bh_judge_ingress(&c);
	skb->tc_index = c.tag;
	return bh_end(&c, action);
}

/* It is being delivered to the workload. */
SEC("tc")
int bh_egress(struct __sk_buff *skb)
{
	struct bh_context c = {};
	int action;

	if (!bh_begin(skb, &c, BH_HOOK_EGRESS))
		return BH_TC_DROP;
	c.tag = skb->tc_index;
	if (bh_established(&c))
		return bh_end(&c, BH_PASS);
	c.ingress_ifindex = skb->ingress_ifindex;
	action = bh_judge_egress(&c);
	return bh_end(&c, action);
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
