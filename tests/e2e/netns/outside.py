# SPDX-License-Identifier: Apache-2.0
"""The host and the world beyond it: address blocks, the host's own traffic, and outsiders that claim to be workloads."""
import frames
from harness import peer, policy, port, rule
from world import Outside, TRAFFIC, run

MARKER = b"FROM-OUTSIDE"


def check_the_world_needs_an_address_block(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080"])
    beyond = Outside()
    lab.start("enforce")
    lab.reaches(beyond, web, 8080, claim="without policy the world gets in")
    lab.apply(policy("web", "web", ingress=[rule([peer("web")])]))
    for family in (4, 6):
        lab.stopped(beyond, web, 8080, family=family)
    lab.apply(policy("web", "web", ingress=[rule([peer(cidr=f"{beyond.v4}/32"), peer(cidr="fd00:200::/64")], [port(8080)])]))
    for family in (4, 6):
        lab.reaches(beyond, web, 8080, family=family)


def check_egress_to_the_world(lab):
    web = lab.world.workload("web-0", "web")
    beyond = Outside()
    beyond.start("serve", "beyond", "tcp:443", "tcp:80")
    lab.start("enforce")
    lab.apply(policy("web", "web", egress=[rule([peer(cidr="198.19.0.0/16")], [port(443)], direction="to")]))
    lab.reaches(web, beyond, 443)
    lab.stopped(web, beyond, 80)
    lab.stopped(web, beyond, 443, family=6)


def check_the_host_may_come_in(lab):
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[]))
    for family in (4, 6):
        done = run([*TRAFFIC, "call", "tcp", db.address(family), "5432"])
        lab.check(f"the host's own connections pass, IPv{family} (allow_from_host)", '"ok": 1' in done.stdout, done.stdout)


def check_an_outsider_that_claims_a_workloads_address(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    beyond = Outside()
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    gateway = run(["cat", "/sys/class/net/uplink/address"]).stdout.strip()
    for family in (4, 6):
        frame = frames.tcp_frame("02:00:00:00:00:01", gateway, web.address(family), db.address(family), 5432, payload=MARKER)
        got = lab.received(db, MARKER, lambda frame=frame: beyond.traffic("send", "eth0", frame.hex(), "--count", 5))
        lab.equal(f"packets with web's address from outside that reach db, IPv{family}", got, 0)
    lab.reaches(web, db, 5432)
