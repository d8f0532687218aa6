# SPDX-License-Identifier: Apache-2.0
"""A container with every right over its own namespace (NET_RAW, NET_ADMIN) against its neighbours: frames of every kind, another MAC,
more addresses. Nothing of it arrives, and each denial is told by its reason and its sender."""
import struct

import frames
from harness import peer, policy, port, rule
from world import LabError, ip_batch, run

MARKER = b"HOSTILE-PACKET"
OTHER_MAC = "02:42:12:01:ff:fe"


def shop(lab):
    """evil may open nothing to db; web may at 5432."""
    evil, web = lab.world.workload("evil-0", "evil"), lab.world.workload("web-0", "web", serve=["tcp:80"])
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(53, "UDP")])]))
    return evil, web, db


def denied(lab):
    """How often packets were denied, by reason."""
    return {row["reason"]: row["denied"] for row in lab.bulkhead.json("drops")["reasons"]}


def nothing_arrives(lab, evil, victim, claim, packets, reason, marker=MARKER):
    before = denied(lab).get(reason, 0)
    got = lab.received(victim, marker, lambda: evil.traffic("send", "eth0", *(packet.hex() for packet in packets)))
    lab.equal(f"{claim}: frames that arrive", got, 0)
    after = denied(lab).get(reason, 0)
    lab.check(f"{claim}: all {len(packets)} are counted as {reason}", after >= before + len(packets), denied(lab))


def malformed(evil, db):
    """Frames that say what they should not, from evil as itself: (what, reason, frames)."""
    ends = (evil.v4, db.v4)
    ends6 = (evil.v6, db.v6)
    udp, udp6 = frames.udp(*ends, 40000, 53, MARKER), frames.udp(*ends6, 40000, 53, MARKER)
    honest, honest6 = (frames.ethernet(evil.mac, db.mac, frames.ip(*pair, 17, body)) for pair, body in ((ends, udp), (ends6, udp6)))
    kinds = [frames.frame(evil.mac, db.mac, kind, MARKER * 4) for kind in (0x88CC, 0x8847, 0x8863, 0x88A2, 0x9100, 60)]
    bridge_protocol = frames.frame(evil.mac, "01:80:c2:00:00:0e", 0x88CC, MARKER * 4)
    lies = [frames.mac(db.mac) + frames.mac(evil.mac) + honest[12:14] + honest[14:16] + struct.pack("!H", length) + honest[18:]
            for length in (0, 19, 27, 65535)]
    lies += [honest6[:18] + struct.pack("!H", length) + honest6[20:] for length in (0, 7, 65535)]
    lies += [honest[:14] + bytes([first]) + honest[15:] for first in (0x44, 0x55, 0x05)]
    return [
        ("VLAN and double VLAN tags", "vlan", [frames.vlan(honest), frames.vlan(honest6), frames.vlan(honest, 0x88A8),
                                               frames.vlan(frames.vlan(honest), 0x88A8)]),
        ("other ethertypes", "ethertype", [*kinds, bridge_protocol]),
        ("headers that lie", "truncated", lies),
        ("too many extension headers", "extension-header",
         [frames.ethernet(evil.mac, db.mac, frames.extended(*ends6, 17, udp6, 7))]),
        ("fragments without ports", "fragment",
         [frames.ethernet(evil.mac, db.mac, frames.fragment(*ends, 6, MARKER[:8], 0, True)),
          frames.ethernet(evil.mac, db.mac, frames.fragment6(*ends6, 6, MARKER[:8], 0, True))]),
        ("fragments that nobody began", "stray-fragment",
         [frames.ethernet(evil.mac, db.mac, frames.fragment(*ends, 17, MARKER * 2, 64, False, 11)),
          frames.ethernet(evil.mac, db.mac, frames.fragment6(*ends6, 17, MARKER * 2, 64, False, 11))]),
        ("ICMP of other types", "icmp-type",
         [frames.ethernet(evil.mac, db.mac, frames.icmp(*ends, kind, body=bytes(8) + MARKER)) for kind in (5, 13, 17)]),
        ("ICMP errors about nothing", "icmp-orphan",
         [frames.ethernet(evil.mac, db.mac, frames.icmp(*ends, 3, 3, bytes(4) + frames.ip(db.v4, evil.v4, 17, udp))),
          frames.ethernet(evil.mac, db.mac, frames.icmp(*ends6, 1, 4, bytes(4) + frames.ip(db.v6, evil.v6, 17, udp6)))]),
    ]


def check_frames_that_nobody_should_send(lab):
    evil, web, db = shop(lab)
    for what, reason, packets in malformed(evil, db):
        nothing_arrives(lab, evil, db, what, packets, reason, MARKER[:8])
    for _, reason, _ in malformed(evil, db):
        told = {row["from"] for row in lab.bulkhead.json("drops", "--reason", reason)["events"]}
        lab.equal(f"the senders of what was denied as {reason}", told, {"shop/evil"})
    lines = lab.bulkhead.cli("drops").stdout
    lab.check("each reason has its line", all(reason in lines for _, reason, _ in malformed(evil, db)), lines[:400])
    lab.reaches(web, db, 5432)


def check_fragments_that_lie_over_the_first(lab):
    """evil may talk to web's port 80; the rest of its packet tries to make that port another."""
    evil, web, _ = shop(lab)
    lab.apply(policy("web", "web", ingress=[rule([peer("evil")], [port(80, "UDP")])]))
    for family, make in ((4, frames.fragment), (6, frames.fragment6)):
        ends = (evil.address(family), web.address(family))
        first = frames.udp(*ends, 40000, 80, bytes(48))[:40]
        pieces = [make(*ends, 17, first, 0, True, family), make(*ends, 17, MARKER + bytes(2), 8, False, family),
                  make(*ends, 17, MARKER + bytes(2), 32, False, family)]
        pieces = [frames.ethernet(evil.mac, web.mac, piece) for piece in pieces]
        passed = lab.received(web, bytes(24), lambda pieces=pieces: evil.traffic("send", "eth0", pieces[0].hex()))
        lab.equal(f"the first fragment passes, IPv{family}", passed, 1)
        nothing_arrives(lab, evil, web, f"fragments over it, IPv{family}", pieces[1:], "overlapping-fragment")
        behind = frames.ethernet(evil.mac, web.mac, make(*ends, 17, MARKER, 40, False, family))
        passed = lab.received(web, MARKER, lambda behind=behind: evil.traffic("send", "eth0", behind.hex()))
        lab.equal(f"one behind it passes, IPv{family}", passed, 1)


def check_claims_about_the_network(lab):
    """Router advertisements, redirects, DHCP servers, forged neighbours: the ways to become somebody's router."""
    evil, web, db = shop(lab)
    every = "33:33:00:00:00:01"
    own6 = frames.address("fe80::42:12ff:fe01:a")
    link_layer = b"\x02\x01" + frames.mac(evil.mac)
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + frames.address("fd00:66::")

    def nd(kind, body, source=evil.v6, to="ff02::1", destination_mac=every):
        return frames.ethernet(evil.mac, destination_mac, frames.with_hop_limit(frames.icmp(source, to, kind, body=body), 255))
    advert = nd(134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + prefix + MARKER + bytes(2))
    redirect = nd(137, bytes(4) + own6 + frames.address(web.v6) + MARKER + bytes(2), to=db.v6, destination_mac=db.mac)
    nothing_arrives(lab, evil, db, "router advertisements and redirects", [advert, redirect], "router-advert")
    poison = nd(136, b"\x60\0\0\0" + frames.address(web.v6) + link_layer, to=db.v6, destination_mac=db.mac)
    nothing_arrives(lab, evil, db, "web's IPv6 address at evil's MAC", [poison], "spoofed-nd", frames.address(web.v6) + link_layer)
    offer = frames.udp_frame(evil.mac, db.mac, evil.v4, "255.255.255.255", 68, 67, MARKER)
    offer6 = frames.udp_frame(evil.mac, db.mac, evil.v6, db.v6, 546, 547, MARKER)
    nothing_arrives(lab, evil, db, "DHCP server replies", [offer, offer6], "dhcp-server")
    arps = [frames.arp(evil.mac, evil.mac, web.v4, web.v4), frames.arp(evil.mac, web.mac, web.v4, db.v4, 1),
            frames.arp(web.mac, web.mac, web.v4, db.v4)]
    nothing_arrives(lab, evil, db, "forged ARP, gratuitous, request and answer", arps, "spoofed-arp", frames.address(web.v4))
    for family in (4, 6):
        lab.reaches(db, web, 80, family=family)
        lab.reaches(web, db, 5432, family=family)


def check_added_addresses_and_another_mac(lab):
    evil, web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)]), rule([peer(cidr="198.18.1.200/32")])]))
    ip_batch([f"addr add {web.v4}/24 dev eth0", f"addr add {web.v6}/64 dev eth0 nodad", "addr add 198.18.1.200/24 dev eth0"], "evil-0")
    for family, source in ((4, web.v4), (6, web.v6), (4, "198.18.1.200")):
        syn = frames.tcp_frame(evil.mac, db.mac, source, db.address(family), 5432, payload=MARKER)
        nothing_arrives(lab, evil, db, f"packets from the added address {source}", [syn] * 3, "spoofed-ip")
    lab.reaches(web, db, 5432, claim="the address still reaches its owner")
    lab.reaches(db, web, 80, claim="others still reach the owner")
    ip_batch(["link set eth0 down", f"link set eth0 address {OTHER_MAC}", "link set eth0 up"], "evil-0")
    syn = frames.tcp_frame(OTHER_MAC, db.mac, evil.v4, db.v4, 5432, payload=MARKER)
    nothing_arrives(lab, evil, db, "packets from another MAC", [syn] * 3, "spoofed-mac")
    table = run(["bridge", "fdb", "show", "br", "br0"]).stdout
    lab.check("the bridge has not learned it", OTHER_MAC not in table, table)


def check_interfaces_of_its_own_making(lab):
    """What NET_ADMIN can build on eth0: VLANs, further MACs, tunnels."""
    evil, _, db = shop(lab)
    made = {"VLAN interface": ["link add link eth0 name x type vlan id 7", "addr add 198.18.1.222/24 dev x"],
            "macvlan interface": [f"link add link eth0 name x address {OTHER_MAC} type macvlan mode bridge",
                                  "addr add 198.18.1.222/24 dev x"],
            "IPIP tunnel": [f"link add x type ipip local {evil.v4} remote {db.v4}", "addr add 198.18.9.1/24 dev x"],
            "GRE tunnel": [f"link add x type gre local {evil.v4} remote {db.v4}", "addr add 198.18.9.1/24 dev x"]}
    for what, lines in made.items():
        try:
            ip_batch([*lines, "link set x up", "route replace 198.18.9.0/24 dev x"], "evil-0")
        except LabError:
            print(f"    skipped: this kernel makes no {what}", flush=True)
            continue
        finish = lab.watching(db, MARKER.decode())
        for host in ("198.18.9.2", db.v4):
            evil.traffic("call", "udp", host, 53, "--message", MARKER.decode(), "--timeout", 0.2)
        lab.equal(f"what arrives by a {what}", sum(finish().values()), 0)
        ip_batch(["link delete x"], "evil-0")
    # The same by hand, on any kernel: protocols without ports need a rule without ports.
    for protocol in (4, 41, 47, 50):
        packet = frames.ethernet(evil.mac, db.mac, frames.ip(evil.v4, db.v4, protocol, bytes(8) + MARKER))
        nothing_arrives(lab, evil, db, f"IP protocol {protocol}", [packet], "policy")


def check_mapped_addresses_are_ipv4(lab):
    """::ffff:a.b.c.d in a socket is IPv4 on the wire, and is judged as that; on the wire itself it is nobody's."""
    evil, web, db = shop(lab)
    mapped = "::ffff:" + db.v4
    lab.equal("web reaches db by its mapped address", web.traffic("call", "tcp", mapped, 5432, "--timeout", 2)["ok"], 1)
    lab.equal("evil does not", evil.traffic("call", "tcp", mapped, 5432, "--timeout", 0.4)["ok"], 0)
    forged = frames.tcp_frame(evil.mac, db.mac, "::ffff:" + web.v4, db.v6, 5432, payload=MARKER)
    nothing_arrives(lab, evil, db, "web's mapped address as an IPv6 source", [forged], "spoofed-ip")


def check_what_every_host_must_send_passes(lab):
    """Honest ARP, neighbour and router solicitations, reports to groups, DHCP clients: else nothing above would show anything."""
    _, web, db = shop(lab)
    link_layer = b"\x01\x01" + frames.mac(web.mac)

    def nd(kind, body, source, to, mac, hop_limit=255):
        return frames.ethernet(web.mac, mac, frames.with_hop_limit(frames.icmp(source, to, kind, body=body), hop_limit))
    last = frames.address(db.v6)[-3:]
    group, group_mac = "ff02::1:ff" + last.hex()[:2] + ":" + last.hex()[2:], "33:33:ff:" + last.hex(":")
    honest = {
        "ARP": (frames.arp(web.mac, web.mac, web.v4, db.v4, 1), web.v4),
        "ARP probe": (frames.arp(web.mac, web.mac, "0.0.0.0", db.v4, 1), db.v4),
        "neighbour solicitation": (nd(135, bytes(4) + frames.address(db.v6) + link_layer, web.v6, group, group_mac), db.v6),
        "duplicate address detection": (nd(135, bytes(4) + frames.address(db.v6), "::", group, group_mac), db.v6),
        "router solicitation": (nd(133, bytes(4) + link_layer, web.v6, "ff02::2", "33:33:00:00:00:02"), web.v6),
        "listener report": (nd(143, struct.pack("!HHBBH", 0, 1, 4, 0, 0) + frames.address("ff02::77:77"), "::", "ff02::16",
                               "33:33:00:00:00:16", 1), "ff02::77:77"),
        "DHCP client": (frames.udp_frame(web.mac, frames.BROADCAST, "0.0.0.0", "255.255.255.255", 67, 68, MARKER), None)}
    for what, (packet, address) in honest.items():
        marker = frames.address(address) if address else MARKER
        if what == "DHCP client":
            lab.apply(policy("db", "db", ingress=[rule()]))
        got = lab.received(db, marker, lambda packet=packet: web.traffic("send", "eth0", packet.hex()))
        lab.check(f"{what} arrives", got >= 1, got)
