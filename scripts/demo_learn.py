#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo of learning: a shop's calls are learned while an attacker sits in it, proposed, replayed, promoted and enforced. scripts/demo
--learn runs it in the right place. An hour of the learner is two seconds here."""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "bench", "learning"), os.path.join(HERE, "..", "tests", "lab")]

import measure  # noqa: E402
from demo_report import Report  # noqa: E402
from graph import WORLD, Edge  # noqa: E402
from product import Bulkhead, kernel_state  # noqa: E402
from town import Town  # noqa: E402
from world import LabError, World, wait_until  # noqa: E402

WINDOW = 2  # seconds
SHOP = [Edge("front", "catalog", 9000, "tcp"), Edge("front", "orders", 9100, "tcp"), Edge("front", "sessions", 6379, "tcp"),
        Edge("orders", "catalog", 9000, "tcp"), Edge("orders", "db", 5432, "tcp"), Edge("catalog", "db", 5432, "tcp"),
        Edge("orders", "mail", 2525, "tcp"), Edge("mail", "archive", 9200, "udp")]


class Story:
    def __init__(self, report, bin_dir, folder):
        self.report, self.folder = report, folder
        self.world = World(folder)
        self.bulkhead = Bulkhead(bin_dir, folder, self.world, learn={"window": WINDOW})
        self.town = self.before = self.known = None
        self.policies = os.path.join(folder, "policies")

    def cli(self, *args, lines=40):
        done = self.bulkhead.cli(*args, check=False)
        said = (done.stdout + done.stderr).splitlines()
        if len(said) > lines:
            said[lines // 2:-(lines // 2)] = [f"... {len(said) - lines // 2 * 2} more lines ..."]
        self.report.show("bulkhead " + " ".join(map(str, args)), "\n".join(said))
        return done

    def play(self, seconds, attackers=True):
        """(calls of the shop that were answered, that were not, calls of the attackers that were answered)"""
        self.town.forget_counts()
        self.town.play(seconds, attackers, after=lambda: self.bulkhead.cli("learn", "edges"))  # written down each round
        counts = self.town.legitimate.values()
        return sum(each[0] for each in counts), sum(each[1] for each in counts), sum(self.town.attacks.values())

    # The chapters, in order.

    def open_shop(self):
        report = self.report
        report.step("A shop opens: seven services, two replicas each, which are replaced every few seconds")
        self.town = Town(self.world, SHOP, 7)
        # A scanner and a worm that stay where they are, and no calls of the shop's own to the outside. bench_learning has these, and
        # attackers that have their containers started anew.
        self.town.attackers = [attacker for attacker in self.town.attackers if not attacker.restarts]
        self.town.edges = [edge for edge in self.town.edges if edge.server != WORLD]
        self.before = kernel_state()
        self.bulkhead.start()
        self.bulkhead.wait_protected(len(self.world.workloads), 60)
        self.cli("services")
        report.check("nothing is enforced: the mode is learn", self.bulkhead.status()["mode"] == "learn")

    def learn(self):
        report, town = self.report, self.town
        where = ", ".join(f"a {attacker.kind} in {attacker.service}" for attacker in town.attackers)
        report.step(f"Learn for a minute, with {where}")
        answered, failed, attacks = self.play(60)
        report.check(f"the shop made {answered} calls; none failed", answered > 0 and failed == 0, f"{failed} failed")
        report.check(f"the attackers got {attacks} answers: nothing stops them yet", attacks > 0)
        self.known = {edge for edge, (ok, _) in town.legitimate.items() if ok >= 3}
        self.attacked = set(town.attacks)
        last = []

        def at_rest():
            last.append(self.bulkhead.cli("learn", "edges", "-A", "-o", "json").stdout)
            return len(last) > 1 and last[-1] == last[-2]
        wait_until("the recorded edges are at rest", at_rest, 60, 3)
        self.cli("learn", "status")
        refused = self.cli("mode", "set", "shop", "enforce")
        report.check("it is not ready to be enforced, which says why", refused.returncode == 1 and "wait" in refused.stderr, refused.stderr)

    def decide(self):
        report = self.report
        report.step("Review: what one flow, one hour or one workload alone cannot prove waits for a person")
        self.cli("learn", "review", "shop", lines=24)
        waiting = [row["name"] for row in self.bulkhead.json("learn", "review", "shop") if row["kind"] == "edge"]
        # The person knows the shop: a call that it is made for may be too rare to prove itself.
        names = {f"{self.place(edge.client)}->{self.place(edge.server)}:{edge.port}/{edge.protocol}" for edge in self.town.edges}
        strange = [name for name in waiting if name not in names]
        homes = {f"shop/{attacker.service}" for attacker in self.town.attackers}
        report.check(f"{len(strange)} edges wait that are none of the shop's, all of them of services with an attacker in them",
                     strange and all(name.split("->")[0] in homes for name in strange), strange)
        decided = [self.bulkhead.cli("learn", "reject" if name in strange else "accept", name).returncode for name in waiting]
        report.check(f"somebody rejects them, for good, and accepts {len(waiting) - len(strange)} others", not any(decided), decided)

    def propose(self):
        report, town = self.report, self.town
        report.step("Propose: what was answered, as NetworkPolicy with the evidence above each rule")
        done = self.cli("learn", "propose", "shop", "--dir", self.policies)
        report.check("there is a policy for each service", done.returncode == 0 and len(os.listdir(self.policies)) == len(town.services))
        report.show("bulkhead learn propose shop/orders", self.bulkhead.cli("learn", "propose", "shop/orders").stdout)
        allowed = measure.permitted(self.bulkhead, town, self.policies)
        report.check(f"all {len(self.known)} calls that were answered three times are permitted", self.known <= allowed,
                     sorted(self.known - allowed))
        report.check("nothing else is", allowed <= set(town.edges), sorted(allowed - set(town.edges)))
        report.check(f"none of the {len(self.attacked)} ways of the attackers is", not allowed & self.attacked)
        again = os.path.join(self.folder, "again")
        self.bulkhead.cli("learn", "propose", "shop", "--dir", again)
        same = all(self.text(self.policies, name) == self.text(again, name) for name in os.listdir(self.policies))
        report.check("a second proposal has the same bytes", same)

    @staticmethod
    def place(who):
        return who if who == WORLD else f"shop/{who}"

    @staticmethod
    def text(folder, name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()

    def replay(self):
        report = self.report
        report.step("Replay: the whole record, judged by the proposals")
        done = self.cli("policy", "replay", "--policy", self.policies)
        report.check("nothing that supports a rule would be rejected", done.returncode == 0, done.stderr)
        os.makedirs(os.path.join(self.folder, "short"))
        for name in os.listdir(self.policies):
            text = self.text(self.policies, name)
            with open(os.path.join(self.folder, "short", name), "w", encoding="utf-8") as out:
                out.write(text.replace("port: 5432", "port: 5433") if ".db." in name else text)
        done = self.bulkhead.cli("policy", "replay", "--policy", os.path.join(self.folder, "short"), check=False)
        report.check("a draft with a wrong port for the database is told: exit 1", done.returncode == 1, done.stdout + done.stderr)

    def promote(self):
        report = self.report
        report.step("Promote")
        done = self.cli("policy", "apply", self.policies, "--mode", "audit")
        report.check("in audit", done.returncode == 0)
        answered, failed, _ = self.play(6)
        report.check(f"{answered} calls; none failed: audit denies nothing", answered > 0 and failed == 0)
        self.cli("flows", "-n", "shop", "--verdict", "would-deny", "--since", "1h", lines=8)
        done = self.cli("mode", "set", "shop", "enforce", "--confirm", "60s")
        report.check("enforced: all is decided, so it is ready", done.returncode == 0, done.stderr)
        report.check("confirmed", self.cli("confirm").returncode == 0)

    def enforce(self):
        report = self.report
        report.step("Enforce: replicas come and go, the attackers are stopped")
        answered, failed, attacks = self.play(25)
        known = {edge: counts for edge, counts in self.town.legitimate.items() if edge in self.known}
        refused = {edge: counts for edge, counts in known.items() if counts[1]}
        report.check(f"{answered} calls of the shop; none that was learned failed", answered > 0 and not refused, refused)
        if failed:
            report.say(f"{failed} calls along an edge that nobody saw before were denied: rare ones are for a person to add")
        report.check(f"{attacks} answers for the attackers", attacks == 0, self.town.attacks)
        self.cli("drops", lines=10)

    def uninstall(self):
        report = self.report
        report.step("Uninstall leaves nothing")
        self.bulkhead.stop()
        report.check("it is done", self.cli("uninstall", "--yes", lines=6).returncode == 0)
        after = kernel_state()
        report.check("the kernel has nothing of ours", after["bpffs"] == [] and after["nftables"] == self.before["nftables"])

    def tell(self):
        for chapter in (self.open_shop, self.learn, self.decide, self.propose, self.replay, self.promote, self.enforce, self.uninstall):
            chapter()

    def close(self):
        if self.town:
            self.town.close()
        for workload in list(self.world.workloads.values()):
            workload.end_processes()
        if self.bulkhead.process is not None:
            self.bulkhead.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="where bulkheadd and bulkhead are")
    args = parser.parse_args()
    report = Report("demo")
    folder = "/run/demo"
    os.makedirs(folder)
    story = Story(report, args.bin, folder)
    try:
        story.tell()
    except (LabError, OSError, KeyError, TypeError, StopIteration) as error:
        report.check("the demo runs to its end", False, f"{type(error).__name__}: {error}")
        if story.bulkhead.process is not None:
            report.show("tail bulkheadd.log", story.bulkhead.log()[-1500:])
    finally:
        story.close()
    report.end()


if __name__ == "__main__":
    main()
