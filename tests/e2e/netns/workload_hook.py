# SPDX-License-Identifier: Apache-2.0
"""What workloads send is judged in XDP when the configuration says so; the tc program behind it takes its word, or judges itself."""
import json

import frames
from harness import peer, policy, port, rule
from world import ip_batch, run, wait_until

MARKER = b"TAGGED-BY-A-WORKLOAD"


def shop(lab, **settings):
    lab.bulkhead.configure(workload_hook="xdp", **settings)
    web, evil = lab.world.workload("web-0", "web"), lab.world.workload("evil-0", "evil")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"], size=60000)
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, evil, db


def has_xdp(workload):
    return "xdp" in json.loads(run(["ip", "-j", "-d", "link", "show", workload.host_interface]).stdout)[0]


def packets(lab):
    """All that the flow table has, to and back."""
    rows = [row for row in lab.flows() if row["source"] == "flow"]
    return sum(row["packets_to"] for row in rows), sum(row["packets_back"] for row in rows)


def check_it_judges(lab):
    web, evil, db = shop(lab)
    lab.check("the program is on the workloads' interfaces", all(has_xdp(each) for each in (web, evil, db)))
    lab.check("status shows it", lab.bulkhead.status()["workload_hook"] == "xdp")
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.stopped(evil, db, 5432, family=family)
    events = [row for row in lab.bulkhead.json("drops")["events"] if row["from"] == "shop/evil"]
    lab.check("who is stopped is told", events and all(row["hook"] == "ingress" for row in events), events[:2])


def check_it_counts_each_packet_once(lab):
    web, _, db = shop(lab)

    def sent(place):
        text = run(place.inside(["cat", "/proc/net/dev"])).stdout
        return int([line for line in text.splitlines() if "eth0" in line][0].split(":")[1].split()[9])
    lab.reaches(web, db, 5432)
    before = packets(lab)
    at_web, at_db = sent(web), sent(db)
    web.traffic("call", "tcp", db.v4, 5432, "--count", 20, "--timeout", 2)
    counted = [now - was for now, was in zip(packets(lab), before)]
    # Neighbour discovery may send a packet or two of its own.
    seen = sent(web) - at_web, sent(db) - at_db
    lab.check("packets counted and packets sent", all(0 <= seen[i] - counted[i] <= 3 for i in (0, 1)), (counted, seen))


def check_a_change_counts_from_the_next_start(lab):
    web, evil, db = shop(lab)
    stream = web.background("stream", db.v4, 5432).expect("connected")
    for hook, expected in (("tc", False), ("xdp", True)):
        lab.bulkhead.stop()
        lab.bulkhead.configure(workload_hook=hook)
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
        wait_until(f"{hook}: the programs are exchanged", lambda expected=expected: has_xdp(web) == expected)
        lab.reaches(web, db, 5432, claim=f"{hook}: web passes")
        lab.stopped(evil, db, 5432, claim=f"{hook}: evil is stopped")
    told = stream.finish()
    lab.check("a connection goes on", not told["broken"], told)


def check_without_its_program_tc_judges(lab):
    web, evil, db = shop(lab)
    link = f"{lab.bulkhead.pin_root}/v*/links"
    for workload in (web, evil, db):
        number = json.loads(run(["ip", "-j", "link", "show", workload.host_interface]).stdout)[0]["ifindex"]
        run(["sh", "-c", f"rm {link}/{number}_xdp"])  # the last that holds it
        wait_until("it is gone", lambda workload=workload: not has_xdp(workload))
    lab.reaches(web, db, 5432)
    lab.stopped(evil, db, 5432)
    wait_until("and the daemon puts it back", lambda: has_xdp(evil), 45)
    lab.stopped(evil, db, 5432)


def check_jumbo_frames(lab):
    """Packets of more than one buffer."""
    web, evil, db = shop(lab)
    ip_batch(["link set br0 mtu 9000"] + [f"link set {each.host_interface} mtu 9000" for each in (web, evil, db)])
    for each in (web, evil, db):
        ip_batch(["link set eth0 mtu 9000"], netns=each.name)
    done = web.traffic("call", "tcp", db.v4, 5432, "--count", 5, "--timeout", 3, "--message", "x" * 4000)
    lab.equal("large requests and answers pass", (done["ok"], done["failed"]), (5, 0))
    lab.stopped(evil, db, 5432)


def check_vlan_tags_are_refused(lab):
    web, _, db = shop(lab)
    frame = frames.tcp_frame(web.mac, db.mac, web.v4, db.v4, 5432, payload=MARKER)
    tagged = frame[:12] + b"\x81\x00\x00\x07" + frame[12:]
    got = lab.received(db, MARKER, lambda: web.traffic("send", "eth0", tagged.hex(), "--count", 5))
    lab.equal("tagged frames that reach db", got, 0)
    reasons = {row["reason"]: row["denied"] for row in lab.bulkhead.json("drops")["reasons"]}
    lab.equal("counted once each", reasons.get("vlan"), 5)
