/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Who an address is: endpoints, local addresses, the host, published ports, and the prefixes of the world. */
#ifndef BULKHEAD_BPF_ADDRESS_H_
#define BULKHEAD_BPF_ADDRESS_H_

#include "bpf/context.h"
#include "bpf/judgement.h"
#include "bpf/parse/l4.h"

static __always_inline int bh_is_staged(const struct bh_context *c)
{
	return *(const volatile __u32 *)&c->control->staged != 0;
}

static __always_inline int bh_is_bound(const struct bh_endpoint *endpoint)
{
	return endpoint && (endpoint->flags & BH_ENDPOINT_BOUND);
}

/* endpoint: the party's, or 0. */
static __always_inline void bh_party_workload(const struct bh_context *c, struct bh_party *party, const struct bh_endpoint *endpoint)
{
	if (endpoint && bh_is_bound(c->endpoint) && endpoint->workload != 0 && endpoint->workload == c->endpoint->workload)
		party->flags |= BH_PARTY_OWN;
}

static __always_inline void bh_party_subject(struct bh_party *party, __u32 subject)
{
	party->subject = party->staged = subject;
}

static __always_inline void bh_party_subject_of(const struct bh_context *c, struct bh_party *party,
						const struct bh_address *address)
{
	party->subject = address->subject[bh_active_slot(c)];
	party->staged = address->subject[BH_SLOT_STAGED];
}

static __always_inline const struct bh_endpoint *bh_endpoint_of(__u32 slot)
{
	const struct bh_endpoint *endpoint = bpf_map_lookup_elem(&bh_endpoints, &slot);

	return endpoint && slot != 0 && endpoint->ifindex != 0 ? endpoint : 0;
}

/* The subject of an endpoint for packets whose address says nothing. */
static __always_inline __u32 bh_endpoint_subject(const struct bh_context *c, const struct bh_endpoint *endpoint)
{
	return bh_is_bound(endpoint) ? endpoint->subject[bh_active_slot(c)][bh_family_index(c)] : BH_SUBJECT_UNKNOWN;
}

/* The same as a party, of a bound endpoint. */
static __always_inline void bh_party_endpoint(const struct bh_context *c, struct bh_party *party,
					      const struct bh_endpoint *endpoint)
{
	bh_party_workload(c, party, endpoint);
	party->subject = endpoint->subject[bh_active_slot(c)][bh_family_index(c)];
	party->staged = endpoint->subject[BH_SLOT_STAGED][bh_family_index(c)];
}

static __noinline const struct bh_address *bh_address_find(__u16 zone, __u8 family, const __u32 *address)
{
	struct bh_address_key key = {.zone = zone, .family = family};

	bh_copy(key.address, address, 16);
	return bpf_map_lookup_elem(&bh_addresses, &key);
}

/* An address that is nobody's here. */
static __noinline int bh_party_outside(const struct bh_context *c, const __u32 *address, struct bh_party *party)
{
	const __u32 *subject, *staged = 0;

	if (c->packet.family == BH_V6) {
		struct bh_prefix6_key key = {.length = 128};

		bh_copy(key.address, address, 16);
		subject = c->policy_slot ? bpf_map_lookup_elem(&bh_prefix6_1, &key) : bpf_map_lookup_elem(&bh_prefix6_0, &key);
		if (bh_is_staged(c))
			staged = bpf_map_lookup_elem(&bh_prefix6_2, &key);
	} else {
		struct bh_prefix4_key key = {.length = 32};

		bh_copy(key.address, address, 4);
		subject = c->policy_slot ? bpf_map_lookup_elem(&bh_prefix4_1, &key) : bpf_map_lookup_elem(&bh_prefix4_0, &key);
		if (bh_is_staged(c))
			staged = bpf_map_lookup_elem(&bh_prefix4_2, &key);
	}
	party->subject = subject ? *subject : BH_SUBJECT_WORLD;
	party->staged = staged ? *staged : BH_SUBJECT_WORLD;
	return 0;
}

/* What a table entry says of an address. An address of another zone's endpoint has no ifindex here, so that its flows are counted
 * by the hook that sees them in this zone. */
static __always_inline void bh_party_of(const struct bh_context *c, const struct bh_address *address, struct bh_party *party)
{
	const struct bh_endpoint *endpoint = bh_endpoint_of(address->slot);

	party->flags = address->flags;
	if (address->flags & BH_ADDRESS_AMBIGUOUS) {
		bh_party_subject(party, BH_SUBJECT_UNKNOWN);
		return;
	}
	bh_party_subject_of(c, party, address);
	if (!endpoint)
		return;
	party->workload = endpoint->ifindex;
	bh_party_workload(c, party, endpoint);
	if (endpoint->zone == c->zone) {
		party->ifindex = address->ifindex;
		party->slot = address->slot;
	}
}

static __noinline int bh_look_at(const struct bh_context *c, const __u32 *address, struct bh_here *here)
{
	const struct bh_address *found = bh_address_find(c->zone, c->packet.family, address);

	here->known = found != 0;
	if (found)
		here->address = *found;
	return 0;
}

/* Finds out who has the packet's addresses in this zone. */
static __always_inline void bh_look_around(const struct bh_context *c)
{
	bh_look_at(c, c->packet.source, &c->room->here[0]);
	bh_look_at(c, c->packet.destination, &c->room->here[1]);
}

static __always_inline const struct bh_address *bh_here(const struct bh_here *here)
{
	return here->known ? &here->address : 0;
}

/* The slot of the endpoint of the hook, or 0: as a rule it has the near address, as bh_look_around() found it. */
static __noinline __u32 bh_own_slot(const struct bh_context *c)
{
	const struct bh_address *near = bh_here(&c->room->here[c->hook == BH_HOOK_EGRESS]);
	const struct bh_endpoint *endpoint = near ? bh_endpoint_of(near->slot) : 0;
	__u32 ifindex = c->ifindex;
	const __u32 *slot;

	if (endpoint && endpoint->ifindex == ifindex)
		return near->slot;
	slot = bpf_map_lookup_elem(&bh_ports, &ifindex);
	return slot ? *slot : 0;
}

/* Fills in the endpoint of the hook. */
static __always_inline void bh_find_own_endpoint(struct bh_context *c)
{
	__u32 slot = bh_own_slot(c);
	const struct bh_endpoint *endpoint = bh_endpoint_of(slot);

	c->endpoint = 0;
	c->slot = 0;
	if (!endpoint || endpoint->ifindex != c->ifindex)
		return;
	c->endpoint = endpoint;
	c->slot = (__u16)slot;
}

static __always_inline const struct bh_address *bh_source_here(const struct bh_context *c)
{
	return bh_here(&c->room->here[0]);
}

static __always_inline const struct bh_address *bh_destination_here(const struct bh_context *c)
{
	return bh_here(&c->room->here[1]);
}

/* The end that is not the hook's: whom the packet goes to (ingress), or who sent it (egress). */
static __always_inline const __u32 *bh_far_address(const struct bh_context *c)
{
	return c->hook == BH_HOOK_INGRESS ? c->packet.destination : c->packet.source;
}

static __always_inline const struct bh_address *bh_far_here(const struct bh_context *c)
{
	return bh_here(&c->room->here[c->hook == BH_HOOK_INGRESS]);
}

/* What is known of the far end's address in this zone, else in any. */
static __always_inline const struct bh_address *bh_far_anywhere(const struct bh_context *c)
{
	const struct bh_address *found = bh_far_here(c);

	return found || c->zone == 0 ? found : bh_address_find(0, c->packet.family, bh_far_address(c));
}

/* The far end by its address as such: this zone's, any zone's or the host's, else the world's. party: zeroed by the caller. */
static __noinline int bh_party_far(const struct bh_context *c, struct bh_party *party)
{
	const struct bh_address *found = bh_far_anywhere(c);

	if (found)
		bh_party_of(c, found, party);
	else
		bh_party_outside(c, bh_far_address(c), party);
	bh_forget(c, party, sizeof(*party));
	return 0;
}

/* The entry of the far end's address if that belongs to endpoint `slot`, else 0. */
static __noinline const struct bh_address *bh_far_of(const struct bh_context *c, __u32 slot)
{
	const struct bh_address *found = bh_far_here(c);

	if (found && found->slot == slot && !(found->flags & BH_ADDRESS_AMBIGUOUS))
		return found;
	found = bh_address_find(0, c->packet.family, bh_far_address(c));
	return found && found->slot == slot && !(found->flags & BH_ADDRESS_AMBIGUOUS) ? found : 0;
}

/* The far end whose packets come through the ingress hook of endpoint `tag`. The address is its own, or a translated one, of
 * which only the endpoint is known. party: zeroed by the caller. */
static __noinline int bh_party_tagged(const struct bh_context *c, __u32 tag, struct bh_party *party)
{
	const struct bh_endpoint *endpoint = bh_endpoint_of(tag);
	const struct bh_address *found;

	party->slot = (__u16)tag;
	party->workload = endpoint ? endpoint->ifindex : 0;
	if (bh_is_bound(endpoint)) { /* else gone, or not known yet: BH_SUBJECT_UNKNOWN */
		bh_party_endpoint(c, party, endpoint);
		found = bh_far_of(c, tag);
		if (found) {
			bh_party_subject_of(c, party, found);
			party->ifindex = endpoint->zone == c->zone ? found->ifindex : 0;
		}
	}
	bh_forget(c, party, sizeof(*party));
	return 0;
}

/* A port of the host that is a workload's: the party becomes that workload. Returns the workload's port in host order, or -1. */
static __noinline int bh_published_target(const struct bh_context *c, const __u32 *address, __u16 port, struct bh_party *party)
{
	struct bh_published_key key = {.port = port, .protocol = c->packet.protocol, .family = c->packet.family};
	const struct bh_published *target;
	const struct bh_address *found;

	if (!bh_has_ports(c->packet.protocol))
		return -1;
	bh_copy(key.address, address, 16);
	target = bpf_map_lookup_elem(&bh_published, &key);
	if (!target) {
		__builtin_memset(key.address, 0, 16);
		target = bpf_map_lookup_elem(&bh_published, &key);
		if (!target)
			return -1;
	}
	found = bh_address_find(target->zone, target->family, (const __u32 *)target->address);
	if (found)
		bh_party_subject_of(c, party, found);
	else
		bh_party_subject(party, BH_SUBJECT_UNKNOWN);
	party->workload = found ? found->ifindex : 0;
	bh_party_workload(c, party, found ? bh_endpoint_of(found->slot) : 0);
	bh_forget(c, party, sizeof(*party));
	return bpf_ntohs(target->port);
}

/* True when (address, port) of this zone is what a published port leads to, and the host's own traffic to it is docker-proxy's. */
static __noinline int bh_is_proxy_target(const struct bh_context *c, const __u32 *address, __u16 port)
{
	struct bh_target_key key = {.port = port, .zone = c->zone, .protocol = c->packet.protocol, .family = c->packet.family};

	if (!(c->control->flags & BH_CONTROL_PROXY_IS_WORLD) || !bh_has_ports(key.protocol))
		return 0;
	bh_copy(key.address, address, 16);
	return bpf_map_lookup_elem(&bh_targets, &key) != 0;
}

#endif /* BULKHEAD_BPF_ADDRESS_H_ */
