/* SPDX-License-Identifier: Apache-2.0 */
/* BPF_PROG_TEST_RUN can neither preset nor show skb->tc_index. set_tag presets it from cb[0], then goes on with the program under
 * test, whose place is in cb[1]. seen_tag, a filter behind an ingress program on a real interface, notes what that one has set. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} next_programs SEC(".maps");

/* The last packet's tag + 1; 0: no packet was seen. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} seen SEC(".maps");

SEC("tc")
int set_tag(struct __sk_buff *skb)
{
	skb->tc_index = skb->cb[0];
	bpf_tail_call(skb, &next_programs, skb->cb[1]);
	return 0x7f; /* reached only when there is no program at that place */
}

/* What a workload with rights over its own namespace may do there. */
SEC("tc")
int forge_tag(struct __sk_buff *skb)
{
	skb->tc_index = 4;
	return -1;
}

/* On interfaces that XDP programs are to be run on by hand. */
SEC("xdp.frags")
int pass_all(struct xdp_md *xdp)
{
	(void)xdp;
	return XDP_PASS;
}

SEC("tc")
int seen_tag(struct __sk_buff *skb)
{
	__u32 zero = 0, value = skb->tc_index + 1;

	bpf_map_update_elem(&seen, &zero, &value, BPF_ANY);
	return -1;
}
