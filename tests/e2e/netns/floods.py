# SPDX-License-Identifier: Apache-2.0
"""A workload that policy allows to talk opens more flows than the flow table has room for. Whoever talks already goes on.

BULKHEAD_FLOOD: tuples of each flood (short form: 20,000; the long one, 2,000,000, wants BULKHEAD_CHECK_SECONDS=900, too)."""
import json
import os
import socket

from harness import frames, peer, policy, rule

ENTRIES = 1024
TUPLES = int(os.environ.get("BULKHEAD_FLOOD", "20000"))
SECONDS = 60 + TUPLES // 5000


def besieged(lab):
    """web talks to db over TCP and UDP; batch may, too."""
    with open(lab.bulkhead.config_path, encoding="utf-8") as file:
        config = json.load(file)
    with open(lab.bulkhead.config_path, "w", encoding="utf-8") as file:
        json.dump({**config, "flow_table_entries": ENTRIES}, file)
    web, flooder = lab.world.workload("web-0", "web"), lab.world.workload("batch-0", "batch")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web"), peer("batch")])]))
    return web, flooder, db


def totals(lab):
    """What the API counts; no verb shows all of it."""
    with socket.socket(socket.AF_UNIX) as api:
        api.connect(lab.bulkhead.socket)
        api.sendall(b"GET /v1/counters HTTP/1.0\r\nHost: bulkhead\r\n\r\n")
        answer = b"".join(iter(lambda: api.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])["totals"]


def talk_through(lab, frame_of):
    """Talks before, during and after the flood."""
    web, flooder, db = besieged(lab)
    streams = [web.background("stream", db.v4, 5432).expect("connected") for _ in range(4)]
    lab.reaches(web, db, 53, "udp")
    before = totals(lab)
    told = flooder.traffic("flood", "eth0", frame_of(flooder, db).hex(), TUPLES, timeout=SECONDS)
    lab.equal("tuples of the flood", told["sent"], TUPLES)
    after = totals(lab)
    opened = [flow for flow in lab.flows("--verdict", "allow") if flow["from"] == "shop/web" and flow["port"] == 5432]
    lab.equal("flows of those who talk that are listed", len(opened), len(streams))
    for number, stream in enumerate(streams):
        said = stream.finish(30)
        lab.check(f"connection {number} lives and never waits for a lost packet", not said["broken"] and said["exchanges"] > 2 and
                  said["longest_gap_ms"] < 3000, said)
    lab.reaches(web, db, 5432, claim="a new connection of another workload finds room")
    lab.reaches(web, db, 53, "udp", claim="and so does a UDP flow")
    grown = {name: after[name] - before[name] for name in ("flows_created", "flows_displaced", "flows_failed")}
    lab.check("the flood did overflow its quota", grown["flows_created"] > ENTRIES // 8, grown)
    lab.check("the counters tell", grown["flows_displaced"] + grown["flows_failed"] > TUPLES // 2, grown)
    mine = [flow for flow in lab.flows("--verdict", "allow") if flow["from"] == "shop/batch"]
    lab.check("the flooder has no more than an eighth of the table", len(mine) <= ENTRIES // 8, len(mine))


def check_a_syn_flood(lab):
    """Of segments that db answers."""
    talk_through(lab, lambda flooder, db: frames.tcp_frame(flooder.mac, db.mac, flooder.v4, db.v4, 5432, sport=1))


def check_a_udp_flood(lab):
    talk_through(lab, lambda flooder, db: frames.udp_frame(flooder.mac, db.mac, flooder.v4, db.v4, 4000, sport=1))
