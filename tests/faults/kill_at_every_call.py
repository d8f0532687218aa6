# SPDX-License-Identifier: Apache-2.0
"""The daemon ends by SIGKILL before each of its calls that change the kernel, one after the other, while numbered packets flow: of those
that policy allows none is lost, of the others none arrives, and the next start brings everything to where an undisturbed one does."""
import os
import time

from dataplane_state import differences, state
from faults import frames, peer, policy, port, rule
from world import LabError, wait_until

SHORT_STEPS = 2  # of each check in the short form
DIED = -9


class Shop:
    """web may ask db; api and, without extra policy, mon may not."""

    def __init__(self, lab):
        self.lab, self.bulkhead, self.orders = lab, lab.bulkhead, lab.orders
        world = lab.world
        self.web, self.api = world.workload("web-0", "web"), world.workload("api-0", "api")
        self.db = world.workload("db-0", "db", serve=["tcp:5432"])
        self.receiver = lab.numbered(self.db, "receive", 7000)
        self.allowed = [policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(7000, "UDP")])])]
        self.killed, self.happened = 0, []

    def enforce(self):
        self.lab.start("enforce")
        self.lab.apply(*self.allowed)

    def interfaces(self):
        return [workload.host_interface for workload in self.lab.world.workloads.values()]

    def state(self):
        return state(self.bulkhead.pin_root, self.interfaces())

    def begin(self):
        """Traffic that is counted until end()."""
        self.good = self.lab.numbered(self.web, "send", self.db.v4, 7000)
        self.good6 = self.lab.numbered(self.web, "send", self.db.v6, 7000)
        self.stream = self.web.background("stream", self.db.v4, 5432).expect("connected")
        self.arrived = self.lab.watching(self.db, frames.between(self.api.v4, self.db.v4), frames.between(self.api.v6, self.db.v6))
        self.bad = [self.lab.numbered(self.api, "send", address, 7000) for address in (self.db.v4, self.db.v6)]
        self.knock = self.api.background("call", "tcp", self.db.v4, 5432, "--count", 100000, "--timeout", 0.05)

    def end(self):
        lab = self.lab
        for name, sender in (("IPv4", self.good), ("IPv6", self.good6)):
            told = sender.finish()
            lab.check(f"allowed packets lost, {name}", told["sent"] == told["answered"] and told["sent"] > 100,
                      f"{told['sent'] - told['answered']} of {told['sent']}; the first: {told['unanswered']}")
        told = self.stream.finish()
        lab.check("the TCP connection goes on", not told["broken"] and told["exchanges"] > 10 and told["longest_gap_ms"] < 1000, told)
        self.knock.kill()
        sent = sum(sender.finish()["sent"] for sender in self.bad)
        arrived = sum(self.arrived().values())
        lab.check("denied packets received", arrived == 0 and sent > 100, f"{arrived}; {sent} were sent, and SYNs")

    def wait_dead(self, otherwise, seconds=60):
        """Until the daemon is dead (True) or `otherwise` holds (False)."""
        def over():
            return self.bulkhead.process.poll() is not None or otherwise()
        wait_until("the daemon dies or has done its work", over, seconds)
        if self.bulkhead.process.poll() is None:
            return False
        if self.bulkhead.process.returncode != DIED:
            raise LabError(f"the daemon ended with {self.bulkhead.process.returncode}:\n{self.bulkhead.tail(10)}")
        self.killed += 1
        self.happened.append(self.orders.happened_at())
        return True

    def is_quiet(self):
        """Whether the daemon answers, all is protected and it has made no call for a while."""
        try:
            rows = self.bulkhead.json("workloads", "-A")
        except (LabError, ValueError):
            return False
        if len(rows) != len(self.lab.world.workloads) or any(row["state"] != "protected" for row in rows):
            return False
        before = self.orders.calls()
        time.sleep(0.15)
        return self.orders.calls() == before

    def recover(self):
        self.orders.take_back()
        if self.bulkhead.process.poll() is None:
            return
        self.bulkhead.start()
        self.bulkhead.wait_protected(len(self.lab.world.workloads))

    def count(self, act):
        """How many calls `act` makes the daemon do, and a few more for what comes by itself."""
        before = self.orders.calls()
        act()
        wait_until("the daemon is quiet", self.is_quiet, 30)
        return self.orders.calls() - before

    def steps(self, count):
        every = range(1, count + 1)
        if self.lab.long:
            return list(every)
        # Others each time, so that in the course of time all are tried.
        apart = max(1, count // SHORT_STEPS)
        return list(every)[int(time.time()) % apart::apart]

    def told(self, what, count, tried):
        self.lab.check(f"{what}: {self.killed} kills at {count} calls", self.killed >= tried - 1,
                       f"only {self.killed} of {tried}")
        print("      at: " + ", ".join(f"{op} {self.happened.count(op)}" for op in sorted(set(self.happened))), flush=True)

    def converged(self, expected, what):
        wait_until("the daemon is quiet", self.is_quiet, 30)
        found = differences(expected, self.state())
        if found:
            self.lab.check(f"{what}: the next start converges", False, "; ".join(found))
        return not found


def check_every_call_of_a_restart(lab):
    shop = Shop(lab)
    shop.enforce()
    expected = shop.state()

    def restart():
        shop.bulkhead.kill()
        shop.bulkhead.start()
    count = shop.count(restart)
    shop.begin()
    steps = shop.steps(count)
    bad = 0
    for step in steps:
        shop.bulkhead.kill()
        shop.orders.give(shop.orders.KILL, step)
        shop.bulkhead.launch()
        shop.wait_dead(shop.is_quiet)
        shop.recover()
        bad += not shop.converged(expected, f"call {step} of a restart ({shop.orders.happened_at()})")
    shop.end()
    lab.equal("restarts after which the state differs", bad, 0)
    shop.told("a restart", count, len(steps))


def check_every_call_of_a_first_start(lab):
    shop = Shop(lab)
    shop.enforce()
    expected = shop.state()
    shop.bulkhead.stop()

    def first_start():
        lab.equal("uninstall", lab.bulkhead.cli("uninstall", "--yes").returncode, 0)
        shop.bulkhead.start()
    count = shop.count(first_start)
    good = lab.numbered(shop.web, "send", shop.db.v4, 7000)
    steps = shop.steps(count)
    bad = arrived = 0
    for step in steps:
        shop.bulkhead.kill()
        lab.bulkhead.cli("uninstall", "--yes")
        shop.orders.give(shop.orders.KILL, step)
        shop.bulkhead.launch()
        shop.wait_dead(shop.is_quiet)
        shop.recover()
        bad += not shop.converged(expected, f"call {step} of a first start ({shop.orders.happened_at()})")
        finish = lab.watching(shop.db, frames.between(shop.api.v4, shop.db.v4))
        lab.numbered(shop.api, "send", shop.db.v4, 7000).finish()
        arrived += sum(finish().values())
    told = good.finish()
    lab.equal("allowed packets lost", told["sent"] - told["answered"], 0)
    lab.equal("denied packets received once it runs", arrived, 0)
    lab.equal("first starts after which the state differs", bad, 0)
    shop.told("a first start", count, len(steps))


def check_every_call_of_a_change_of_policy(lab):
    """mon may ask, may not, may, ...: what allows web does not change."""
    shop = Shop(lab)
    shop.mon = lab.world.workload("mon-0", "mon")
    shop.enforce()
    also = policy("mon", "db", ingress=[rule([peer("mon")], [port(7000, "UDP")])])

    def change(there, check=True):
        done = lab.bulkhead.cli("policy", "delete", "networkpolicy", "mon", "-n", "shop", check=False) if there else lab.apply(also)
        if check and there and done.returncode != 0:
            raise LabError(done.stderr)
    expected, count = {}, 0
    for there in (False, True):
        expected[there] = shop.state()
        count = max(count, shop.count(lambda there=there: change(there)))
    there = False
    shop.begin()
    steps = shop.steps(count)
    bad = 0
    for step in steps:
        shop.orders.give(shop.orders.KILL, step)
        try:
            change(there, check=False)
        except LabError:
            pass  # the daemon died under it
        shop.wait_dead(shop.is_quiet)
        shop.recover()
        wait_until("the daemon is quiet", shop.is_quiet, 30)
        there = any("mon" in name for name in os.listdir(lab.bulkhead.policy_dir))
        bad += not shop.converged(expected[there], f"call {step} of a change of policy ({shop.orders.happened_at()})")
        asked = shop.mon.traffic("call", "udp", shop.db.v4, 7000, "--timeout", 0.2)
        lab.equal(f"killed at call {step}: mon is served", asked["ok"], int(there))
    shop.end()
    lab.equal("changes after which the state differs", bad, 0)
    shop.told("a change of policy", count, len(steps))


def check_every_call_of_a_workload_that_comes_and_goes(lab):
    shop = Shop(lab)
    shop.enforce()
    expected = shop.state()

    def come_and_go():
        lab.world.workload("late-0", "late")
        wait_until("the daemon is quiet", shop.is_quiet, 30)
        lab.world.workloads["late-0"].remove()
    count = shop.count(come_and_go)
    shop.begin()
    steps = shop.steps(count)
    bad = 0
    for step in steps:
        shop.orders.give(shop.orders.KILL, step)
        late = lab.world.workload(f"late-{step}", "late")
        if shop.wait_dead(shop.is_quiet):
            shop.recover()
        lab.stopped(late, shop.db, 5432, claim=f"killed at call {step}: the newcomer is stopped")
        late.remove()
        shop.wait_dead(shop.is_quiet)
        shop.recover()
        bad += not shop.converged(expected, f"call {step} of a workload's time ({shop.orders.happened_at()})")
    shop.end()
    lab.equal("times after which the state differs", bad, 0)
    shop.told("a workload's time", count, len(steps))
