/* SPDX-License-Identifier: Apache-2.0 */
/* BPF_PROG_TEST_RUN repeats one packet. The driver makes each repetition another packet (drive.h), and goes on with the program to be
 * measured. Beside it stand the programs that floors are measured with. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench/dataplane/drive.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_drive);
} drive_now SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_program SEC(".maps");

/* A program array holds programs of one type. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_program_xdp SEC(".maps");

struct tuple {
	__u32 source, destination;
	__u32 ports;
	__u32 protocol;
};

/* As much as the flow table keeps of a flow. */
struct flow_value {
	__u64 words[11];
};

/* As many elements as the flow table: user space sets it before the load. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tuple);
	__type(value, struct flow_value);
} lru SEC(".maps");

/* The finaliser of MurmurHash3: each bit of the input changes half of the output's. */
static __always_inline __u32 mix(__u32 x)
{
	x ^= x >> 16;
	x *= 0x85ebca6b;
	x ^= x >> 13;
	x *= 0xc2b2ae35;
	return x ^ x >> 16;
}

/* at: below 128, so that the verifier follows. */
static __always_inline void *place(void *data, void *end, __u32 at, __u32 bytes)
{
	__u8 *here = (__u8 *)data + (at & 127);

	return here + bytes <= (__u8 *)end ? here : 0;
}

static __always_inline void make_next(struct bench_drive *now, void *data, void *end)
{
	__u32 flow = (__u32)now->next++;

	if (now->random)
		flow = mix(flow);
	flow &= now->flow_mask;
	if (now->port_at) {
		__u16 *port = place(data, end, now->port_at, sizeof(*port));

		if (port)
			*port = bpf_htons((__u16)(now->port_base + flow));
	}
	if (now->address_at) {
		__u32 *address = place(data, end, now->address_at, sizeof(*address));

		if (address)
			*address = bpf_htonl(now->address_base + (__u32)((__u64)mix(flow) * now->spread >> 32));
	}
}

SEC("tc")
int drive(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bench_drive *now = bpf_map_lookup_elem(&drive_now, &zero);

	if (!now)
		return TC_ACT_SHOT;
	make_next(now, (void *)(long)skb->data, (void *)(long)skb->data_end);
	skb->tc_index = (__u16)now->tag;
	bpf_tail_call(skb, &next_program, DRIVE_NEXT);
	return 0x7f; /* reached only when there is no next program */
}

/* What the program before left in front of the packet would stay there: it is taken away, at a cost that is the same when there is
 * nothing. */
SEC("xdp.frags")
int drive_xdp(struct xdp_md *xdp)
{
	__u32 zero = 0;
	struct bench_drive *now = bpf_map_lookup_elem(&drive_now, &zero);

	if (!now || bpf_xdp_adjust_meta(xdp, (int)(xdp->data - xdp->data_meta)))
		return XDP_ABORTED;
	make_next(now, (void *)(long)xdp->data, (void *)(long)xdp->data_end);
	bpf_tail_call(xdp, &next_program_xdp, DRIVE_NEXT);
	return XDP_ABORTED; /* reached only when there is no next program */
}

SEC("xdp.frags")
int pass_xdp(struct xdp_md *xdp)
{
	(void)xdp;
	return XDP_PASS;
}

SEC("tc")
int pass(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

/* The least that a new flow costs with the kernel's own table: the tuple of an IPv4 packet, and one insertion. */
SEC("tc")
int insert_lru(struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	struct flow_value value = {};
	struct tuple key = {};

	if (data + 14 + 20 + 20 > end || *(const __u16 *)(data + 12) != bpf_htons(0x0800) || data[14] != 0x45)
		return TC_ACT_UNSPEC;
	key.source = *(const __u32 *)(data + 26);
	key.destination = *(const __u32 *)(data + 30);
	key.ports = *(const __u32 *)(data + 34);
	key.protocol = data[23];
	value.words[0] = skb->len;
	return bpf_map_update_elem(&lru, &key, &value, BPF_ANY) == 0 ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char driver_license[] SEC("license") = "GPL";
