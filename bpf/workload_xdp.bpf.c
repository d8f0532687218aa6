/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entry points that judge what a workload sends in XDP on the host side of its interface, in place of the tc program of that hook.
 * That one stays attached and gives the packet its provenance, for which it finds a mark in front of the packet (mark.h). What these
 * programs cannot judge goes on to it without one: frames with a VLAN tag, headers that are not in the first buffer, packets that
 * there is no room for a mark in front of. bh_xdp and bh_xdp_slow share the work as bh_ingress and bh_ingress_slow do. */
#include "bpf/judge.h"
#include "bpf/mark.h"
#include "bpf/parse/whole.h"
#include "bpf/quick.h"
#include "bpf/xdp.h"

/* Set by user space before the load. The slow program gets it in the mark. */
const volatile __u16 bh_zone = 0;

/* The mark that was made room for, or 0. */
static __always_inline struct bh_mark *bh_mark_of(struct xdp_md *xdp)
{
	struct bh_mark *mark = (struct bh_mark *)(long)xdp->data_meta;

	return (void *)(mark + 1) > (void *)(long)xdp->data ? 0 : mark;
}

/* Makes room for a mark, one that says nothing: what is there may be left over from another packet. */
static __always_inline struct bh_mark *bh_make_mark(struct xdp_md *xdp)
{
	struct bh_mark *mark;

	if (bpf_xdp_adjust_meta(xdp, -(int)sizeof(*mark)))
		return 0;
	mark = bh_mark_of(xdp);
	if (mark)
		__builtin_memset(mark, 0, sizeof(*mark));
	return mark;
}

static __always_inline int bh_pass_marked(struct xdp_md *xdp, __u32 stamp, __u16 slot, __u16 zone)
{
	struct bh_mark *mark = bh_mark_of(xdp);

	if (mark) {
		mark->stamp = stamp;
		mark->ifindex = xdp->ingress_ifindex;
		mark->slot = slot;
		mark->zone = zone;
		mark->secret = bh_secret;
	}
	return XDP_PASS;
}

static __always_inline int bh_begin(struct xdp_md *xdp, struct bh_context *c, __u16 zone)
{
	if (!bh_start(c, BH_HOOK_INGRESS, zone))
		return 0;
	c->ifindex = c->ingress_ifindex = xdp->ingress_ifindex;
	bh_take_frame(xdp, &c->frame);
	return 1;
}

/* The workload sent it. */
SEC("xdp.frags")
int bh_xdp(struct xdp_md *xdp)
{
	struct bh_mark *mark = bh_make_mark(xdp);
	struct bh_quick q = {.hook = BH_HOOK_INGRESS, .zone = bh_zone};
	__u32 zero = 0, stamp;

	if (!mark)
		return XDP_PASS;
	mark->zone = bh_zone;
	q.data = (const __u8 *)(long)xdp->data;
	q.end = (const __u8 *)(long)xdp->data_end;
	q.length = (__u32)bpf_xdp_get_buff_len(xdp);
	q.ifindex = xdp->ingress_ifindex;
	q.control = bpf_map_lookup_elem(&bh_control, &zero);
	/* A capture takes packets from the tc program. */
	if (!q.control || q.control->flags & BH_CONTROL_CAPTURE)
		return XDP_PASS;
	stamp = *(const volatile __u32 *)&q.control->stamp; /* an older one than the entry's is no mark */
	if (bh_quick(&q) == BH_QUICK_PASS)
		return bh_pass_marked(xdp, stamp, q.tag, bh_zone);
	bpf_tail_call(xdp, &bh_xdp_tails, BH_HOOK_INGRESS);
	return XDP_PASS;
}

SEC("xdp.frags")
int bh_xdp_slow(struct xdp_md *xdp)
{
	const struct bh_mark *mark = bh_mark_of(xdp);
	struct bh_context c = {};

	if (!mark || !bh_begin(xdp, &c, mark->zone))
		return XDP_PASS;
	if (bh_parse_whole(&c.frame, 0, &c.packet) == BH_CUT || c.packet.reason == BH_REASON_VLAN)
		return XDP_PASS;
	if (bh_judge_parsed(&c, BH_HOOK_INGRESS) == BH_DROP)
		return XDP_DROP;
	return bh_pass_marked(xdp, c.stamp, c.tag, c.zone);
}

char bh_license[] SEC("license") = "GPL";
