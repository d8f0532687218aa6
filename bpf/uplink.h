/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What comes in over an uplink, before the host does anything with it. The egress hooks of the workloads judge everything that gets
 * to them anyway, with more knowledge: after DNAT, after reassembly, with the flow at hand. So a packet is dropped here only when it
 * is certain that they would, or must, drop it; whatever is in doubt passes. In order:
 *
 * 1. Deny list: the source is in a prefix of it: dropped, in every mode. It is the operator's explicit wish. It holds for packets, too,
 *    whose headers do not stand whole in the first buffer; they are not looked at further.
 *
 * 2. Only frames that the host itself or the workload of the destination address takes are looked at further: by the destination MAC.
 *    A bridge or a VLAN below the host may carry others' traffic, which may well use the addresses of workloads here. VLAN tags (two)
 *    are looked through: addresses mean the same behind a VLAN interface of the host.
 *
 * 3. A source that is a local workload's address: nobody outside has it: spoofed-ip. Dropped if the workload of that address, or that
 *    of the destination, enforces; else reported. An address that several workloads have counts in the global mode.
 *
 * 4. To a workload's address (routed, without NAT): what could only open a flow is judged: a bare SYN, or a packet of another protocol
 *    without an entry in the flow table of the workload's zone: source by prefix, the workload's ingress policy, all protocols.
 *    Answers of flows that the workload opened have an entry, and so pass on to tc, which holds them against it; TCP in the middle
 *    of a stream, echo replies, ICMP errors and later fragments pass on, too.
 *
 * 5. To an address of the host: bare SYNs and UDP to published ports, as a packet to the workload behind, before DNAT. TCP answers are
 *    no bare SYNs, whatever their port. UDP may be an answer of a masqueraded flow, or of one of the host's own: it passes if its
 *    port is in the local range (abi/uplink.h), or some workload has asked its source (solicit.h).
 *
 * What 4 and 5 let pass, or would deny in another mode, leaves no trace here: tc sees it and tells. */
#ifndef BULKHEAD_BPF_UPLINK_H_
#define BULKHEAD_BPF_UPLINK_H_

#include "bpf/address.h"
#include "bpf/parse/ethernet.h"
#include "bpf/parse/nd.h"
#include "bpf/policy.h"
#include "bpf/record.h"
#include "bpf/solicit.h"

/* Tags in front of each other: IEEE 802.1Q, and 802.1ad around it. */
#define BH_MOST_TAGS 2
#define BH_TAG_BYTES 4

/* Moves the frame's begin so that the EtherType behind the tags is where the parser looks for it. MACs must have been read before. */
static __always_inline void bh_skip_tags(struct bh_frame *frame)
{
	int i;

#pragma GCC unroll 2
	for (i = 0; i < BH_MOST_TAGS; i++) {
		const __u8 *at = frame->data;
		__u16 type;

		if (at + BH_ETHERNET_BYTES + BH_TAG_BYTES > frame->end)
			return;
		type = bpf_ntohs(*(const __u16 *)(at + 12));
		if (type != BH_ETHERTYPE_8021Q && type != BH_ETHERTYPE_8021AD)
			return;
		frame->data = at + BH_TAG_BYTES;
		frame->length -= BH_TAG_BYTES;
	}
}

static __noinline int bh_is_blocked(const struct bh_context *c)
{
	struct bh_block *block;

	if (c->packet.family == BH_V6) {
		struct bh_prefix6_key key = {.length = 128};

		bh_copy(key.address, c->packet.source, 16);
		block = bpf_map_lookup_elem(&bh_blocked6, &key);
	} else {
		struct bh_prefix4_key key = {.length = 32};

		bh_copy(key.address, c->packet.source, 4);
		block = bpf_map_lookup_elem(&bh_blocked4, &key);
	}
	if (!block)
		return 0;
	__sync_fetch_and_add(&block->packets, 1);
	__sync_fetch_and_add(&block->bytes, (__u64)c->frame.length);
	return 1;
}

/* The workload that has the address, as seen from outside; 0: none has, or the host, or several. */
static __always_inline const struct bh_endpoint *bh_routed_endpoint(const struct bh_address *found)
{
	if (!found || (found->flags & (BH_ADDRESS_HOST | BH_ADDRESS_AMBIGUOUS)))
		return 0;
	return bh_endpoint_of(found->slot);
}

/* Reports the packet, identities unknown. j: overwritten. Returns enum bh_action. */
static __noinline int bh_uplink_refuse(const struct bh_context *c, struct bh_judgement *j, __u8 reason, int drops)
{
	__builtin_memset(j, 0, sizeof(*j));
	j->reason = reason;
	j->verdict = drops ? BH_DENY : BH_WOULD_DENY;
	bh_report(c, j);
	return drops ? BH_DROP : BH_PASS;
}

/* c: its addresses are known. Returns enum bh_action. */
static __noinline int bh_refuse_blocked(const struct bh_context *c, struct bh_judgement *j)
{
	return bh_is_blocked(c) ? bh_uplink_refuse(c, j, BH_REASON_BLOCKED, 1) : BH_PASS;
}

static __always_inline int bh_is_spoofed_outside(const struct bh_address *source)
{
	return source && !(source->flags & BH_ADDRESS_HOST) && (source->slot != 0 || (source->flags & BH_ADDRESS_AMBIGUOUS));
}

/* endpoint: of the destination, or 0. */
static __always_inline int bh_refuse_spoofed(const struct bh_context *c, const struct bh_address *source,
					     const struct bh_endpoint *endpoint, struct bh_judgement *j)
{
	int drops = bh_subject_enforces(c, source->subject[bh_active_slot(c)]) ||
		    (bh_is_bound(endpoint) && bh_subject_enforces(c, bh_endpoint_subject(c, endpoint)));

	return bh_uplink_refuse(c, j, BH_REASON_SPOOFED_IP, drops);
}

/* j: zeroed, with responder and service port. Returns enum bh_action. */
static __noinline int bh_uplink_conclude(const struct bh_context *c, struct bh_judgement *j)
{
	bh_party_outside(c, c->packet.source, &j->opener);
	bh_forget(c, j, sizeof(*j));
	bh_apply_policy(c, j, bh_active_slot(c));
	bh_forget(c, j, sizeof(*j));
	if (j->verdict != BH_DENY || j->reason != BH_REASON_POLICY)
		return BH_PASS;
	bh_find_outside(j);
	j->step = BH_EDGE_DENIED;
	bh_edge_judged(c, j);
	bh_rules_judged(j);
	bh_report(c, j);
	if (bh_is_staged(c))
		bh_judge_staged(c, j);
	return BH_DROP;
}

static __always_inline int bh_judge_routed(struct bh_context *c, const struct bh_address *destination,
					   const struct bh_endpoint *endpoint, struct bh_judgement *j)
{
	struct bh_flow_ref ref;

	if (c->packet.flags & BH_PACKET_ANSWERS)
		return BH_PASS;
	if (c->packet.protocol == BH_TCP && !(c->packet.flags & BH_PACKET_OPENS))
		return BH_PASS;
	c->zone = endpoint->zone;
	if (bh_flow_find(c, &c->packet, &ref))
		return BH_PASS;
	__builtin_memset(j, 0, sizeof(*j));
	bh_party_subject_of(c, &j->responder, destination);
	j->responder.slot = destination->slot;
	j->responder.workload = destination->ifindex;
	if (bh_has_ports(c->packet.protocol))
		j->service_port = bpf_ntohs(c->packet.destination_port);
	return bh_uplink_conclude(c, j);
}

/* True when the port of the host may be somebody's who waits for an answer. */
static __always_inline int bh_may_be_answer(const struct bh_context *c)
{
	__u16 port = bpf_ntohs(c->packet.destination_port);
	__u32 zero = 0;
	const struct bh_uplink_config *config = bpf_map_lookup_elem(&bh_uplink_config, &zero);

	return !config || (port >= config->first_port && port <= config->last_port) || bh_is_solicited(c);
}

static __always_inline int bh_judge_published(struct bh_context *c, struct bh_judgement *j)
{
	int port;

	if (c->packet.protocol == BH_TCP ? !(c->packet.flags & BH_PACKET_OPENS) : c->packet.protocol != BH_UDP)
		return BH_PASS;
	__builtin_memset(j, 0, sizeof(*j));
	port = bh_published_target(c, c->packet.destination, c->packet.destination_port, &j->responder);
	if (port < 0 || (c->packet.protocol == BH_UDP && bh_may_be_answer(c)))
		return BH_PASS;
	j->service_port = (__u16)port;
	return bh_uplink_conclude(c, j);
}

/* mac: the frame's destination. c: parsed, in zone 0, IP. j: room. Returns enum bh_action. */
static __noinline int bh_judge_uplink(struct bh_context *c, const struct bh_mac_key *mac, struct bh_judgement *j)
{
	const struct bh_address *source, *destination;
	const struct bh_endpoint *endpoint;

	if (bh_refuse_blocked(c, j) == BH_DROP)
		return BH_DROP;
	destination = bh_address_find(0, c->packet.family, c->packet.destination);
	endpoint = bh_routed_endpoint(destination);
	if (!(endpoint && bh_mac_equal(mac->mac, endpoint->mac)) && !bpf_map_lookup_elem(&bh_host_macs, mac))
		return BH_PASS;
	source = bh_address_find(0, c->packet.family, c->packet.source);
	if (bh_is_spoofed_outside(source))
		return bh_refuse_spoofed(c, source, endpoint, j);
	if (!destination || c->packet.reason != BH_REASON_NONE || c->packet.kind != BH_KIND_FLOW ||
	    c->packet.fragment == BH_FRAGMENT_LATER)
		return BH_PASS;
	if (endpoint)
		return bh_judge_routed(c, destination, endpoint, j);
	return (destination->flags & BH_ADDRESS_HOST) ? bh_judge_published(c, j) : BH_PASS;
}

#endif /* BULKHEAD_BPF_UPLINK_H_ */
