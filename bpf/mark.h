/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the XDP program of a workload's interface leaves in front of a packet that it has judged, for the tc program that comes behind
 * it and can write the packet's provenance (abi/uplink.h). A packet without a good mark is judged by that program, in full. */
#ifndef BULKHEAD_BPF_MARK_H_
#define BULKHEAD_BPF_MARK_H_

#include "bpf/context.h"

/* The same in both programs, set by user space before the load. 0: no XDP program judges. */
const volatile __u64 bh_secret = 0;

/* True when the packet was judged already, by the policy that holds now; *tag is then its provenance. A VLAN tag beside the frame is
 * more than an XDP program can see. Nothing but the program of this very interface is believed: marks stay with a packet when a
 * workload sends it on. */
static __always_inline int bh_take_mark(const struct __sk_buff *skb, __u16 *tag)
{
	const struct bh_mark *mark = (const struct bh_mark *)(long)skb->data_meta;
	const struct bh_control *control;
	__u32 zero = 0;

	if (bh_secret == 0 || skb->vlan_present || (const void *)(mark + 1) > (const void *)(long)skb->data)
		return 0;
	control = bpf_map_lookup_elem(&bh_control, &zero);
	if (!control || mark->secret != bh_secret || mark->stamp != *(const volatile __u32 *)&control->stamp ||
	    mark->ifindex != skb->ifindex)
		return 0;
	*tag = mark->slot;
	return 1;
}

#endif /* BULKHEAD_BPF_MARK_H_ */
