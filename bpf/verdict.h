/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* How a packet is judged. This comment is the reference of the dataplane; each rule names the header that carries it out.
 *
 * Two hooks see a workload's packets, both at the host side of its interface: INGRESS (the workload sent it) and EGRESS (it is being
 * delivered to the workload). A packet between two workloads of a host meets both.
 *
 * 1. Stamp (abi/config.h). The word (epoch << 1 | slot) is read once, first; only tables of that slot are used.
 *
 * 2. Parse (parse/). Refused, with the identity unknown: VLAN tags, other ethertypes than IP and ARP, headers that are cut or lie about
 *    lengths, more than six extension headers or unknown ones, fragments whose ports cannot be known, other ICMP than echo, errors,
 *    neighbour discovery and multicast listener messages.
 *
 * 3. Established path (established.h). The entry of the normalised tuple in this zone holds, without any other look-up, if its stamp
 *    is the current one, it has not expired, and the interface is the one it belongs to: at INGRESS the sender's, at EGRESS the
 *    receiver's, with the sender's provenance on the packet. A packet that opens a flow of its own (bare SYN, echo request) does not
 *    ride on an entry of the other direction, nor a SYN on a connection that is over. A mismatch denies nothing: it leads on to 4.
 *    The first answer of a responder that has no hook in this zone brings its provenance, which the entry keeps.
 *    Multicast and broadcast never use or make entries.
 *    Counting: INGRESS counts what it sees; EGRESS counts only packets whose sender has no hook in this zone.
 *    At INGRESS an answered flow between two workloads of one bridge may go straight to its receiver (fast_path.h).
 *    The common packets (plain headers; TCP that opens nothing, UDP, SCTP) are judged by this rule alone in a short
 *    program (quick.h); it leaves every other packet, and every doubt, to the slow one, which carries out all the rules. Only when a
 *    CPU has used up its events of a tick does the short program also deny, by the note of an equal packet's denial (denial.h).
 *
 * 4. Who sent it. INGRESS (spoof.h) checks MAC and address of a bound endpoint, and ARP and ND claims, lets DHCP clients, IGMP, MLD and
 *    ND pass without policy (at EGRESS, too), refuses DHCP servers and router advertisements, and writes the endpoint's slot into the
 *    packet as its provenance. IGMP, MLD and ND are what hosts of one link say to each other, and no more than that: with the hop limit
 *    that no router leaves, to a group or somebody on the link, with the options and of the length that hosts need. EGRESS (arrive.h) believes that provenance, never an address: a local address without it, from outside or from
 *    another endpoint, is a spoof; a packet without it that came over no interface is the host's own, but for
 *    fragments of IPv6 without a socket, which the host may have made of what it forwards. There the destination address
 *    and MAC must be the endpoint's, too, or the frame came to the wrong port.
 *
 * 5. ICMP errors (icmp_error.h) pass when they quote a packet of a flow whose entry holds today, to its sender, from where it went.
 *
 * 6. Parties (resolve.h). What is judged is always the flow in its own direction: opener -> responder, service port. An answer on an
 *    entry is judged as opener -> responder of that entry. Addresses are looked up in this zone, then among all, then by prefix. A
 *    published port of the host is the workload behind it, at that workload's port. The host's own traffic to such a workload is the
 *    world's (docker-proxy). An answer of another provenance than the answers before is its sender's; when policy does not allow that
 *    outright it is a spoof, and the entry stays.
 *
 * 7. Policy (policy.h). Each side judges by its own row: the source's egress by the destination's class, the destination's ingress by
 *    the source's. The cell selects a ruleset, and the ruleset's interval that holds protocol and service port has the side's verdict
 *    and rule. A subject without a row (the host, the world) allows, by the rule "default". Both sides must allow. A denial drops if its
 *    side enforces, else it is would-deny; a denial in audit is would-deny whatever the mode. Any drop wins. A workload's traffic to
 *    itself is allowed. At INGRESS a group's address is the world's, which allows: receivers judge at EGRESS.
 *
 * 8. TCP in the middle of a stream, without an entry (neither SYN nor RST): judged as it stands and as an answer, the likelier
 *    direction by its ports first; the better verdict holds. What goes from an ephemeral port to a service's is no answer. Only so
 *    many packets in a flow tick are looked at as answers; the others are judged as they stand and make no entry. Other protocols,
 *    never.
 *
 * 9. Entries (record.h). ALLOW and WOULD_DENY make or refresh one. DENY makes none; one that is there stays as revoked and carries
 *    nothing: each packet of it is judged again, in the direction that it was opened in. TCP makes one by its SYN or by 8; an echo
 *    reply, a reset or a SYN-ACK never does. At EGRESS a packet with provenance and no entry was translated, or routed from another
 *    zone, on its way: its entry is LINKED, neither listed nor in edges. Without room TCP passes packet by packet, the rest is
 *    refused. A packet that may pass, and whose group of slots other CPUs keep busy, passes without an entry: the next one makes it.
 *
 * 10. What 2, 4, 5 and 9 refuse is dropped if a known side of the packet enforces: at INGRESS the sender, at EGRESS the receiver or the
 *    tagged sender; when none is known, if the global mode does. Else it passes and is reported (refuse.h).
 *
 * 11. Staged policy (export.h). While one is staged, the flow of a packet that made or refreshed an entry by 9, or that 7 denied, is
 *    judged a second time, by the staged policy's tables, once all is done for the packet itself: same parties (6), same direction
 *    (8). What comes of it is added to an edge under both verdicts, no more. Linked entries are left out, as in all edges. */
#ifndef BULKHEAD_BPF_VERDICT_H_
#define BULKHEAD_BPF_VERDICT_H_

#include "bpf/arrive.h"
#include "bpf/context.h"
#include "bpf/icmp_error.h"
#include "bpf/policy.h"
#include "bpf/record.h"
#include "bpf/refuse.h"
#include "bpf/resolve.h"
#include "bpf/solicit.h"
#include "bpf/spoof.h"

static __noinline int bh_consider(const struct bh_context *c, struct bh_judgement *j, int reversed)
{
	__builtin_memset(j, 0, sizeof(*j));
	bh_resolve(c, j, reversed);
	bh_forget(c, j, sizeof(*j));
	bh_apply_policy(c, j, bh_active_slot(c));
	bh_forget(c, j, sizeof(*j));
	return 0;
}

/* 0 for allow, 1 for would-deny, 2 for deny. */
static __always_inline __u32 bh_severity(const struct bh_judgement *j)
{
	return (3u - j->verdict) % 3;
}

/* Linux hands out ephemeral ports from 32768 on (net.ipv4.ip_local_port_range); services are below. */
#define BH_EPHEMERAL 32768

static __noinline int bh_consider_midstream(const struct bh_context *c, struct bh_scratch_room *room)
{
	struct bh_judgement *j = &room->judgement, *other = &room->other;
	int from_service = bpf_ntohs(c->packet.source_port) < BH_EPHEMERAL;
	int to_service = bpf_ntohs(c->packet.destination_port) < BH_EPHEMERAL;
	int reversed = from_service && !to_service;
	int either = from_service == to_service;

	if (reversed && !bh_may(c, BH_LIMITED_MIDSTREAM)) {
		bh_consider(c, j, c->frame.zero);
		return 0;
	}
	bh_consider(c, j, reversed | c->frame.zero);
	if (j->verdict != BH_ALLOW && (reversed || (either && bh_may(c, BH_LIMITED_MIDSTREAM)))) {
		bh_consider(c, other, !reversed);
		if (bh_severity(other) < bh_severity(j))
			*j = *other;
	}
	j->midstream = 1;
	return 0;
}

static __always_inline int bh_is_midstream(const struct bh_context *c)
{
	return c->packet.protocol == BH_TCP && !c->known && !(c->packet.flags & BH_PACKET_GROUP) &&
	       !(c->packet.tcp_flags & (BH_TCP_SYN | BH_TCP_RST));
}

/* A packet of whom the source and the destination are known to be what they say. */
static __always_inline int bh_judge(struct bh_context *c, struct bh_scratch_room *room)
{
	struct bh_judgement *j = &room->judgement;
	int action;

	bh_forget_context(c);
	if ((c->packet.flags & BH_PACKET_ANSWERS) && !c->known && !(c->packet.flags & BH_PACKET_GROUP))
		return bh_refuse(c, j, BH_REASON_ICMP_ORPHAN);
	if (bh_is_midstream(c))
		bh_consider_midstream(c, room);
	else
		bh_consider(c, j, c->known && c->answer);
	action = bh_conclude(c, j);
	if (c->packet.protocol == BH_UDP && c->hook == BH_HOOK_INGRESS && j->step == BH_EDGE_FLOW &&
	    j->outside == BH_OUTSIDE_DESTINATION && (c->control->flags & BH_CONTROL_UPLINKS))
		bh_note_solicited(c);
	if (j->step != BH_EDGE_NOTHING && bh_is_staged(c))
		bh_judge_staged(c, j);
	return action;
}

static __always_inline int bh_pass_unjudged(void)
{
	bh_count(BH_REASON_NONE * 3 + BH_ALLOW);
	return BH_PASS;
}

/* What the endpoint may not send at all. *outcome: enum bh_source. */
static __always_inline __u8 bh_check_departure(const struct bh_context *c, __u32 *outcome)
{
	int bound = bh_is_bound(c->endpoint);
	__u8 kind = c->packet.kind;
	__u8 type = c->packet.icmp_type;

	*outcome = BH_SOURCE_SPECIAL;
	if (kind == BH_KIND_ARP)
		return bound ? bh_check_arp(c) : BH_REASON_NONE;
	if (bound && bh_check_source_mac(c) != BH_REASON_NONE)
		return BH_REASON_SPOOFED_MAC;
	if (kind == BH_KIND_ND && (type == BH_ND_ROUTER_ADVERTISEMENT || type == BH_ND_REDIRECT))
		return BH_REASON_ROUTER_ADVERT;
	if (kind == BH_KIND_ND || kind == BH_KIND_MLD)
		return bh_check_nd(c);
	return bh_check_source(c, outcome);
}

/* What is forged may pass because its sender does not enforce, but not as that sender's: whoever enforces does not take it. */
static __always_inline int bh_refuse_departure(struct bh_context *c, struct bh_judgement *j, __u8 reason)
{
	if (reason == BH_REASON_SPOOFED_IP || reason == BH_REASON_SPOOFED_MAC || reason == BH_REASON_ICMP_ORPHAN)
		c->tag = BH_TAG_REFUSED;
	return bh_refuse(c, j, reason);
}

/* The rest of the way of a packet that a workload sent. Returns enum bh_action; c->tag: the provenance to give it. */
static __always_inline int bh_judge_ingress(struct bh_context *c, struct bh_scratch_room *room)
{
	struct bh_judgement *j = &room->judgement;
	__u32 outcome = BH_SOURCE_OK;
	__u8 reason = c->packet.reason;

	bh_look_around(c);
	bh_find_own_endpoint(c);
	c->tag = c->slot;
	if (reason == BH_REASON_NONE && !c->endpoint)
		reason = BH_REASON_NO_ENDPOINT;
	if (reason == BH_REASON_NONE)
		reason = bh_check_departure(c, &outcome);
	if (reason != BH_REASON_NONE)
		return bh_refuse_departure(c, j, reason);
	if (outcome == BH_SOURCE_SPECIAL)
		return bh_pass_unjudged();
	if (c->packet.kind == BH_KIND_ICMP_ERROR)
		return bh_icmp_error_belongs(c) ? bh_pass_unjudged() : bh_refuse_departure(c, j, BH_REASON_ICMP_ORPHAN);
	return bh_judge(c, room);
}

/* The rest of the way of a packet that is being delivered to a workload. */
static __always_inline int bh_judge_egress(struct bh_context *c, struct bh_scratch_room *room)
{
	struct bh_judgement *j = &room->judgement;
	__u8 reason = c->packet.reason;
	__u8 kind = c->packet.kind;

	bh_look_around(c);
	bh_find_own_endpoint(c);
	if (reason == BH_REASON_NONE && kind == BH_KIND_ARP)
		return bh_pass_unjudged();
	if (reason == BH_REASON_NONE && !c->endpoint)
		reason = BH_REASON_NO_ENDPOINT;
	if (reason == BH_REASON_NONE && (kind == BH_KIND_ND || kind == BH_KIND_MLD || bh_is_igmp(&c->packet))) {
		reason = bh_is_igmp(&c->packet) ? BH_REASON_NONE : bh_check_nd_arrival(c);
		if (reason == BH_REASON_NONE)
			return bh_pass_unjudged();
	}
	if (reason == BH_REASON_NONE)
		reason = bh_check_arrival(c);
	if (reason != BH_REASON_NONE)
		return bh_refuse(c, j, reason);
	if (kind == BH_KIND_ICMP_ERROR)
		return bh_icmp_error_belongs(c) ? bh_pass_unjudged() : bh_refuse(c, j, BH_REASON_ICMP_ORPHAN);
	return bh_judge(c, room);
}

#endif /* BULKHEAD_BPF_VERDICT_H_ */
