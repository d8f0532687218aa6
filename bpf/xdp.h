/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the XDP entry points have in common. */
#ifndef BULKHEAD_BPF_XDP_H_
#define BULKHEAD_BPF_XDP_H_

#include "bpf/context.h"

/* The bytes at hand are the first of the frame; what is behind them cannot be pulled near. */
static __always_inline void bh_take_frame(struct xdp_md *xdp, struct bh_frame *frame)
{
	frame->data = (const __u8 *)(long)xdp->data;
	frame->end = (const __u8 *)(long)xdp->data_end;
	frame->length = (__u32)bpf_xdp_get_buff_len(xdp);
	frame->offloaded = 0;
}

#endif /* BULKHEAD_BPF_XDP_H_ */
