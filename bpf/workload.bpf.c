/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Entry points of a workload endpoint's hooks. One object is loaded for each zone. */
#include "bpf/maps.h"

/* Set by user space before the load. */
const volatile __u16 bh_zone = 0;

/* Run by user space (BPF_PROG_TEST_RUN): leaves the datapath's clock in bh_clock_now. */
SEC("tc")
int bh_clock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bh_clock *now = bpf_map_lookup_elem(&bh_clock_now, &zero);

	(void)skb;
	if (now == 0)
		return -1;
	now->tick = (__u32)(bpf_jiffies64() >> BH_TICK_SHIFT);
	now->time = bpf_ktime_get_ns();
	return -1;
}

char bh_license[] SEC("license") = "GPL";
