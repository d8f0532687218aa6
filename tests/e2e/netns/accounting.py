# SPDX-License-Identifier: Apache-2.0
"""The flow table counts what the workloads' own interfaces count, to the byte and to the packet, with both CPUs at it.

What segmentation offload leaves in one piece is one packet for both.
"""
import collections
import json
import time

from harness import peer, policy, rule
from world import LabError, ip_batch, run, wait_until

Count = collections.namedtuple("Count", "bytes packets segments")


def counts(workload):
    """What the workload has sent, by its interface and by its TCP."""
    link = json.loads(run(["ip", "-n", workload.name, "-json", "-s", "link", "show", "dev", "eth0"]).stdout)[0]["stats64"]["tx"]
    lines = run(workload.inside(["cat", "/proc/net/snmp"])).stdout.splitlines()
    names, values = [line.split()[1:] for line in lines if line.startswith("Tcp:")]
    tcp = dict(zip(names, map(int, values)))
    return Count(link["bytes"], link["packets"], tcp["OutSegs"] + tcp["RetransSegs"])


def shop(lab, fast, segments=None):
    """web and db, whose interfaces carry nothing but what these tests send: no IPv6, and nobody to be resolved."""
    with open(lab.bulkhead.config_path, encoding="utf-8") as config:
        settings = {**json.load(config), "fast_path": "auto" if fast else "off"}
    with open(lab.bulkhead.config_path, "w", encoding="utf-8") as config:
        json.dump(settings, config)
    web, db = lab.world.namespace("web-0"), lab.world.namespace("db-0")
    for one, other in ((web, db), (db, web)):
        run(one.inside(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"]))
        ip_batch([f"neigh replace {other.v4} lladdr {other.mac} dev eth0 nud permanent"], netns=one.name)
        if segments:
            ip_batch([f"link set eth0 gso_max_segs {segments}"], netns=one.name)
    lab.world.describe(web, "web")
    lab.world.describe(db, "db")
    db.start("serve", "db", "tcp:5432", "udp:53")
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    if fast:
        wait_until("the fast path is on", lambda: lab.bulkhead.status()["networks"][0]["fast_path"])
    return web, db


def table(lab):
    """(bytes, packets) that the flow table has of either direction, all flows together."""
    rows = [row for row in lab.flows() if (row["from"], row["to"]) == ("shop/web", "shop/db")]
    return tuple((sum(row["bytes" + way] for row in rows), sum(row["packets" + way] for row in rows)) for way in ("_to", "_back"))


def settled(web, db):
    """What is counted once nothing moves any more."""
    before = None
    for _ in range(100):
        now = (counts(web), counts(db))
        if now == before:
            return now
        before = now
        time.sleep(0.2)
    raise LabError("the interfaces never came to rest")


def compare(lab, what, web, db, send, offload):
    old = settled(web, db)
    lab.equal(f"{what}: nothing has been counted yet", table(lab), ((0, 0), (0, 0)))
    send()
    new = settled(web, db)
    for way, whose, before, after, seen in zip(("there", "back"), ("web", "db"), old, new, table(lab)):
        sent = Count(*(b - a for a, b in zip(before, after)))
        lab.check(f"{what}, {way}: much was sent", sent.bytes > 50_000 and sent.packets > 100, sent)
        lab.equal(f"{what}, {way}: bytes that {whose}'s interface counted", seen[0], sent.bytes)
        lab.equal(f"{what}, {way}: packets that {whose}'s interface counted", seen[1], sent.packets)
        if offload and way == "there":
            lab.check(f"{what}: fewer packets than segments, so there was offload", sent.packets < sent.segments, sent)


def pour(lab, web, db, protocol, number, *options):
    answer = web.traffic("pour", protocol, db.v4, number, *options)
    lab.equal("senders that failed", answer["failed"], 0)


def tcp(lab, fast, segments):
    web, db = shop(lab, fast, segments)
    compare(lab, "TCP of two senders on two CPUs", web, db,
            lambda: pour(lab, web, db, "tcp", 5432, "--messages", 300, "--size", 60000), offload=segments is None)


def udp(lab, fast):
    web, db = shop(lab, fast)
    compare(lab, "UDP of two senders on two CPUs, one flow", web, db,
            lambda: pour(lab, web, db, "udp", 53, "--messages", 5000, "--size", 500), offload=False)


def check_tcp_with_offload(lab):
    tcp(lab, True, None)


def check_tcp_with_offload_over_the_bridge(lab):
    tcp(lab, False, None)


def check_tcp_without_offload(lab):
    tcp(lab, True, 1)


def check_tcp_without_offload_over_the_bridge(lab):
    tcp(lab, False, 1)


def check_udp(lab):
    udp(lab, True)


def check_udp_over_the_bridge(lab):
    udp(lab, False)
