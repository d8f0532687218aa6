# SPDX-License-Identifier: Apache-2.0
"""What learning is told: of workloads that live a moment, at addresses that are used again, across kill -9; names, sockets, presence."""
import os
import sqlite3
import sys
import time

from harness import LAB
from learning import edges
from uplink import asks, forward
from world import LabError, Outside, Process, wait_until

SERVICES = {"red": 7001, "green": 7002, "blue": 7003}
LIFE = 0.1  # seconds
LIVES = 18


class Visitor:
    """tests/lab/visitor.py: acts inside namespaces at once."""

    def __init__(self):
        self.process = Process([sys.executable, "-E", "-s", os.path.join(LAB, "visitor.py")]).expect("ready")

    def __call__(self, verb, place, *words):
        return self.process.ask([verb, f"/run/netns/{place.name}", *words], 10)["ok"]


def stored(lab, query):
    """Of the daemon's database: what no verb shows as it is."""
    database = sqlite3.connect(f"file:{lab.folder}/state/learn.db?mode=ro", uri=True, timeout=5)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def live(lab, visitor, db, name, service, like):
    """A workload from its start to its end; how many of its calls were answered."""
    workload = lab.world.workload(name, service, like=like)
    answered, end = 0, time.monotonic() + LIFE
    while time.monotonic() < end:
        answered += visitor("call", workload, "tcp", db.v4, SERVICES[service])
        time.sleep(0.01)
    workload.remove()
    return workload, answered


def check_workloads_that_live_a_moment(lab):
    visitor = Visitor()
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"] + [f"tcp:{port}" for port in SERVICES.values()])
    web = lab.world.workload("web-0", "web")
    lab.start("learn")
    last, told, stayed = None, {name: [0, 0] for name in SERVICES}, 0
    for i in range(LIVES):
        service = list(SERVICES)[i % len(SERVICES)]
        last, answered = live(lab, visitor, db, f"{service}-{i}", service, last)
        told[service][0] += 1
        told[service][1] += answered
        stayed += visitor("call", web, "tcp", db.v4, 5432)
        if i == LIVES // 2:
            lab.bulkhead.kill()
            for _ in range(5):
                stayed += visitor("call", web, "tcp", db.v4, 5432)
            lab.bulkhead.start()
            lab.bulkhead.wait_protected(2)

    def learned():
        rows = edges(lab)
        return all(("shop/" + name, "shop/db", port, "tcp", "allow") in rows for name, port in SERVICES.items()) and \
            rows.get(("shop/web", "shop/db", 5432, "tcp", "allow"), {}).get("answered", 0) >= stayed
    try:
        wait_until("everything is recorded", learned, 20)
    except LabError:
        pass
    rows = edges(lab)
    for service, (lives, answered) in told.items():
        row = rows.get((f"shop/{service}", "shop/db", SERVICES[service], "tcp", "allow"), {"answered": 0})
        lab.check(f"each of {lives} lives of {service} is learned", row["answered"] >= lives, row)
        lab.check(f"none of its {answered} answered calls is counted twice", row["answered"] <= answered, row)
    lab.equal("what stayed is counted once, also while the daemon was dead",
              rows.get(("shop/web", "shop/db", 5432, "tcp", "allow"), {}).get("answered"), stayed)
    wrong = {key: row for key, row in rows.items() if row["answered"] and key[0].startswith("shop/") and
             key[2] != {**{"shop/" + name: port for name, port in SERVICES.items()}, "shop/web": 5432}.get(key[0])}
    lab.equal("nobody is credited with another's flows", wrong, {})
    bits = dict(stored(lab, "SELECT p.service, e.source_workloads FROM learn_edges e JOIN learn_parties p ON p.id = e.source "
                            "WHERE e.answered > 0 AND p.ns = 'shop' AND e.port >= 7001"))
    for service, (lives, _) in told.items():
        seen = bin(bits.get(service, 0) & (1 << 64) - 1).count("1")
        lab.check(f"{service}'s lives are told apart", lives - 2 <= seen <= lives, seen)


def check_names_of_dns_answers(lab):
    visitor = Visitor()
    dns = lab.world.workload("dns-0", "dns", ns="kube-system")
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    mole = lab.world.workload("mole-0", "mole")
    zone = {"www.example.com": ["cdn.example.net"], "cdn.example.net": ["203.0.113.7", "2001:db8::7", "127.0.0.1"]}
    visitor("resolve", dns, dns.v4, zone)
    beyond = Outside()
    visitor("resolve", beyond, beyond.v4, {"far.example.org": ["203.0.113.8"]})
    visitor("resolve", mole, mole.v4, {"www.example.com": ["203.0.113.66"]})
    lab.start("learn")
    lab.check("another service asks the same resolvers", visitor("ask", api, dns.v4, "www.example.com", 1, 1))
    lab.check("beyond the host, too", visitor("ask", api, beyond.v4, "far.example.org", 1, 1))
    lab.check("whom only one service asks may answer", visitor("ask", web, mole.v4, "www.example.com", 1, 1))
    time.sleep(0.5)  # answers are read ten times in a second
    lab.check("a workload resolves", visitor("ask", web, dns.v4, "WWW.example.com", 1, 3))
    lab.check("for the other family", visitor("ask", web, dns.v4, "www.example.com", 28, 1))
    lab.check("by a resolver beyond the host", visitor("ask", web, beyond.v4, "far.example.org", 1, 1))
    expected = [("2001:db8::7", "www.example.com"), ("203.0.113.7", "www.example.com"), ("203.0.113.8", "far.example.org")]
    try:
        wait_until("they are recorded", lambda: stored(lab, "SELECT address, name FROM learn_names ORDER BY address") == expected, 15)
    except LabError:
        pass
    lab.equal("names as they were asked for, and none of the mole's", stored(lab, "SELECT address, name FROM learn_names ORDER BY address"), expected)
    rows = edges(lab)
    lab.check("the resolvers are edges", ("shop/web", "kube-system/dns", 53, "udp", "allow") in rows and
              any(key[:4] == ("shop/web", "world", 53, "udp") for key in rows), list(rows))


def check_listening_sockets(lab):
    visitor = Visitor()
    web = lab.world.workload("web-0", "web")
    api = lab.world.workload("api-0", "api", serve=["tcp:8080"])
    visitor("listen", api, "udp", api.v6, 5353)
    visitor("listen", api, "tcp", "127.0.0.1", 9000)
    visitor("listen", web, "udp", "0.0.0.0", 45000)
    lab.start("learn")
    query = ("SELECT p.service, l.protocol, l.port FROM learn_listeners l JOIN learn_parties p ON p.id = l.party "
             "ORDER BY p.service, l.protocol, l.port")
    expected = [("api", 6, 8080), ("api", 17, 5353)]
    try:
        wait_until("they are recorded", lambda: len(stored(lab, query)) >= len(expected), 15)
    except LabError:
        pass
    lab.equal("what waits for strangers, and nothing else", stored(lab, query), expected)
    visitor("listen", web, "tcp", "0.0.0.0", 8443)
    visitor("call", web, "tcp", api.v4, 8080)  # a new edge of it is a reason to look again
    try:
        wait_until("the new one is recorded", lambda: ("web", 6, 8443) in stored(lab, query), 20)
    except LabError:
        pass
    lab.equal("what came later", stored(lab, query), expected + [("web", 6, 8443)])


def check_presence(lab):
    def ran(service):
        rows = stored(lab, "SELECT coalesce(sum(workload_ms), 0) FROM learn_presence r JOIN learn_parties p ON p.id = r.party "
                           f"WHERE p.service = '{service}'")
        return rows[0][0] / 1000
    for i in range(2):
        lab.world.workload(f"web-{i}", "web")
    began = time.monotonic()
    lab.start("learn")
    started = time.monotonic()
    wait_until("it is recorded", lambda: ran("web") > 0, 15)
    lab.bulkhead.kill()
    before, killed = ran("web"), time.monotonic()
    time.sleep(3)
    lab.equal("nothing is recorded while nobody watches", ran("web"), before)
    lab.bulkhead.start()
    again = time.monotonic()
    wait_until("it goes on", lambda: ran("web") > before, 15)
    seconds, end = ran("web"), time.monotonic()
    most = 2 * ((killed - began) + (end - again) + 1)
    lab.check("two workloads' time, once", 0 < seconds <= most, f"{seconds} s of {most:.1f}")
    lab.bulkhead.stop()
    least = 2 * (end - again - 1)
    lab.check("all but what the kill cost", ran("web") >= least and ran("web") >= seconds, f"{ran('web')} s, {least:.1f} at least")
    lab.check("within seconds of the truth", ran("web") >= 2 * (killed - started - 6), f"{ran('web')} s")


def check_a_published_port_is_learned_as_the_workloads_own(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:80"], published=[{"host_port": 18080, "port": 80}])
    client = lab.world.workload("client-0", "client", bridge="br1")
    beyond = Outside()
    forward(web, ("tcp", 18080, 80))
    lab.start("learn")
    for _ in range(3):
        lab.check("from outside", asks(beyond, "tcp", beyond.host_v4, 18080, timeout=2))
        lab.check("from another network, by the host's address", asks(client, "tcp", beyond.host_v4, 18080, timeout=2))
    try:
        wait_until("both are recorded", lambda: {("world", "shop/web"), ("shop/client", "shop/web")} <= {key[:2] for key in edges(lab)}, 15)
    except LabError:
        pass
    rows = edges(lab)
    lab.equal("edges by the workload's port", sorted((key[0], key[1], key[2], row["answered"]) for key, row in rows.items()),
              [("shop/client", "shop/web", 80, 3), ("world", "shop/web", 80, 3)])
