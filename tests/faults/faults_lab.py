# SPDX-License-Identifier: Apache-2.0
"""What every scenario of faults has: the lab of the end-to-end scenarios, traffic that is counted packet by packet at its receivers,
and what the kernel and the daemon hold."""
import json
import os
import subprocess
import sys
import time

from faults import HERE, FaultLab, checks, frames, peer, policy, port, rule  # noqa: F401
from world import LAB, LabError, Process, ip_batch, wait_until  # noqa: F401

SEQUENCE = [sys.executable, "-E", "-s", os.path.join(HERE, "sequence.py")]


class Seeds:
    """Numbered datagrams from some workloads to one, while it exists. `source` may send those marked as allowed."""

    def __init__(self, lab, destination, allowed=(), denied=(), number=53, rate=300):
        self.lab = lab
        self.allowed, self.denied = [f"yes-{source.name}-" for source in allowed], [f"no-{source.name}-" for source in denied]
        self.reaper = start(destination, "reap", "eth0", *self.allowed, *self.denied).expect("ready", 60)
        self.sowers = {}
        for marker, source in zip(self.allowed + self.denied, [*allowed, *denied]):
            self.sowers[marker] = start(source, "sow", destination.v4, number, marker, "--rate", rate).expect("ready", 60)

    def end(self, when, lossless=True, least=20):
        """Claims that all that may come has come, and nothing else; each sender has sent `least` at least."""
        sent = {marker: sower.finish()["sent"] for marker, sower in self.sowers.items()}
        received = self.reaper.finish()
        for marker in self.allowed:
            got = received[marker]
            wanted = sent[marker] if lossless else 0.95 * sent[marker]
            self.lab.check(f"{when}: {'each' if lossless else 'nearly each'} of {sent[marker]} allowed datagrams arrived once",
                           got["received"] >= wanted and sent[marker] >= least and got["repeated"] == 0, got)
        for marker in self.denied:
            got = received[marker]
            self.lab.check(f"{when}: none of {sent[marker]} denied datagrams arrived", got["received"] == 0 and sent[marker] >= least, got)


def start(place, *verb):
    process = Process(place.inside([*SEQUENCE, *map(str, verb)]))
    place.processes.append(process)
    return process


def dump(pin):
    """All elements of a pinned map, as bpftool writes them."""
    done = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pin], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LabError(f"bpftool map dump {pin}: {done.stderr.strip() or done.stdout.strip()}")
    return [row.get("formatted", row) for row in json.loads(done.stdout)]


class HostLab(FaultLab):
    """With the daemon as it is."""

    def __init__(self, bin_dir, *args, **settings):
        super().__init__(bin_dir, *args, **settings)
        self.bulkhead.daemon_path = os.path.join(bin_dir, "bulkheadd")

    def pick(self, short, long):
        return long if self.long else short

    def shop(self, **settings):
        """web may talk to db, evil may not; both are at it already."""
        self.bulkhead.configure(**settings)
        web, evil = self.world.workload("web-0", "web"), self.world.workload("evil-0", "evil")
        db = self.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
        self.start("enforce")
        self.apply(policy("db", "db", ingress=[rule([peer("web")])]))
        return web, evil, db

    def judges(self, when, web, evil, db):
        self.reaches(web, db, 5432, claim=f"{when}: web reaches db")
        self.stopped(evil, db, 5432, claim=f"{when}: evil does not")

    def problems(self):
        return self.bulkhead.status()["problems"]

    def wait_problem(self, text, seconds=15):
        """Until `status` tells of it, in words that hold all of `text`."""
        words = [text] if isinstance(text, str) else text
        wait_until(f"status tells of {words}", lambda: any(all(word in problem for word in words) for problem in self.problems()), seconds)
        self.check(f"the log tells of {words}", all(word in self.bulkhead.log() for word in words))

    def map_path(self, name):
        for folder, _, names in os.walk(self.bulkhead.pin_root):
            if name in names:
                return os.path.join(folder, name)
        raise LabError(f"no pinned map {name} in {self.bulkhead.pin_root}")

    def elements(self, name):
        return dump(self.map_path(name))

    def counters(self):
        """The API's counters: totals by name, and what was denied by reason."""
        done = subprocess.run(["curl", "-s", "--unix-socket", self.bulkhead.socket, "http://bulkhead/v1/counters"], capture_output=True,
                              text=True, timeout=20, check=True)
        return json.loads(done.stdout)

    def memory_kb(self):
        """Of the daemon, resident and its own: pages of maps that it has mapped are the kernel's."""
        with open(f"/proc/{self.bulkhead.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise LabError("no RssAnon")

    def fds(self):
        return len(os.listdir(f"/proc/{self.bulkhead.process.pid}/fd"))

    def pins(self):
        out = []
        for folder, folders, names in os.walk(self.bulkhead.pin_root):
            out += [os.path.relpath(os.path.join(folder, name), self.bulkhead.pin_root) for name in folders + names]
        return sorted(out)

    def attachments(self):
        """Which programs, by name and tag, are on which interface of the host."""
        programs = {row["id"]: row.get("tag") for row in json.loads(subprocess.run(
            ["bpftool", "-j", "prog", "show"], capture_output=True, text=True, timeout=60, check=True).stdout)}
        net = json.loads(subprocess.run(["bpftool", "-j", "net", "show"], capture_output=True, text=True, timeout=60, check=True).stdout)
        # The name of a clsact filter ends with the program's number.
        return sorted((hook, row["devname"], row.get("kind", ""), row.get("name", "").split(":")[0], programs.get(row["id"], ""))
                      for hook in ("tc", "xdp") for row in net[0].get(hook, []))

    def held(self):
        """What is in the kernel for the workloads that there are, without the numbers that happened to be free."""
        ends = {row["key"]: row["value"] for row in self.elements("bh_endpoints") if row["value"]["ifindex"]}
        ports = {row["key"]: row["value"] for row in self.elements("bh_ports")}
        addresses = sorted((row["key"]["zone"] > 0, str(row["key"]["address"]), row["value"]["ifindex"], row["value"]["flags"])
                           for row in self.elements("bh_addresses"))
        return {
            "endpoints": sorted((end["ifindex"], end["flags"], str(end["mac"]), end["identity"], end["zone"] > 0) for end in ends.values()),
            "interfaces": sorted((ifindex, ends.get(slot, {}).get("ifindex")) for ifindex, slot in ports.items()),
            "addresses": addresses,
            "published": len(self.elements("bh_published")),
            "attachments": self.attachments(),
            "inventory": sorted((row["name"], row["state"], str(sorted(map(str, row["interfaces"])))) for row in
                                self.bulkhead.json("workloads", "-A")),
        }

    def settle(self, seconds=20):
        """Until what the kernel holds no longer changes; what it is then."""
        def unchanged():
            before = self.held()
            time.sleep(0.5)
            return before if before == self.held() else None
        return wait_until("the kernel's state is at rest", unchanged, seconds)
