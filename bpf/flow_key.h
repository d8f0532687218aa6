/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From a packet to the key of its flow (abi/flow.h): side 0 is the lower (address, port), compared as bytes in network order. Each
 * function returns the side that sent the packet. */
#ifndef BULKHEAD_BPF_FLOW_KEY_H_
#define BULKHEAD_BPF_FLOW_KEY_H_

#include "bpf/flow_hash.h"
#include "bpf/parse/packet.h"
#include "bulkhead/abi/denial.h"
#include "bulkhead/abi/flow.h"

union bh_key4 {
	struct bh_flow4_key tuple;
	bh_word words[BH_KEY4_WORDS];
};

union bh_key6 {
	struct bh_flow6_key tuple;
	bh_word words[BH_KEY6_WORDS];
};

#define BH_DENIAL_WORDS 8

union bh_denial_words {
	struct bh_denial_key key;
	bh_word words[BH_DENIAL_WORDS];
};
BH_SIZE(union bh_denial_words, 64);

/* A flow that is to have an entry. */
struct bh_flow_request {
	struct bh_flow flow;
	union bh_key6 key; /* of IPv4: the first words */
	struct bh_place place;
	__u32 tick;
	__u32 old_meta; /* see bh_context */
};

/* -1, 0, 1 as a memcmp of the two 16-byte addresses would. */
static __always_inline int bh_compare6(const __u32 *a, const __u32 *b)
{
	int i;

#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		__u32 x = bpf_ntohl(a[i]), y = bpf_ntohl(b[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static __always_inline __u32 bh_lower_port(const struct bh_packet *packet)
{
	return bpf_ntohs(packet->source_port) <= bpf_ntohs(packet->destination_port) ? 0 : 1;
}

static __always_inline __u32 bh_flow4_key_of(const struct bh_packet *packet, __u16 zone, struct bh_flow4_key *key)
{
	__u32 source = packet->source[0], destination = packet->destination[0];
	__u32 side = source == destination ? bh_lower_port(packet) : (bpf_ntohl(source) < bpf_ntohl(destination) ? 0 : 1);
	__u32 low = side ? destination : source;
	__u32 high = side ? source : destination;

	bh_copy(key->address[0], &low, 4);
	bh_copy(key->address[1], &high, 4);
	key->port[0] = side ? packet->destination_port : packet->source_port;
	key->port[1] = side ? packet->source_port : packet->destination_port;
	key->zone = zone;
	key->protocol = packet->protocol;
	key->reserved = 0;
	return side;
}

static __always_inline __u32 bh_flow6_key_of(const struct bh_packet *packet, __u16 zone, struct bh_flow6_key *key)
{
	int order = bh_compare6(packet->source, packet->destination);
	__u32 side = order == 0 ? bh_lower_port(packet) : (order < 0 ? 0 : 1);

	if (side) {
		bh_copy(key->address[0], packet->destination, 16);
		bh_copy(key->address[1], packet->source, 16);
		key->port[0] = packet->destination_port;
		key->port[1] = packet->source_port;
	} else {
		bh_copy(key->address[0], packet->source, 16);
		bh_copy(key->address[1], packet->destination, 16);
		key->port[0] = packet->source_port;
		key->port[1] = packet->destination_port;
	}
	key->zone = zone;
	key->protocol = packet->protocol;
	key->reserved = 0;
	return side;
}

#endif /* BULKHEAD_BPF_FLOW_KEY_H_ */
