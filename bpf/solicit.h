/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Whom outside the workloads have asked by UDP. A packet from there to the host may be the answer of a masqueraded flow, whatever its
 * port, so uplinks leave it to the workload's own hook. When the table forgets somebody, at worst such an answer is judged as a
 * packet to a published port, if its port is one. */
#ifndef BULKHEAD_BPF_SOLICIT_H_
#define BULKHEAD_BPF_SOLICIT_H_

#include "bpf/context.h"

static __always_inline void bh_solicited_key_of(const struct bh_context *c, const __u32 *address, __u16 port,
						struct bh_solicited_key *key)
{
	bh_copy(key->address, address, 16);
	key->port = port;
	key->family = c->packet.family;
	key->reserved = 0;
}

/* The packet at hand, of a workload, opens a UDP flow to somebody outside. */
static __noinline int bh_note_solicited(const struct bh_context *c)
{
	struct bh_solicited_key key;
	__u32 tick = c->tick;

	bh_solicited_key_of(c, c->packet.destination, c->packet.destination_port, &key);
	bpf_map_update_elem(&bh_solicited, &key, &tick, BPF_ANY);
	return 0;
}

static __always_inline int bh_is_solicited(const struct bh_context *c)
{
	struct bh_solicited_key key;

	bh_solicited_key_of(c, c->packet.source, c->packet.source_port, &key);
	return bpf_map_lookup_elem(&bh_solicited, &key) != 0;
}

#endif /* BULKHEAD_BPF_SOLICIT_H_ */
