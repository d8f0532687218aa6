# SPDX-License-Identifier: Apache-2.0
"""What is recorded, and what of it is proposed. From the proposal on: proposals.py."""
import time

from harness import peer, policy, port, rule
from world import LabError, wait_until


def shop(lab):
    web = [lab.world.workload(f"web-{i}", "web") for i in range(2)]
    api = lab.world.workload("api-0", "api", serve=["tcp:8080"])
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "tcp:22"])
    dns = lab.world.workload("dns-0", "dns", ns="kube-system", labels={"k8s-app": "dns"}, serve=["udp:53"])
    lab.start()
    return web, api, db, dns


def trade(lab, web, api, db, dns, count=3):
    """10 x count flows, all answered."""
    results = []
    for family in (4, 6):
        for each in web:
            results.append(each.traffic("call", "tcp", api.address(family), 8080, "--count", count, "--timeout", 3))
            results.append(each.traffic("call", "udp", dns.address(family), 53, "--count", count, "--timeout", 3))
        results.append(api.traffic("call", "tcp", db.address(family), 5432, "--count", count, "--timeout", 3))
    lab.equal("answered calls", [result["ok"] for result in results], [count] * len(results))


def edges(lab):
    return {(edge["from"], edge["to"], edge["port"], edge["protocol"], edge["verdict"]): edge
            for edge in lab.bulkhead.json("learn", "edges", "-A")}


def answered(lab):
    return sum(edge["answered"] for edge in edges(lab).values())


def wait_answered(lab, count):
    """Until so many answered flows are recorded; then there are so many and no more."""
    try:
        wait_until("the flows are recorded", lambda: answered(lab) >= count, 20)
    except LabError:
        pass
    lab.check(f"{count} answered flows are recorded", answered(lab) == count, edges(lab))


def check_evidence_outlives_daemon_and_workloads(lab):
    web, api, db, dns = shop(lab)
    trade(lab, web, api, db, dns)
    wait_answered(lab, 30)
    lab.bulkhead.kill()
    trade(lab, web, api, db, dns, 1)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(5)
    wait_answered(lab, 40)
    api.remove()
    wait_until("it is gone", lambda: lab.bulkhead.status()["workloads"] == 4)
    lab.check("the removed service's edges are remembered", ("shop/web", "shop/api", 8080, "tcp", "allow") in edges(lab))
    lab.check("and proposed", any(row["service"] == "api" for row in lab.bulkhead.json("learn", "propose", "shop")))


def check_denied_and_unanswered_edges_never_become_rules(lab):
    web, api, db, dns = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("api")], [port(5432)])]))
    lab.mode("enforce")
    for _ in range(3):
        web[0].traffic("call", "tcp", db.v4, 5432, "--timeout", 0.2)
    lab.mode("audit")
    web[0].traffic("call", "tcp", db.v4, 5432, "--count", 5)
    wait_until("the edges are recorded", lambda: {"deny", "would-deny"} <= {key[4] for key in edges(lab)})
    row = next(row for row in lab.bulkhead.json("learn", "propose", "shop/db"))
    lab.check("no rule for it", "port: 5432" not in row["yaml"], row["yaml"])
    lab.check("it is set aside", row["set_aside"] >= 1, row)


def check_a_flood_does_not_stop_learning(lab):
    web, api, db, dns = shop(lab)
    started = time.monotonic()
    web[0].traffic("call", "udp", db.v4, 9999, "--count", 300, "--timeout", 0.002)
    trade(lab, web, api, db, dns)
    wait_answered(lab, 30)
    lab.check("within seconds", time.monotonic() - started < 20)
