# SPDX-License-Identifier: Apache-2.0
"""Forged addresses: a workload that sends as another has none of its rights, and cannot poison its neighbours."""
import frames
from harness import peer, policy, port, rule

MARKER = b"FORGED-PACKET"


def shop(lab):
    attacker, web = lab.world.workload("evil-0", "evil"), lab.world.workload("web-0", "web")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return attacker, web, db


def send(attacker, frame, count=5):
    attacker.traffic("send", "eth0", frame.hex(), "--count", count)


def check_a_forged_address_is_stopped(lab):
    attacker, web, db = shop(lab)
    for family in (4, 6):
        for mac, whose in ((attacker.mac, "its own"), (web.mac, "the victim's")):
            frame = frames.tcp_frame(mac, db.mac, web.address(family), db.address(family), 5432, payload=MARKER)
            got = lab.received(db, MARKER, lambda frame=frame: send(attacker, frame))
            lab.equal(f"packets with web's IPv{family} address and {whose} MAC that reach db", got, 0)
        lab.reaches(web, db, 5432, family=family)
    rows = [row for row in lab.flows("--verdict", "deny") if row["reason"].startswith("spoofed")]
    lab.check("who forged is told by name", rows and all(row["from"] == "shop/evil" for row in rows), rows[:3])


def check_a_forged_address_cannot_join_an_open_connection(lab):
    attacker, web, db = shop(lab)
    stream = web.background("stream", db.v4, 5432).expect("connected")
    ports = [row["from_port"] for row in lab.flows() if row["to_port"] == 5432 and row["from"] == "shop/web"]
    lab.check("the connection is in the flow table", bool(ports))
    for sport in ports:
        frame = frames.tcp_frame(web.mac, db.mac, web.v4, db.v4, 5432, sport=sport, flags=frames.ACK, payload=MARKER)
        got = lab.received(db, MARKER, lambda frame=frame: send(attacker, frame))
        lab.equal("forged packets within it that reach db", got, 0)
    told = stream.finish()
    lab.check("the connection goes on", not told["broken"], told)


def check_forged_arp_is_stopped(lab):
    attacker, web, db = shop(lab)
    # "web's address is at my MAC", to db
    arp = (frames.mac(db.mac) + frames.mac(attacker.mac) + bytes.fromhex("0806" "0001" "0800" "0604" "0002")
           + frames.mac(attacker.mac) + frames.address(web.v4) + frames.mac(db.mac) + frames.address(db.v4))
    finish = lab.watching(db, "hex:" + arp[14:].hex())
    send(attacker, arp)
    lab.equal("forged ARP answers that reach db", sum(finish().values()), 0)
    lab.reaches(web, db, 5432)


def check_outside_enforce_forged_packets_pass_and_are_counted(lab):
    attacker, web, db = shop(lab)
    lab.mode("learn")
    frame = frames.tcp_frame(attacker.mac, db.mac, web.v4, db.v4, 5432, payload=MARKER)
    got = lab.received(db, MARKER, lambda: send(attacker, frame))
    lab.equal("forged packets that reach db in learn mode", got, 5)
    learned = [edge for edge in lab.bulkhead.json("learn", "edges", "-A") if edge["from"] == "shop/web"]
    lab.equal("they are evidence for nobody", learned, [])
