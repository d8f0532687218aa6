# SPDX-License-Identifier: Apache-2.0
"""Tables are filled to the brim by traffic and by workloads: who talks goes on, what is denied stays denied, and the counters tell."""
import os

from faults_lab import HostLab, Seeds, checks, frames, ip_batch, peer, policy, rule, start, wait_until

SCENARIO_LAB = HostLab
ENTRIES = 1024  # of the flow table
QUOTA = 8


def grown(before, after, name):
    return after["totals"][name] - before["totals"][name]


def denied(counters, reason):
    return sum(row["denied"] for row in counters["reasons"] if row["reason"] == reason)


def check_answered_flows_of_many_fill_the_flow_table(lab):
    """Each of them keeps to its quota, and together they have all of it."""
    lab.bulkhead.configure(flow_table_entries=ENTRIES)
    web, evil = lab.world.workload("web-0", "web"), lab.world.workload("evil-0", "evil")
    crowd = [lab.world.workload(f"crowd-{number}", "crowd") for number in range(QUOTA + 3)]
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web"), peer("crowd")])]))
    stream = web.background("stream", db.v4, 5432).expect("connected")
    seeds = Seeds(lab, db, denied=[evil])
    before = lab.counters()
    for _ in range(2):
        for one in crowd:
            frame = frames.udp_frame(one.mac, db.mac, one.v4, db.v4, 53, sport=1024, payload=b"answer me")
            one.traffic("flood", "eth0", frame.hex(), ENTRIES, timeout=90)
    after = lab.counters()
    held = sum(1 for flow in lab.flows() if flow["from"] == "shop/crowd")
    lab.check("the table is all but full of the crowd's answered flows", held > 0.8 * ENTRIES, held)
    lab.check("the counters tell", grown(before, after, "flows_failed") + grown(before, after, "flows_displaced") > ENTRIES,
              (before["totals"], after["totals"]))
    lab.reaches(web, db, 5432, claim="a new TCP connection finds its way")
    lab.stopped(evil, db, 5432, claim="one that may not does not")
    said = stream.finish(30)
    lab.check("the connection of before lives", not said["broken"] and said["exchanges"] > 2, said)
    seeds.end("while the table was full")


def check_a_scan_fills_the_edge_table(lab):
    """Every port of TCP and of UDP, denied: each is an edge. There are 65536 in all."""
    web, evil, db = lab.shop()
    stream = web.background("stream", db.v4, 5432).expect("connected")
    watch = lab.watching(db, frames.between(evil.v4, db.v4, "tcp"), frames.between(evil.v4, db.v4, "udp"))
    before = lab.counters()
    for make in (frames.tcp_frame, frames.udp_frame):
        scan = start(evil, "scan", "eth0", make(evil.mac, db.mac, evil.v4, db.v4, 1).hex(), 65535)
        lab.equal("ports tried", scan.finish(100)["sent"], 65535)
    after = lab.counters()
    lab.check("edges found no room, and a counter tells", grown(before, after, "edges_lost") > 0, after["totals"])
    lab.equal("datagrams and segments of the scan that arrived", sum(watch().values()), 0)
    lab.judges("with a full edge table", web, evil, db)
    said = stream.finish(30)
    lab.check("the connection of before lives", not said["broken"] and said["exchanges"] > 2, said)
    lab.check("the daemon goes on", lab.bulkhead.status()["ok"])


def crowd_of(lab, count, addresses):
    """So many workloads that do nothing, on bridges of at most 1000 ports, each with so many addresses."""
    place = lab.world.namespace("place")
    lab.world.workloads.pop("place")
    lines = []
    for number in range(count):
        bridge = lab.world.bridge(f"crowd{number // 1000}")
        lines.append(f"link add c{number} type veth peer name e{number} address 02:43:00:00:{number >> 8:02x}:{number & 255:02x} "
                     f"netns {place.name}")
        lines.append(f"link set c{number} master {bridge.name} up")
    ip_batch(lines)
    return place


def check_more_interfaces_than_endpoints(lab):
    """4095 have room; nobody is let through for having none."""
    if not lab.long:
        raise checks.Skip("takes minutes: in the long form")
    web, evil, db = lab.shop()
    crowd_of(lab, 4200, 1)
    wait_until("all numbers are taken", lambda: lab.counters() and len(lab.elements("bh_ports")) == 4095, 600, 2)
    late_web, late_evil = lab.world.workload("web-1", "web"), lab.world.workload("evil-1", "evil")
    seeds = Seeds(lab, db, allowed=[web], denied=[evil, late_evil])
    lab.wait_problem(["no endpoint slot"], 60)
    lab.judges("with no room for more endpoints", web, evil, db)
    lab.stopped(late_web, db, 5432, claim="one that found no room is nobody, and may nothing")
    unprotected = {row["name"] for row in lab.bulkhead.status()["unprotected"]}
    lab.check("status tells who is unprotected", {"web-1", "evil-1"} <= {name.split("/")[-1] for name in unprotected}, unprotected)
    seeds.end("with no room for more endpoints")
    for number in range(4200):
        os.path.exists(f"/sys/class/net/c{number}") and ip_batch([f"link delete c{number}"])
    lab.bulkhead.wait_protected(5, 600)
    lab.reaches(late_web, db, 5432, claim="with room again it has its rights")
