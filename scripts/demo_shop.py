# SPDX-License-Identifier: Apache-2.0
"""The shop: six services, who calls whom, and who should not. The same for every kind of workload."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import frames

# service: replicas, what they listen on
SERVICES = {
    "front": (3, ["tcp:8080"]),
    "catalog": (3, ["tcp:9000"]),
    "orders": (1, ["tcp:9001"]),
    "db": (1, ["tcp:5432"]),
    "cache": (1, ["tcp:6379"]),
    "dns": (1, ["udp:53", "tcp:53"]),
}
CALLS = [
    ("front", "catalog", "tcp", 9000),
    ("front", "orders", "tcp", 9001),
    ("front", "cache", "tcp", 6379),
    ("front", "dns", "udp", 53),
    ("catalog", "db", "tcp", 5432),
    ("catalog", "dns", "udp", 53),
    ("orders", "db", "tcp", 5432),
    ("orders", "dns", "udp", 53),
    ("orders", "dns", "tcp", 53),
]
FRONT_DOOR = 18080  # of the host, where an engine publishes front-0
RECORDS = 2000      # bytes that the database answers a question with


class Shop:
    def __init__(self, world, outside):
        self.world, self.outside = world, outside
        self.replicas = {}
        plan = [(service, ports, i) for service, (count, ports) in SERVICES.items() for i in range(count)]
        with ThreadPoolExecutor(world.hands) as pool:
            made = list(pool.map(lambda each: self.replica(f"{each[0]}-{each[2]}", *each), plan))
        for (service, _, _), workload in zip(plan, made):
            self.replicas.setdefault(service, []).append(workload)
        self.stranger = world.workload("probe-0", "probe", ns="lab")
        self.compromised = self.replicas["front"][1]

    def replica(self, name, service, ports, i=1):
        more = {"publish": {FRONT_DOOR: 8080}} if service == "front" and i == 0 and self.world.kind == "docker" else {}
        return self.world.workload(name, service, serve=ports, size=RECORDS if service == "db" else 64, **more)

    def one(self, service):
        return self.replicas[service][0]

    def size(self):
        return sum(len(group) for group in self.replicas.values()) + 1

    def trade(self, count=2):
        """Everything that the shop does in a day: each call, from and to each replica, in IPv4 and IPv6.
        Gives: how many calls, how many were answered, what failed."""
        errands = [(caller, self.errands(service, count)) for service, replicas in self.replicas.items() for caller in replicas]
        door = ("tcp", *self.world.front_door(self.outside, self.one("front"), 8080), count)
        errands = [(caller, calls) for caller, calls in errands if calls] + [(self.outside, [door])]
        with ThreadPoolExecutor(len(errands)) as pool:
            results = list(pool.map(lambda errand: errand[0].traffic("batch", json.dumps(errand[1])), errands))
        failed = [f"{caller.name} -> {call[1]} {call[2]}/{call[0]}: {result['error']}"
                  for (caller, calls), answers in zip(errands, results) for call, result in zip(calls, answers) if result["failed"]]
        asked = sum(call[3] for _, calls in errands for call in calls)
        return asked, sum(result["ok"] for answers in results for result in answers), "; ".join(failed[:3])

    def errands(self, service, count):
        return [(protocol, callee.address(family), port, count) for source, destination, protocol, port in CALLS if source == service
                for callee in self.replicas[destination] for family in (4, 6)]

    def report_run(self, family=4):
        """The rare call: orders asks catalog, once a month."""
        return self.one("orders").traffic("call", "tcp", self.one("catalog").address(family), 9000)

    def attack(self, who, family=4, timeout=0.6):
        """Asks the database for its records."""
        return who.traffic("call", "tcp", self.one("db").address(family), 5432, "--timeout", timeout)

    def spoof(self, marker, forge_mac=False):
        """The compromised front sends as catalog-0, which may ask the database."""
        db, victim = self.one("db"), self.one("catalog")
        source_mac = victim.mac if forge_mac else self.compromised.mac
        for family in (4, 6):
            frame = frames.tcp_frame(source_mac, db.mac, victim.address(family), db.address(family), 5432, payload=marker)
            self.compromised.traffic("send", "eth0", frame.hex(), "--count", 3)

    def detour(self):
        """The stranger goes through the host's published port instead: (answered, packets that reach front)."""
        front = self.one("front")
        gateway = front.v4.rsplit(".", 1)[0] + ".1"  # the proxy and masquerading speak from here
        watch = front.start("watch", "eth0", frames.between(self.stranger.v4, front.v4), frames.between(gateway, front.v4))
        result = self.stranger.traffic("call", "tcp", *self.world.front_door(self.outside, front, 8080), "--timeout", 0.6)
        time.sleep(0.1)
        return result["ok"], sum(watch.finish().values())

    def watch_db(self, *suspects, marker=b"no marker"):
        """Counts what reaches the database: packets of each suspect, and frames that hold the marker."""
        db = self.one("db")
        patterns = {frames.between(who.address(family), db.address(family)): who.name for who in suspects for family in (4, 6)}
        patterns["hex:" + marker.hex()] = "marker"
        process = db.start("watch", "eth0", *patterns)

        def finish():
            counts = dict.fromkeys(patterns.values(), 0)
            for pattern, count in process.finish().items():
                counts[patterns[pattern]] += count
            return counts
        return finish
