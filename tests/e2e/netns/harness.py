# SPDX-License-Identifier: Apache-2.0
"""What every scenario has: a world, Bulkhead, and claims that are counted.

A scenario is a file of this folder with functions `check_...(lab)`. Each gets a lab of its own, with a daemon that is not started yet.
"""
import json
import os
import sys
import time

E2E = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(E2E, "..", "lab"), E2E]

import checks  # noqa: E402,F401
import frames  # noqa: E402
from product import Bulkhead  # noqa: E402
from world import LAB, LabError, World  # noqa: E402,F401

API = "networking.k8s.io/v1"


def select(**labels):
    return {"matchLabels": labels}


def peer(app=None, ns=None, cidr=None, excluded=()):
    if cidr:
        return {"ipBlock": {"cidr": cidr, **({"except": list(excluded)} if excluded else {})}}
    out = {}
    if app is not None:
        out["podSelector"] = select(app=app) if app else {}
    if ns is not None:
        out["namespaceSelector"] = select(**{"kubernetes.io/metadata.name": ns}) if ns else {}
    return out


def port(number, protocol="TCP"):
    return {"port": number, "protocol": protocol}


def rule(peers=None, ports=None, direction="from"):
    return {**({direction: peers} if peers is not None else {}), **({"ports": ports} if ports is not None else {})}


def policy(name, app, ingress=None, egress=None, ns="shop"):
    """A direction that is not None is isolated; its rules as `rule` gives them."""
    spec = {"podSelector": select(app=app) if app else {}, "policyTypes": []}
    for kind, rules in (("Ingress", ingress), ("Egress", egress)):
        if rules is not None:
            spec["policyTypes"].append(kind)
            spec[kind.lower()] = rules
    return {"apiVersion": API, "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": ns}, "spec": spec}


class Lab:
    def __init__(self, bin_dir, folder, attach, **settings):
        os.makedirs(folder)
        self.folder, self.attach, self.bin_dir = folder, attach, bin_dir
        self.world = World(folder)
        self.bulkhead = Bulkhead(bin_dir, folder, self.world, attach=attach, **settings)
        self.failures = []
        self.claims = 0

    def check(self, claim, holds, seen=""):
        self.claims += 1
        if not holds:
            self.failures.append(f"{claim}: {seen}" if seen != "" else claim)
        print(f"    {'ok    ' if holds else 'FAILED'} {claim}{'' if holds or seen == '' else ': ' + str(seen)}", flush=True)

    def equal(self, claim, seen, expected):
        self.check(claim, seen == expected, f"{seen!r}, expected {expected!r}")

    def start(self, mode=None):
        """Starts the daemon and waits until all workloads are protected."""
        self.bulkhead.start()
        self.bulkhead.wait_protected(len(self.world.workloads))
        if mode:
            self.mode(mode)

    def mode(self, mode, *scope):
        done = self.bulkhead.cli("mode", "set", "--force", *(scope or ["--global"]), mode)
        if done.returncode != 0:
            raise LabError(f"mode set {mode}: {done.stderr.strip()}")

    def apply(self, *policies):
        text = "\n---\n".join(json.dumps(each) for each in policies)
        done = self.bulkhead.apply(f"policies-{self.claims}.yaml", text)
        if done.returncode != 0:
            raise LabError(f"policy apply: exit {done.returncode}: {done.stderr.strip()}")

    # Claims about traffic.

    def reaches(self, source, destination, number, protocol="tcp", family=4, claim=None):
        result = source.traffic("call", protocol, destination.address(family), number, "--timeout", 2)
        self.check(claim or f"{source.name} -> {destination.name} {number}/{protocol} IPv{family} passes", result["ok"] == 1, result["error"])

    def stopped(self, source, destination, number, protocol="tcp", family=4, claim=None):
        """Nothing is answered, and not one packet arrives."""
        claim = claim or f"{source.name} -> {destination.name} {number}/{protocol} IPv{family} is stopped"
        with_watch = self.watching(destination, frames.between(source.address(family), destination.address(family), protocol))
        result = source.traffic("call", protocol, destination.address(family), number, "--timeout", 0.4)
        received = sum(with_watch().values())
        self.check(claim, result["ok"] == 0 and received == 0, f"{result['ok']} answered, {received} packets received")

    def pings(self, source, destination, family=4):
        return source.traffic("ping", destination.address(family), "--timeout", 0.5)["ok"] == 1

    def watching(self, place, *patterns):
        """Starts to count frames that arrive at a workload; call the result to end it and get {pattern: count}."""
        process = place.start("watch", "eth0", *patterns)

        def finish():
            time.sleep(0.05)
            return process.finish()
        return finish

    def received(self, place, marker, send):
        """How many frames with the marker arrive at `place` while `send` runs."""
        finish = self.watching(place, "hex:" + marker.hex())
        send()
        return sum(finish().values())

    def flows(self, *args):
        return self.bulkhead.json("flows", "-A", *args)

    def close(self):
        for workload in list(self.world.workloads.values()):
            workload.end_processes()
        if self.bulkhead.process is not None:
            self.bulkhead.stop()
