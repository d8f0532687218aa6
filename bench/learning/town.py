# SPDX-License-Identifier: Apache-2.0
"""An application at work: every service of a call graph as network namespaces that call each other, come and go, and a scanner and a
worm that sit in two of them. All of it by one seed."""
import concurrent.futures
import json
import random
import threading
import time

from graph import WORLD, Edge, entry
from world import Outside

REPLICAS = 2
RARE = 1000            # one call in so many is along a rare edge
CALLS = 2              # of each client along each of its edges, a round
SCANNED = (21, 22, 23, 25, 80, 111, 443, 445, 3306, 5432, 6379, 8080, 9200, 27017)
WORM_EVERY, SCAN_EVERY, CHURN_EVERY = 7, 9, 3  # rounds


class Town:
    def __init__(self, world, edges, seed):
        self.world, self.random = world, random.Random(seed)
        door = entry(edges)
        self.door = Edge(WORLD, door.server, door.port, door.protocol)
        self.edges = [*edges, self.door]
        self.services = sorted({name for edge in edges for name in (edge.client, edge.server)})
        clients = sorted({edge.client for edge in edges})
        inner = [edge for edge in edges if sum(other.client == edge.client for other in edges) > 1]
        self.rare = set(self.random.sample(inner, min(2, len(inner))))
        leaves = [name for name in self.services if name not in clients] or self.services
        self.scanner, self.worm = self.random.sample(leaves, 2) if len(leaves) > 1 else (leaves[0], clients[-1])
        self.lock = threading.Lock()
        self.legitimate = {}  # edge -> [answered, refused]
        self.attacks = {}     # edge -> answered; what the attackers reached, if no service of theirs has it
        self.made = 0
        self.round = 0
        self.replicas = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        for name in self.services:
            self.replicas[name] = [self.make(name) for _ in range(REPLICAS)]
        self.outside = Outside()

    def make(self, service, like=None):
        self.made += 1
        ports = sorted({f"{edge.protocol}:{edge.port}" for edge in self.edges if edge.server == service})
        return self.world.workload(f"{service[:20]}-{self.made}", service, serve=ports, like=like)

    def forget_counts(self):
        self.legitimate, self.attacks = {}, {}

    def churn(self):
        """One replica gives way to a new one, which now and then gets its address. Attackers hold on to theirs, the first."""
        service = self.random.choice(self.services)
        first = 1 if service in (self.scanner, self.worm) else 0
        old = self.replicas[service].pop(self.random.randrange(first, REPLICAS))
        old.remove()
        self.replicas[service].append(self.make(service, like=old if self.random.random() < 0.3 else None))

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
                out.append((edge, self.random.choice(self.replicas[edge.server]).v4, 1))
        return out

    def attack_of(self, service):
        out = []
        victims = [name for name in self.services if name != service]
        if service == self.scanner and self.round % SCAN_EVERY == 0:
            for name in victims:
                known = {edge.port for edge in self.edges if edge.server == name}
                for port in sorted({*SCANNED, *known}):
                    out.append((Edge(service, name, port, "tcp"), self.random.choice(self.replicas[name]).v4, 1))
        if service == self.worm and self.round % WORM_EVERY == 0:
            for edge in self.random.sample(self.edges, min(3, len(self.edges))):
                if edge.server in victims:
                    out.append((Edge(service, edge.server, edge.port, edge.protocol), self.replicas[edge.server][0].v4, 2))
        return out

    def carry_out(self, place, plan, timeout):
        batch = [[edge.protocol, host, edge.port, count] for edge, host, count in plan]
        for (edge, _, _), result in zip(plan, place.traffic("batch", json.dumps(batch), "--timeout", timeout, timeout=120)):
            with self.lock:
                if edge in self.edges:
                    counts = self.legitimate.setdefault(edge, [0, 0])
                    counts[0] += result["ok"]
                    counts[1] += result["failed"]
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
            work = []
            for service in self.services:
                for number, replica in enumerate(self.replicas[service]):
                    if plan := self.calls_of(service):
                        work.append((replica, plan, 1.0))
                    if attackers and number == 0 and (plan := self.attack_of(service)):
                        work.append((replica, plan, 0.05))
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
