# SPDX-License-Identifier: Apache-2.0
"""Rights belong to services: a new replica has them at once, an address that is taken over carries none, labels decide."""
from harness import peer, policy, port, rule
from world import wait_until, write_knob


def shop(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, db


def check_a_new_replica_may_at_once_what_its_service_may(lab):
    web, db = shop(lab)
    new = lab.world.workload("web-1", "web")
    first = new.traffic("call", "tcp", db.v4, 5432, "--timeout", 5)
    lab.check("its first connection is answered", first["ok"] == 1, first["error"])
    lab.reaches(new, db, 5432, family=6)


def check_an_address_carries_no_rights(lab):
    web, db = shop(lab)
    lab.reaches(web, db, 5432)
    web.remove()
    heir = lab.world.workload("evil-0", "evil", like=web)
    lab.equal("the heir's address", heir.v4, web.v4)
    # From its first packet on, also before anybody knows who it is.
    for family in (4, 6):
        lab.stopped(heir, db, 5432, family=family)
    lab.bulkhead.wait_service("evil-0")
    for family in (4, 6):
        lab.stopped(heir, db, 5432, family=family)


def check_who_is_not_known_gets_nothing_from_who_enforces(lab):
    web, db = shop(lab)
    nobody = lab.world.namespace("nobody")
    for family in (4, 6):
        lab.stopped(nobody, db, 5432, family=family)


def check_labels_that_change_change_rights(lab):
    web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])], egress=[]))
    other = lab.world.workload("tool-0", "tool")
    lab.bulkhead.wait_service("tool-0")
    lab.stopped(other, db, 5432)
    lab.world.describe(other, "tool", labels={"app": "web"})
    wait_until("it may as web", lambda: other.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.3)["ok"] == 1)
    stream = other.background("stream", db.v4, 5432).expect("connected")
    lab.world.describe(other, "tool", labels={"app": "tool"})
    wait_until("it may no more", lambda: other.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.3)["ok"] == 0)
    lab.stopped(other, db, 5432)
    stream.kill()
    lab.reaches(web, db, 5432)


def check_two_bridges_are_two_zones(lab):
    web, db = shop(lab)
    far = lab.world.workload("web-2", "web", bridge="br1")
    evil = lab.world.workload("evil-1", "evil", bridge="br1")
    lab.bulkhead.wait_protected(4)
    write_knob("net/ipv4/ip_forward", 1)
    write_knob("net/ipv6/conf/all/forwarding", 1)
    for family in (4, 6):
        lab.reaches(far, db, 5432, family=family, claim=f"routed from another bridge, IPv{family}")
        lab.stopped(evil, db, 5432, family=family)
