#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's story, told on network namespaces or on containers. scripts/demo runs it in the right place."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lab"))

from demo_report import Report  # noqa: E402
from demo_shop import Shop  # noqa: E402
from docker_world import DockerWorld  # noqa: E402
from product import Bulkhead, kernel_state  # noqa: E402
from world import LabError, Outside, World, wait_until  # noqa: E402

REPORT_POLICY = """\
# The monthly stock report: nobody saw it while learning, so a person writes it down.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: stock-report-orders, namespace: shop}
spec:
  podSelector: {matchLabels: {app: orders}}
  policyTypes: [Egress]
  egress:
    - to: [{podSelector: {matchLabels: {app: catalog}}}]
      ports: [{port: 9000}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: stock-report-catalog, namespace: shop}
spec:
  podSelector: {matchLabels: {app: catalog}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: orders}}}]
      ports: [{port: 9000}]
"""
BROKEN_POLICY = REPORT_POLICY.replace("podSelector: {matchLabels: {app: orders}}", "podSelecter: {matchLabels: {app: orders}}", 1)


WINDOW = 2  # seconds: what an hour is to the learner here. An edge is believed when it was seen in three of them.


class Story:
    def __init__(self, report, world, bin_dir, folder):
        self.report, self.world, self.folder = report, world, folder
        self.bulkhead = Bulkhead(bin_dir, folder, world, learn={"window": WINDOW})
        self.shop = None
        self.before = None

    def cli(self, *args, lines=60):
        """Runs a command and shows what it printed, or the first and last of so many lines."""
        done = self.bulkhead.cli(*args, check=False)
        said = (done.stdout + done.stderr).splitlines()
        if len(said) > lines:
            said[lines // 2:-(lines // 2)] = [f"... {len(said) - lines // 2 * 2} more lines ..."]
        self.report.show("bulkhead " + " ".join(map(str, args)), "\n".join(said))
        return done

    def verdict(self, source, destination, port):
        return self.bulkhead.json("explain", source, destination, port)["verdict"]

    def trade(self, claim):
        asked, answered, failed = self.shop.trade()
        self.report.check(f"{claim}: {answered} of {asked} calls answered", answered == asked, failed)

    def seen(self, verdict, source, destination, port):
        rows = self.bulkhead.json("flows", "-A", "--verdict", verdict)
        return [row for row in rows if (row["from"], row["to"], row["port"]) == (source, destination, port)]

    def stopped(self, what, suspects, act, name=None):
        """`act` sends towards the database; nothing of it may arrive."""
        marker = b"FORGED-BY-FRONT-1"
        finish = self.shop.watch_db(*suspects, marker=marker)
        act(marker)
        time.sleep(0.1)
        counts = finish()
        seen = sum(counts.values())
        self.report.check(f"{what}: {seen} packets received by db-0", seen == 0, str(counts))

    def write_down(self):
        """What was seen belongs to this hour; the next begins."""
        self.bulkhead.cli("learn", "edges")
        time.sleep(WINDOW)

    # The chapters, in order.

    def open_shop(self):
        report = self.report
        report.step("A shop opens: six services, ten workloads, and a stranger in another namespace")
        self.shop = Shop(self.world, Outside())
        self.before = kernel_state()
        self.bulkhead.start()
        self.bulkhead.wait_protected(self.shop.size(), 30)
        self.cli("services", "-A")
        status = self.bulkhead.status()
        report.check(f"{status['protected_workloads']} of {status['workloads']} workloads are protected",
                     status["protected_workloads"] == self.shop.size())
        report.check("nothing is enforced after installation: the mode is learn", status["mode"] == "learn", status["mode"])

    def learn(self):
        report, shop = self.report, self.shop
        report.step("Learn: traffic passes and is recorded")
        self.trade("the shop trades")
        loot = shop.attack(shop.compromised)
        report.check(f"a compromised front-1 asks the database for its records and receives {loot['bytes']} bytes:"
                     " nothing stops it yet", loot["bytes"] > 0, loot["error"])
        marker = b"FORGED-BY-FRONT-1"
        finish = shop.watch_db(marker=marker)
        shop.spoof(marker)
        time.sleep(0.1)
        forged = finish()["marker"]
        report.check(f"it also forges catalog-0's address: the database receives {forged} of 6 packets", forged > 0)
        if self.world.kind == "docker":
            answered, received = shop.detour()
            report.check(f"the stranger gets in through the published port: {received} packets received by front-0", answered == 1)
        self.write_down()
        self.trade("the shop trades on")
        self.cli("flows", "-n", "shop", "--last", "12")

    def propose(self):
        report = self.report
        report.step("Propose: what was answered, as NetworkPolicy with the evidence for each rule")
        self.write_down()
        asked = 3 * (self.shop.trade()[0])
        wait_until("the edges are recorded",
                   lambda: sum(edge["answered"] for edge in self.bulkhead.json("learn", "edges", "-A")) >= asked)
        self.out = os.path.join(self.folder, "proposals")
        done = self.cli("learn", "propose", "shop", "--dir", self.out)
        report.check("every service of the shop gets a policy", len(os.listdir(self.out)) == 6, str(os.listdir(self.out)))
        db = next(row for row in self.bulkhead.json("learn", "propose", "shop/db"))
        report.show("bulkhead learn propose shop/db", db["yaml"])
        report.check("the attack was answered only once: it is set aside for a person, not proposed",
                     "from shop/front 5432/tcp: answered once only" in db["yaml"] and done.returncode == 0)
        covered, answered = db["covered_flows"], db["answered_flows"]
        report.check(f"the database's policy covers {covered} of {answered} answered flows, all but the attack",
                     covered == answered - 1 > 0)
        replayed = self.cli("policy", "replay", "--policy", self.out)
        told = [(row["from"], row["to"], row["standing"]) for row in
                self.bulkhead.json("policy", "replay", "--policy", self.out)["rejected"]]
        report.check("replay tells what was answered and would be denied: the attack is among it",
                     replayed.returncode == 1 and ("shop/front", "shop/db", "answered once only") in told, str(told))

    def audit(self):
        report, shop = self.report, self.shop
        report.step("Audit: the policy is in force, what it would deny passes and is reported")
        applied = self.cli("policy", "apply", self.out, "--mode", "audit")
        report.check("the proposals are applied", applied.returncode == 0)
        self.trade("the shop trades")
        loot = shop.attack(shop.compromised)
        report.check("the attack still passes", loot["bytes"] > 0, loot["error"])
        monthly = shop.report_run()
        report.check("the monthly stock report, which learning never saw, passes", monthly["ok"] == 1, monthly["error"])
        report.check("the attack is reported as would-deny", self.seen("would-deny", "shop/front", "shop/db", 5432))
        report.check("so is the report", self.seen("would-deny", "shop/orders", "shop/catalog", 9000))
        self.cli("flows", "-n", "shop", "--verdict", "would-deny", "--since", "1h")
        self.cli("explain", "shop/orders", "shop/catalog", "9000/tcp")
        added = self.bulkhead.apply("stock-report.yaml", REPORT_POLICY)
        report.check("a person adds a policy for the report", added.returncode == 0, added.stderr)
        report.check("... which allows it", self.verdict("shop/orders", "shop/catalog", "9000/tcp") == "allow")

    def enforce(self):
        report, shop = self.report, self.shop
        report.step("Enforce")
        early = self.cli("mode", "set", "shop", "enforce", "--confirm", "60s")
        report.check("too early: the shop was watched for less than a minute, and what waits for review would be cut",
                     early.returncode == 1 and "workload-hours" in early.stderr and "for review" in early.stderr, early.stderr)
        self.cli("learn", "review", "shop")
        forced = self.cli("mode", "set", "shop", "enforce", "--confirm", "60s", "--force")
        report.check("somebody who knows the shop says so", forced.returncode == 0, forced.stderr)
        self.trade("the same traffic works")
        report.check("... and it is confirmed", self.cli("confirm").returncode == 0)
        monthly = [shop.report_run(family)["ok"] for family in (4, 6)]
        report.check("so does the report, in IPv4 and IPv6", monthly == [1, 1], str(monthly))
        self.stopped("the compromised front is stopped", [shop.compromised],
                     lambda _: [shop.attack(shop.compromised, family) for family in (4, 6)])
        self.stopped("the stranger of another namespace is stopped", [shop.stranger],
                     lambda _: [shop.attack(shop.stranger, family) for family in (4, 6)])
        self.stopped("forged packets are stopped: catalog-0's address", [], shop.spoof)
        self.stopped("forged packets are stopped: its MAC address too", [], lambda marker: shop.spoof(marker, forge_mac=True))
        if self.world.kind == "docker":
            answered, received = shop.detour()
            report.check(f"the published port is no way around for the stranger: {received} packets received by front-0",
                         answered == received == 0)
        self.cli("flows", "-n", "shop", "--last", "12")
        self.cli("flows", "-A", "--verdict", "deny")
        explained = self.cli("explain", "shop/front", "shop/db", "5432/tcp")
        report.check("explain names the mode, the rule that is missing and what would allow it",
                     "enforce -> dropped" in explained.stdout and "to allow:" in explained.stdout)

    def replace(self):
        report, shop = self.report, self.shop
        report.step("Replace a replica: rights belong to services, not to addresses")
        old = shop.replicas["catalog"].pop()
        old.remove()
        heir = self.world.workload("heir-0", "probe", ns="lab", like=old)  # before an engine gives the address to somebody else
        new = shop.replica("catalog-9", "catalog", ["tcp:9000"])
        shop.replicas["catalog"].append(new)
        first = new.traffic("call", "tcp", shop.one("db").v4, 5432, "--timeout", 5)
        report.check(f"the new replica's first connection to the database is answered ({new.v4}, never seen before)",
                     first["ok"] == 1, first["error"])
        report.check(f"a stranger that is given the old replica's address {old.v4} ...", (heir.v4, heir.v6) == (old.v4, old.v6))
        self.bulkhead.wait_service("heir-0")
        self.stopped("... inherits nothing", [heir], lambda _: [shop.attack(heir, family) for family in (4, 6)])

    def break_policy(self):
        report = self.report
        report.step("A broken policy changes nothing")
        generation = self.bulkhead.status()["generation"]
        done = self.bulkhead.apply("broken.yaml", BROKEN_POLICY)
        report.show("bulkhead policy apply broken.yaml", done.stdout + done.stderr)
        report.check("it is refused", done.returncode == 2, f"exit {done.returncode}")
        report.check("... with file, line and column, and the name that was meant",
                     "broken.yaml:6:" in done.stderr and "did you mean podSelector" in done.stderr)
        report.check(f"generation {generation} stays", self.bulkhead.status()["generation"] == generation)
        self.trade("the shop trades")

    def kill(self):
        report, shop = self.report, self.shop
        report.step("kill -9 of the daemon: enforcement stays")
        stream = shop.one("catalog").background("stream", shop.one("db").v4, 5432).expect("connected")
        generation = self.bulkhead.status()["generation"]
        self.bulkhead.kill()
        self.stopped("no daemon, and the compromised front is still stopped", [shop.compromised],
                     lambda _: [shop.attack(shop.compromised, family) for family in (4, 6)])
        self.trade("no daemon, and the shop trades")
        self.bulkhead.start()
        self.bulkhead.wait_protected(shop.size() + 1, 30)
        now = self.bulkhead.status()["generation"]
        report.check(f"it starts again and adopts what is there: generation {generation} before, {now} now", now >= generation > 0)
        self.stopped("the compromised front is stopped", [shop.compromised], lambda _: shop.attack(shop.compromised))
        told = stream.finish()
        exchanges, gap = told["exchanges"], told["longest_gap_ms"]
        report.check(f"a connection that was open all the time made {exchanges} exchanges, the longest gap {gap} ms",
                     not told["broken"] and exchanges > 10 and gap < 1000, str(told))

    def uninstall(self):
        report, shop = self.report, self.shop
        report.step("Uninstall leaves nothing")
        self.bulkhead.stop()
        done = self.cli("uninstall", "--yes", lines=12)
        report.check("it is done", done.returncode == 0, done.stderr)
        after = kernel_state()
        for what, state in self.before.items():
            report.check(f"{what}: as before", after[what] == state, f"{state} became {after[what]}"[:500])
        report.check("and nothing is in the way of the shop, or of its attacker", shop.attack(shop.compromised)["bytes"] > 0)

    def tell(self):
        for chapter in (self.open_shop, self.learn, self.propose, self.audit, self.enforce, self.replace, self.break_policy,
                        self.kill, self.uninstall):
            chapter()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="where bulkheadd and bulkhead are")
    parser.add_argument("--engine", help="state directory of tests/lab/engine: tell it on containers")
    args = parser.parse_args()
    report = Report("demo")
    folder = os.path.join(args.engine or "/run", "demo")
    os.makedirs(folder)
    world = DockerWorld(args.engine) if args.engine else World(folder)
    story = Story(report, world, args.bin, folder)
    try:
        story.tell()
    except (LabError, OSError, KeyError, TypeError, StopIteration) as error:
        report.check("the demo runs to its end", False, f"{type(error).__name__}: {error}")
        if story.bulkhead.process is not None:
            report.show("tail bulkheadd.log", story.bulkhead.log()[-1500:])
    finally:
        if story.bulkhead.process is not None:
            story.bulkhead.stop()
    report.end()


if __name__ == "__main__":
    main()
