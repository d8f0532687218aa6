# SPDX-License-Identifier: Apache-2.0
"""Packets of 64 KB and more, that are cut up only on their way."""
import frames
from harness import checks, peer, policy, port, rule
from hostile import shop
from world import LabError, ip_batch


def check_large_packets(lab):
    """64 KB from one write, cut up only on its way: judged and counted like the packets that it stands for."""
    evil, web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(7000), port(53, "UDP")])]))
    for family in (4, 6):
        sink = db.start("sink", 7000)
        told = web.traffic("push", db.address(family), 7000, 20_000_000)
        lab.equal(f"bytes that arrive of 20,000,000, IPv{family}", told["taken"], 20_000_000)
        sink.kill()
        rows = [row for row in lab.flows() if row["to_port"] == 7000 and (":" in row["to_address"]) == (family == 6)]
        packets, length = rows[0]["packets_to"], rows[0]["bytes_to"]
        lab.check("they are counted as the interface hands them over", 20_000_000 / 200_000 < packets < 20_000_000 / 1000, rows[0])
        lab.check("and so are their bytes", length > 20_000_000, rows[0])
        marker = frames.between(evil.address(family), db.address(family), "udp")
        finish = lab.watching(db, marker)
        evil.traffic("push", db.address(family), 53, 600_000, "--datagrams")
        lab.equal(f"datagrams of evil's that arrive, cut up by the kernel, IPv{family}", sum(finish().values()), 0)
    try:
        for place in ("evil-0", "web-0", "db-0"):
            ip_batch(["link set eth0 gso_max_size 150000 gro_max_size 150000"], place)
        for place in (evil, web, db):
            ip_batch([f"link set {place.host_interface} gso_max_size 150000 gro_max_size 150000"])
        ip_batch(["link set br0 gso_max_size 150000"])
    except LabError:
        raise checks.Skip("this kernel or iproute2 has no packets of more than 64 KB") from None
    sink = db.start("sink", 7000)
    told = web.traffic("push", db.v6, 7000, 20_000_000)
    lab.equal("bytes that arrive in packets of up to 150,000, IPv6", told["taken"], 20_000_000)
    sink.kill()
    lab.stopped(evil, db, 7000, family=6)
