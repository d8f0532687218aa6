# SPDX-License-Identifier: Apache-2.0
"""An application at work: every service of a call graph as network namespaces that call each other, come and go; and scanners and worms
that sit in four of them, one in the middle of the graph. Half of these have their container started anew again and again. The worms also
go outside, to many addresses once each. All of it by one seed."""
import collections
import concurrent.futures
import json
import random
import threading
import time

from graph import WORLD, Edge, entry
from world import Outside, ip_batch

REPLICAS = 2
RARE = 1000            # one call in so many is along a rare edge
CALLS = 2              # of each client along each of its edges, a round
SCANNED = (21, 22, 23, 25, 80, 111, 443, 445, 3306, 5432, 6379, 8080, 9200, 27017)
WORM_EVERY, SCAN_EVERY, CHURN_EVERY, RESTART_EVERY = 7, 9, 3, 8  # rounds
CLOUD_PORT = 443       # on which one service calls outside, and worms do
TARGETS, TARGETS_AT_ONCE = 20, 5  # addresses outside of each worm; each is called once

Attacker = collections.namedtuple("Attacker", "kind service restarts")


class Town:
    def __init__(self, world, edges, seed):
        self.world, self.random = world, random.Random(seed)
        door = entry(edges)
        self.door = Edge(WORLD, door.server, door.port, door.protocol)
        self.edges = [*edges, self.door]
        self.services = sorted({name for edge in edges for name in (edge.client, edge.server)})
        clients = {edge.client for edge in edges}
        inner = [edge for edge in edges if sum(other.client == edge.client for other in edges) > 1]
        self.rare = set(self.random.sample(inner, min(2, len(inner))))
        leaves = [name for name in self.services if name not in clients]
        middle = [edge.server for edge in edges if edge.server in clients]
        self.attackers = []
        for kind, names, restarts in (("scanner", leaves, False), ("scanner", leaves, True), ("worm", leaves, False), ("worm", middle, True)):
            taken = [attacker.service for attacker in self.attackers]
            free = [name for name in dict.fromkeys(names) if name not in taken] or [name for name in self.services if name not in taken]
            self.attackers.append(Attacker(kind, self.random.choice(free or self.services), restarts))
        # The last worm sits where calls outside are nothing strange.
        self.edges.append(Edge(self.attackers[-1].service, WORLD, CLOUD_PORT, "tcp"))
        self.lock = threading.Lock()
        self.newcomers = set()  # names of replicas; see replace_all
        self.forget_counts()
        self.made = 0
        self.round = 0
        self.replicas = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        for name in self.services:
            self.replicas[name] = [self.make(name) for _ in range(REPLICAS)]
        self.outside = Outside()
        ip_batch([f"addr add {address}/24 dev eth0" for targets in self.targets.values() for address in targets], netns=self.outside.name)
        self.outside.start("serve", self.outside.name, f"tcp:{CLOUD_PORT}")

    def make(self, service, like=None):
        self.made += 1
        ports = sorted({f"{edge.protocol}:{edge.port}" for edge in self.edges if edge.server == service})
        made = self.world.workload(f"{service[:20]}-{self.made}", service, serve=ports, like=like)
        self.newcomers.add(made.name)
        return made

    def forget_counts(self):
        self.legitimate = {}    # edge -> [answered, refused]
        self.by_newcomers = {}  # edge -> answered, of clients that are newcomers or outside
        self.attacks = {}       # edge -> answered; what the attackers reached, if no service of theirs has it
        worms = [attacker.service for attacker in self.attackers if attacker.kind == "worm"]
        # Addresses outside that each worm has not called yet.
        self.targets = {worm: [f"{Outside.NET4}.{10 + TARGETS * number + i}" for i in range(TARGETS)] for number, worm in enumerate(worms)}

    def replace(self, service, number, like=None):
        """One replica gives way to a new one, which takes over its place in the list."""
        old = self.replicas[service][number]
        old.remove()
        self.replicas[service][number] = self.make(service, like=old if like else None)

    def churn(self):
        """Now and then a new replica gets the old one's address. Attackers sit in the first one of their service, and hold on to it."""
        service = self.random.choice(self.services)
        first = 1 if service in [attacker.service for attacker in self.attackers] else 0
        self.replace(service, self.random.randrange(first, REPLICAS), like=self.random.random() < 0.3)

    def replace_all(self):
        """Every replica but the attackers' own gives way to a newcomer."""
        self.newcomers = set()
        held = [attacker.service for attacker in self.attackers]
        for service in self.services:
            for number in range(1 if service in held else 0, REPLICAS):
                self.replace(service, number, like=self.random.random() < 0.3)

    def host_of(self, server):
        return self.outside.v4 if server == WORLD else self.random.choice(self.replicas[server]).v4

    def calls_of(self, client):
        """[(edge, workload or None, host, count)] of one replica of `client`, one round."""
        out = []
        for edge in self.edges:
            if edge.client != client:
                continue
            count = CALLS
            if edge in self.rare:
                busy = CALLS * REPLICAS * sum(other not in self.rare for other in self.edges)
                count = 1 if self.random.random() < busy / RARE / REPLICAS else 0
            for _ in range(count):
                out.append((edge, self.host_of(edge.server), 1))
        return out

    def attack_of(self, attacker):
        """As calls_of."""
        out = []
        service = attacker.service
        victims = [name for name in self.services if name != service]
        if attacker.kind == "scanner" and self.round % SCAN_EVERY == 0:
            for name in victims:
                known = {edge.port for edge in self.edges if edge.server == name}
                for port in sorted({*SCANNED, *known}):
                    out.append((Edge(service, name, port, "tcp"), self.host_of(name), 1))
        if attacker.kind == "worm" and self.round % WORM_EVERY == 0:
            for edge in self.random.sample(self.edges, min(3, len(self.edges))):
                if edge.server in victims:
                    out.append((Edge(service, edge.server, edge.port, edge.protocol), self.replicas[edge.server][0].v4, 2))
            targets = self.targets[service]
            for address in [targets.pop() for _ in range(min(TARGETS_AT_ONCE, len(targets)))]:
                out.append((Edge(service, address, CLOUD_PORT, "tcp"), address, 1))
        return out

    def carry_out(self, place, plan, timeout):
        batch = [[edge.protocol, host, edge.port, count] for edge, host, count in plan]
        for (edge, _, _), result in zip(plan, place.traffic("batch", json.dumps(batch), "--timeout", timeout, timeout=120)):
            with self.lock:
                if edge in self.edges:
                    counts = self.legitimate.setdefault(edge, [0, 0])
                    counts[0] += result["ok"]
                    counts[1] += result["failed"]
                    if place is self.outside or place.name in self.newcomers:
                        self.by_newcomers[edge] = self.by_newcomers.get(edge, 0) + result["ok"]
                elif result["ok"]:
                    self.attacks[edge] = self.attacks.get(edge, 0) + result["ok"]

    def play(self, seconds, attackers=True, after=None):
        """Rounds, one a second or slower, for so long. after: called behind each."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.round += 1
            if self.round % CHURN_EVERY == 0:
                self.churn()
            if self.round % RESTART_EVERY == 0:
                for attacker in self.attackers:
                    if attacker.restarts:
                        self.replace(attacker.service, 0, like=True)
            work = []
            for service in self.services:
                for replica in self.replicas[service]:
                    if plan := self.calls_of(service):
                        work.append((replica, plan, 1.0))
            for attacker in self.attackers if attackers else ():
                if plan := self.attack_of(attacker):
                    work.append((self.replicas[attacker.service][0], plan, 0.05))
            if plan := self.calls_of(WORLD):
                work.append((self.outside, plan, 1.0))
            by_place = {}
            for place, plan, timeout in work:
                by_place.setdefault(place, []).append((plan, timeout))
            list(self.pool.map(lambda item: [self.carry_out(item[0], plan, timeout) for plan, timeout in item[1]], by_place.items()))
            if after:
                after()
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))

    def close(self):
        self.pool.shutdown()
        self.outside.end_processes()
