# SPDX-License-Identifier: Apache-2.0
"""The lab without Bulkhead: what the other scenarios count as stopped does arrive here, so that a count of 0 means something."""
import os
import subprocess
import sys

import frames
from world import LAB, Outside

MARKER = b"MARKED-PACKET"


def check_traffic_of_every_kind_arrives(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    for family in (4, 6):
        for number, protocol in ((5432, "tcp"), (53, "udp")):
            finish = lab.watching(db, frames.between(web.address(family), db.address(family), protocol))
            lab.reaches(web, db, number, protocol, family)
            lab.check(f"and is counted, {protocol} IPv{family}", sum(finish().values()) > 0)
        lab.check(f"ping IPv{family}", lab.pings(web, db, family))


def check_forged_and_misaddressed_frames_arrive(lab):
    evil, web = lab.world.workload("evil-0", "evil"), lab.world.workload("web-0", "web")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    for family in (4, 6):
        for mac in (db.mac, frames.BROADCAST, "02:42:12:99:99:99"):
            frame = frames.tcp_frame(evil.mac, mac, web.address(family), db.address(family), 5432, payload=MARKER)
            got = lab.received(db, MARKER, lambda frame=frame: evil.traffic("send", "eth0", frame.hex(), "--count", 5))
            lab.equal(f"forged IPv{family} frames to {mac}", got, 5)
            finish = lab.watching(db, frames.between(web.address(family), db.address(family)))
            evil.traffic("send", "eth0", frame.hex(), "--count", 5)
            lab.check("counted by their addresses", sum(finish().values()) >= 5)  # web may answer an answer


def check_the_outside_reaches_in(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080"])
    beyond = Outside()
    for family in (4, 6):
        lab.reaches(beyond, web, 8080, family=family)


def check_forged_segments_are_taken_for_real(lab):
    """Their checksums are right: a real SYN of ours is answered."""
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        frame = frames.tcp_frame(web.mac, db.mac, web.address(family), db.address(family), 5432)
        finish = lab.watching(web, frames.between(db.address(family), web.address(family)))
        web.traffic("send", "eth0", frame.hex())
        lab.check(f"the server answers a hand-made SYN, IPv{family}", sum(finish().values()) > 0)


def check_nothing_acts_outside_a_lab(lab):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import world; world.World('/run/never')"
    origin = os.environ["BULKHEAD_LAB_ORIGIN"]
    here = os.stat("/proc/self/ns/net")
    for what, value in (("unknown", ""), ("this very one", f"{here.st_dev}:{here.st_ino}")):
        done = subprocess.run([sys.executable, "-B", "-c", code, LAB], env={**os.environ, "BULKHEAD_LAB_ORIGIN": value}, capture_output=True,
                              text=True, timeout=20, check=False)
        lab.check(f"refused when the namespace that the test started from is {what}", done.returncode != 0 and "refused" in done.stderr, done.stderr)
    lab.check("it is another one here", origin != f"{here.st_dev}:{here.st_ino}")
