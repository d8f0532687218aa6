/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a workload may claim to be: its own MAC and IP addresses, in frames, ARP and neighbour discovery. Besides, what every host
 * needs before it has an address: DAD, router solicitation, MLD and IGMP reports, ARP probes, DHCP and DHCPv6 clients. */
#ifndef BULKHEAD_BPF_SPOOF_H_
#define BULKHEAD_BPF_SPOOF_H_

#include "bpf/address.h"
#include "bpf/context.h"
#include "bpf/parse/arp.h"
#include "bpf/parse/nd.h"

/* What the checks of a packet's source came to, when not a reason to refuse it. */
enum bh_source { BH_SOURCE_OK = 0, BH_SOURCE_SPECIAL = 1 /* passes without policy and entry */ };

static __always_inline int bh_is_unspecified(const __u32 *address)
{
	return (address[0] | address[1] | address[2] | address[3]) == 0;
}

static __always_inline int bh_is_link_local(const __u32 *address)
{
	return (address[0] & bpf_htonl(0xffc00000u)) == bpf_htonl(0xfe800000u);
}

/* fe80::/64 with the modified EUI-64 of mac (RFC 4291, appendix A). */
static __always_inline int bh_is_eui64_of(const __u32 *address, const __u8 *mac)
{
	return address[0] == bpf_htonl(0xfe800000u) && address[1] == 0 &&
	       address[2] == bpf_htonl((__u32)(mac[0] ^ 2) << 24 | (__u32)mac[1] << 16 | (__u32)mac[2] << 8 | 0xff) &&
	       address[3] == bpf_htonl(0xfe000000u | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5]);
}

/* found: what this zone knows of an address. A routed endpoint owns its address also when a bridge has it too: the entry is ambiguous for
 * others, but keeps its slot. */
static __always_inline int bh_is_own(const struct bh_context *c, const struct bh_address *found)
{
	return found && found->slot == c->slot;
}

static __always_inline int bh_owns(const struct bh_context *c, __u8 family, const __u32 *address)
{
	return bh_is_own(c, bh_address_find(c->zone, family, address));
}

static __always_inline int bh_is_own_link_local(const struct bh_context *c, const __u32 *address)
{
	return c->packet.family == BH_V6 && !bh_mac_is_zero(c->endpoint->mac) && bh_is_eui64_of(address, c->endpoint->mac);
}

static __noinline __u8 bh_check_source_mac(const struct bh_context *c)
{
	const __u8 *mac = bh_source_mac(c);

	if (!mac)
		return BH_REASON_TRUNCATED;
	if (bh_mac_is_zero(c->endpoint->mac) || bh_mac_equal(mac, c->endpoint->mac))
		return BH_REASON_NONE;
	return BH_REASON_SPOOFED_MAC;
}

/* ARP from a bound endpoint: the sender must be it; a probe (RFC 5227) has no sender yet. */
static __noinline __u8 bh_check_arp(const struct bh_context *c)
{
	const __u8 *at = c->frame.data + BH_ETHERNET_BYTES;
	const struct bh_arp *arp = (const struct bh_arp *)at;
	__u32 sender[4] = {};

	if (at + sizeof(*arp) > c->frame.end)
		return BH_REASON_TRUNCATED;
	if (bh_check_source_mac(c) != BH_REASON_NONE)
		return BH_REASON_SPOOFED_ARP;
	if (!bh_mac_is_zero(c->endpoint->mac) && !bh_mac_equal(arp->sender_mac, c->endpoint->mac))
		return BH_REASON_SPOOFED_ARP;
	bh_copy(sender, arp->sender, 4);
	if (sender[0] == 0 || bh_owns(c, BH_V4, sender))
		return BH_REASON_NONE;
	return BH_REASON_SPOOFED_ARP;
}

/* Whether address is fe80::/64 with the modified EUI-64 of an endpoint's MAC, in this zone. */
static __noinline int bh_is_eui64_of_any(const struct bh_context *c, const __u32 *address)
{
	const __u8 *id = (const __u8 *)(address + 2);
	struct bh_zone_mac_key key = {.mac = {id[0] ^ 2, id[1], id[2], id[5], id[6], id[7]}, .zone = c->zone};

	return bh_is_eui64_of(address, key.mac) && bpf_map_lookup_elem(&bh_macs, &key) != 0;
}

/* A link-local address that the endpoint may have made itself (RFC 7217): neither the host nor another endpoint of the zone is known to
 * have it. */
static __noinline int bh_may_be_own_link_local(const struct bh_context *c, const __u32 *address)
{
	const struct bh_address *found;

	if (!bh_is_link_local(address))
		return 0;
	if (bh_is_own_link_local(c, address))
		return 1;
	found = bh_address_find(0, BH_V6, address);
	if (found && (found->flags & BH_ADDRESS_HOST))
		return 0;
	found = bh_address_find(c->zone, BH_V6, address);
	return (!found || found->slot == c->slot) && !bh_is_eui64_of_any(c, address);
}

/* One that solicits its own receiver, or advertises: with nothing in it that the sender chooses. */
static __noinline int bh_nd_says_little(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;
	__u32 target[4] = {};

	if (packet->icmp_type == BH_ND_ADVERTISEMENT)
		return 1;
	return packet->icmp_type == BH_ND_SOLICITATION && bh_nd_target(&c->frame, packet, target) &&
	       !__builtin_memcmp(target, packet->destination, sizeof(target));
}

/* For somebody on the link: what is routed on would be a way out past all policy. A neighbour that nobody here knows, as behind an uplink
 * that is a port of the bridge, is told by the prefix that IPv6 links have (RFC 4291 section 2.5.1), and gets messages without content. */
static __always_inline int bh_nd_stays_on_link(const struct bh_context *c)
{
	const __u32 *address = c->packet.destination;
	const struct bh_address *found;

	if ((c->packet.flags & BH_PACKET_MULTICAST) || bh_is_link_local(address) || bh_destination_here(c))
		return 1;
	found = bh_address_find(0, BH_V6, address);
	if (found)
		return (found->flags & BH_ADDRESS_HOST) != 0;
	return address[0] == c->packet.source[0] && address[1] == c->packet.source[1] && bh_is_bound(c->endpoint) &&
	       bh_is_own(c, bh_source_here(c)) && bh_nd_says_little(c);
}

/* MLD has a link-local source (RFC 3810 section 5), or none yet (RFC 3590). */
static __always_inline int bh_is_mld_source(const __u32 *address)
{
	return bh_is_unspecified(address) || bh_is_link_local(address);
}

static __always_inline int bh_is_nd_source(const struct bh_context *c, const __u32 *address)
{
	return bh_is_unspecified(address) || bh_is_own(c, bh_source_here(c)) || bh_may_be_own_link_local(c, address);
}

/* Neighbour discovery and MLD from an endpoint, but router advertisements and redirects. Whose it is can be checked of a bound one. */
static __noinline __u8 bh_check_nd(const struct bh_context *c)
{
	const struct bh_packet *packet = &c->packet;
	int bound = bh_is_bound(c->endpoint);
	__u32 target[4] = {};

	if (!bh_nd_hop_limit_is_right(&c->frame, packet->kind))
		return BH_REASON_SPOOFED_ND;
	if (bound && !bh_is_nd_source(c, packet->source))
		return BH_REASON_SPOOFED_IP;
	if (packet->kind == BH_KIND_MLD)
		return bh_is_mld_source(packet->source) ? BH_REASON_NONE : BH_REASON_SPOOFED_ND;
	if (!bh_nd_stays_on_link(c))
		return BH_REASON_SPOOFED_ND;
	if (packet->icmp_type != BH_ND_ROUTER_SOLICITATION && !bh_nd_target(&c->frame, packet, target))
		return BH_REASON_TRUNCATED;
	if (bound && packet->icmp_type == BH_ND_ADVERTISEMENT && !bh_is_own_link_local(c, target) && !bh_owns(c, BH_V6, target))
		return BH_REASON_SPOOFED_ND;
	return bh_nd_check_options(&c->frame, packet, bound ? c->endpoint->mac : 0);
}

static __always_inline int bh_is_udp(const struct bh_packet *packet, __u16 source_port, __u16 destination_port)
{
	return packet->protocol == BH_UDP && packet->source_port == bpf_htons(source_port) &&
	       packet->destination_port == bpf_htons(destination_port);
}

/* A client that asks for an address. */
static __always_inline int bh_is_dhcp_client(const struct bh_packet *packet)
{
	if (packet->family == BH_V6)
		return bh_is_udp(packet, 546, 547) && bh_is_link_local(packet->source) &&
		       (packet->flags & BH_PACKET_MULTICAST);
	return bh_is_udp(packet, 68, 67) && packet->source[0] == 0 && packet->destination[0] == 0xffffffffu;
}

static __always_inline int bh_is_dhcp_server(const struct bh_packet *packet)
{
	return packet->family == BH_V6 ? bh_is_udp(packet, 547, 546) : bh_is_udp(packet, 67, 68);
}

/* The source of an IP packet that is neither ND nor MLD, sent by the endpoint. Returns a reason; *outcome: enum bh_source. */
static __noinline __u8 bh_check_source(const struct bh_context *c, __u32 *outcome)
{
	const struct bh_packet *packet = &c->packet;
	int bound = bh_is_bound(c->endpoint);

	*outcome = BH_SOURCE_SPECIAL;
	if (bh_is_dhcp_client(packet))
		return BH_REASON_NONE;
	if (bh_is_igmp(packet) && (!bound || packet->source[0] == 0))
		return BH_REASON_NONE;
	if (bh_is_dhcp_server(packet))
		return BH_REASON_DHCP_SERVER;
	*outcome = bh_is_igmp(packet) ? BH_SOURCE_SPECIAL : BH_SOURCE_OK;
	if (!bound || bh_is_own(c, bh_source_here(c)) || bh_is_own_link_local(c, packet->source))
		return BH_REASON_NONE;
	return BH_REASON_SPOOFED_IP;
}

#endif /* BULKHEAD_BPF_SPOOF_H_ */
