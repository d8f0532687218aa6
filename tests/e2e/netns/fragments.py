# SPDX-License-Identifier: Apache-2.0
"""Fragments of IPv6 that a host with conntrack puts together and makes anew as it forwards them. Linux forgets then where they came
in, and they look like the host's own."""
import socket

import frames
from harness import peer, policy, port, rule
from world import Outside, run, wait_until

MARKER = b"IN-TWO-PIECES"
ASKED = 5353


def pieces(beyond, db, gateway, data):
    """A datagram from beyond. Only the first piece has options in front, for which the pieces behind it have no room: so the kernel
    makes all pieces anew."""
    datagram = frames.udp(beyond.v6, db.v6, 44444, ASKED, data)
    options = bytes([44, 63]) + 2 * (bytes([0x1E, 253]) + bytes(253))
    size = 400
    out = []
    for offset in range(0, len(datagram), size):
        more = offset + size < len(datagram)
        part = bytes([17, 0]) + (offset | more).to_bytes(2, "big") + (77).to_bytes(4, "big") + datagram[offset:offset + size]
        packet = frames.ip(beyond.v6, db.v6, 44, part) if offset else frames.ip(beyond.v6, db.v6, 60, options + part)
        out.append(frames.ethernet("02:00:00:00:00:01", gateway, packet).hex())
    return out


def check_what_the_host_makes_anew_is_the_worlds(lab):
    db = lab.world.workload("db-0", "db", serve=[f"udp:{ASKED}"])
    beyond = Outside()
    run(["nft", "add table ip6 seen; add chain ip6 seen pass { type filter hook forward priority 0; }; "
                "add rule ip6 seen pass ct state established,new accept"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(ASKED, "UDP")])]))
    gateway = run(["cat", "/sys/class/net/uplink/address"]).stdout.strip()
    several, one = MARKER + bytes(1400), MARKER + bytes(600)

    def send(data):
        for _ in range(3):
            beyond.traffic("send", "eth0", *pieces(beyond, db, gateway, data))
    for what, data in (("in several pieces", several), ("in one piece with a fragment header", one)):
        lab.equal(f"packets from beyond, {what}, that reach db", lab.received(db, MARKER, lambda data=data: send(data)), 0)
    rows = wait_until("they are reported", lambda: lab.flows("--verdict", "deny"))
    lab.equal("as the world's", {row["from"] for row in rows if row["port"] == ASKED}, {"world"})

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        sent = lab.received(db, MARKER, lambda: own.sendto(MARKER + bytes(4000), (db.v6, ASKED)))
    lab.equal("what the host itself sends in pieces passes", sent, 1)
    lab.apply(policy("db", "db", ingress=[rule([peer(cidr=f"{beyond.v6}/128")], [port(ASKED, "UDP")])]))
    for what, data in (("in several pieces", several), ("in one piece with a fragment header", one)):
        lab.equal(f"allowed: packets from beyond, {what}, that reach db", lab.received(db, MARKER, lambda data=data: send(data)), 3)
