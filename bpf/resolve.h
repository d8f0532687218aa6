/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Who opened the flow that a packet belongs to, and who answers: the parties of a judgement. Near: the endpoint of the hook, which
 * sent the packet (ingress) or gets it (egress). Far: the other end. */
#ifndef BULKHEAD_BPF_RESOLVE_H_
#define BULKHEAD_BPF_RESOLVE_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/policy.h"

static __always_inline __u16 bh_near_port(const struct bh_context *c)
{
	return c->hook == BH_HOOK_INGRESS ? c->packet.source_port : c->packet.destination_port;
}

static __always_inline __u16 bh_far_port(const struct bh_context *c)
{
	return c->hook == BH_HOOK_INGRESS ? c->packet.destination_port : c->packet.source_port;
}

/* The provenance of the far end: what the packet carries, or what the entry has of it. */
static __always_inline __u16 bh_far_tag(const struct bh_context *c)
{
	if (c->hook == BH_HOOK_EGRESS)
		return c->tag;
	return c->known ? c->recorded_tag : 0;
}

static __always_inline void bh_near_party(const struct bh_context *c, struct bh_party *party)
{
	const struct bh_address *found;

	party->ifindex = c->ifindex;
	party->workload = c->ifindex;
	party->slot = c->slot;
	if (!bh_is_bound(c->endpoint))
		return; /* BH_SUBJECT_UNKNOWN */
	bh_party_endpoint(c, party, c->endpoint);
	found = bh_here(&c->room->here[c->hook == BH_HOOK_EGRESS]);
	if (found && found->slot == c->slot)
		bh_party_subject_of(c, party, found);
}

/* Traffic that the host makes. What it sends to the target of a published port is docker-proxy's, for somebody outside. */
static __always_inline void bh_host_party(const struct bh_context *c, const __u32 *address, struct bh_party *party)
{
	const struct bh_address *found = bh_address_find(0, c->packet.family, address);

	if (bh_is_proxy_target(c, c->packet.destination, c->packet.destination_port)) {
		bh_party_outside(c, address, party);
		return;
	}
	bh_party_subject(party, BH_SUBJECT_HOST);
	if (found && (found->flags & BH_ADDRESS_HOST))
		bh_party_subject_of(c, party, found);
}

/* The far end as the one that opened the flow. */
static __noinline int bh_far_opener(const struct bh_context *c, struct bh_party *party)
{
	const __u32 *address = bh_far_address(c);
	__u16 tag = bh_far_tag(c);

	if (c->hook == BH_HOOK_INGRESS) {
		const struct bh_address *found = bh_far_here(c);

		/* A workload of this zone that has the address now is who gets the answer. */
		if (found) {
			bh_party_of(c, found, party);
			if (party->ifindex != 0)
				return 0;
			__builtin_memset(party, 0, sizeof(*party));
		}
	}
	if (tag != 0)
		return bh_party_tagged(c, tag, party);
	if (c->hook == BH_HOOK_EGRESS && c->ingress_ifindex == 0) {
		bh_host_party(c, address, party);
		return 0;
	}
	bh_party_far(c, party);
	if (c->hook == BH_HOOK_INGRESS && (party->flags & BH_ADDRESS_HOST) &&
	    bh_is_proxy_target(c, c->packet.source, c->packet.source_port))
		bh_party_outside(c, address, party);
	return 0;
}

/* The far end as the one that answers. Returns the service port in host order that it is published for, else -1. */
static __noinline int bh_far_responder(const struct bh_context *c, struct bh_party *party)
{
	const __u32 *address = bh_far_address(c);
	__u16 tag = c->hook == BH_HOOK_EGRESS ? c->tag : 0;
	int port = -1;

	if (c->known && tag == c->recorded_tag)
		tag = 0; /* answers as before: who it is was settled when the opener's packets to this address were judged */

	if (c->packet.flags & BH_PACKET_GROUP) { /* at ingress: whoever receives it, the sender's policy speaks of the address */
		bh_party_outside(c, address, party);
		return -1;
	}
	bh_party_far(c, party);
	if (party->flags & BH_ADDRESS_HOST)
		port = bh_published_target(c, address, bh_far_port(c), party);
	if (tag != 0) {
		__builtin_memset(party, 0, sizeof(*party));
		bh_party_tagged(c, tag, party);
	}
	return port;
}

/* Fills in parties, service port and direction of j, zeroed by the caller. reversed: the packet is an answer. */
static __always_inline void bh_resolve(const struct bh_context *c, struct bh_judgement *j, int reversed)
{
	int near_opens = (c->hook == BH_HOOK_INGRESS) != (reversed != 0);
	struct bh_party *near = near_opens ? &j->opener : &j->responder;
	struct bh_party *far = near_opens ? &j->responder : &j->opener;
	int published = -1;

	j->reversed = (__u8)(reversed != 0);
	bh_near_party(c, near);
	bh_forget(c, near, sizeof(*near));
	if (near_opens)
		published = bh_far_responder(c, far);
	else
		bh_far_opener(c, far);
	bh_forget(c, far, sizeof(*far));
	j->service_port = bpf_ntohs(near_opens ? bh_far_port(c) : bh_near_port(c));
	if (c->hook == BH_HOOK_EGRESS) { /* by the packet's provenance alone, whatever its address */
		far->ifindex = far->slot == c->tag ? far->ifindex : 0;
		far->slot = c->tag;
	} else if (c->known && far->ifindex == 0) {
		far->slot = c->recorded_tag;
	}
	if (reversed && c->known)
		j->service_port = c->service_port;
	else if (published >= 0)
		j->service_port = (__u16)published;
	else if (!bh_has_ports(c->packet.protocol))
		j->service_port = 0;
}

#endif /* BULKHEAD_BPF_RESOLVE_H_ */
