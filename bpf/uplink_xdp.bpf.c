/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entry point of the host's uplinks; the rules stand in bpf/uplink.h. */
#include "bpf/parse/whole.h"
#include "bpf/uplink.h"
#include "bpf/xdp.h"

static __always_inline void bh_count_uplink_drop(__u32 ifindex)
{
	__u64 *drops = bpf_map_lookup_elem(&bh_uplink_drops, &ifindex);

	if (drops)
		*drops += 1; /* per CPU */
}

/* Somebody outside sent it. */
SEC("xdp.frags")
int bh_uplink(struct xdp_md *xdp)
{
	struct bh_context c = {};
	struct bh_mac_key mac = {};
	__u32 zero = 0;
	struct bh_scratch_room *room = bpf_map_lookup_elem(&bh_scratch, &zero);
	const __u8 *destination;
	int cut, action;

	if (!room || !bh_start(&c, BH_HOOK_UPLINK, 0))
		return XDP_PASS;
	c.ifindex = c.ingress_ifindex = xdp->ingress_ifindex;
	bh_take_frame(xdp, &c.frame);
	destination = bh_destination_mac(&c);
	if (!destination)
		return XDP_PASS;
	bh_copy(mac.mac, destination, sizeof(mac.mac));
	bh_skip_tags(&c.frame);
	cut = bh_parse_whole(&c.frame, 0, &c.packet) == BH_CUT;
	if (c.packet.family != BH_V4 && c.packet.family != BH_V6)
		return XDP_PASS;
	bh_forget_context(&c);
	/* What cannot be read here whole is judged where it can be; but whom it is from is known. */
	action = cut ? bh_refuse_blocked(&c, &room->judgement) : bh_judge_uplink(&c, &mac, &room->judgement);
	if (action == BH_PASS)
		return XDP_PASS;
	bh_count_uplink_drop(c.ifindex);
	return XDP_DROP;
}

char bh_license[] SEC("license") = "GPL";
