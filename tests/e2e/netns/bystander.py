# SPDX-License-Identifier: Apache-2.0
"""A frame that policy allows from web to db is not readable by a third workload, however it gets there."""
import frames
from harness import peer, policy, port, rule

MARKER = b"FOR-DB-ONLY"


def shop(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    third = lab.world.workload("third-0", "third")
    lab.start("enforce")
    rules = [rule([peer("web")], [port(5432), port(53, "UDP")])]
    lab.apply(policy("db", "db", ingress=rules), policy("third", "third", ingress=[]))
    return web, db, third


def sent(lab, web, third, mac, db, count=5):
    """What of an allowed UDP packet to db, sent to this MAC, reaches the third."""
    frame = frames.udp_frame(web.mac, mac, web.v4, db.v4, 53, payload=MARKER)
    return lab.received(third, MARKER, lambda: web.traffic("send", "eth0", frame.hex(), "--count", count))


def check_misaddressed(lab):
    web, db, third = shop(lab)
    lab.equal("packets for db sent to the third's MAC: received there", sent(lab, web, third, third.mac, db), 0)


def check_flooded(lab):
    web, db, third = shop(lab)
    lab.equal("packets for db sent to a MAC nobody has (the bridge floods): received by the third",
              sent(lab, web, third, "02:42:12:99:99:99", db), 0)


def check_broadcast(lab):
    web, db, third = shop(lab)
    lab.equal("packets for db sent to the broadcast MAC: received by the third", sent(lab, web, third, frames.BROADCAST, db), 0)


def check_within_an_open_connection(lab):
    web, db, third = shop(lab)
    stream = web.background("stream", db.v4, 5432).expect("connected")
    sport = [row["from_port"] for row in lab.flows() if row["to_port"] == 5432][0]
    for mac in (third.mac, frames.BROADCAST, "02:42:12:99:99:99"):
        frame = frames.tcp_frame(web.mac, mac, web.v4, db.v4, 5432, sport=sport, flags=frames.ACK, payload=MARKER)
        got = lab.received(third, MARKER, lambda frame=frame: web.traffic("send", "eth0", frame.hex(), "--count", 5))
        lab.equal(f"packets of it sent to {mac}: received by the third", got, 0)
    told = stream.finish()
    lab.check("the connection goes on", not told["broken"], told)


def check_it_is_readable_where_nothing_is_enforced(lab):
    web, db, third = shop(lab)
    lab.mode("learn")
    lab.equal("the same frames in learn mode: received by the third", sent(lab, web, third, third.mac, db), 5)
