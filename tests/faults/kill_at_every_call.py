# SPDX-License-Identifier: Apache-2.0
"""The daemon ends by SIGKILL before each of its calls that change the kernel, one after the other, while numbered packets flow: of those
that policy allows none is lost, of the others none arrives, and the next start brings everything to where an undisturbed one does."""
import os

from faults import frames, peer, policy, port, rule
from shop import Shop
from world import LabError, wait_until


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


def has_tcx():
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(c for c in minor if c.isdigit()))) >= (6, 6)


def check_every_call_of_a_first_start(lab):
    """With tcx: while a clsact qdisc is added or removed the kernel stops the device's queues (net/sched/sch_api.c, qdisc_graft)."""
    lab.bulkhead.configure(attach="tcx" if has_tcx() else "clsact")
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
    if has_tcx():
        lab.check("allowed packets lost: none", told["sent"] == told["answered"], told)
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
        done = lab.bulkhead.cli("policy", "delete", "shop/mon", check=False) if there else lab.apply(also)
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


def check_every_call_of_an_upgrade(lab):
    """From one layout to the next, killed, and started again: each time one further."""
    shop = Shop(lab)
    shop.enforce()
    layout = int(os.listdir(lab.bulkhead.pin_root)[0].removeprefix("v"))
    expected = shop.state()

    def next_layout():
        nonlocal layout
        layout += 1
        lab.bulkhead.daemon_args = ["--layout", str(layout)]

    def undisturbed():
        next_layout()
        lab.bulkhead.stop()
        lab.bulkhead.start()
    count = shop.count(undisturbed)
    lab.equal("layouts after an undisturbed upgrade", os.listdir(lab.bulkhead.pin_root), [f"v{layout}"])
    shop.begin()
    steps = shop.steps(count)
    bad = 0
    for step in steps:
        next_layout()
        shop.bulkhead.kill()
        shop.orders.give(shop.orders.KILL, step)
        shop.bulkhead.launch()
        shop.wait_dead(shop.is_quiet)
        shop.recover()
        bad += not shop.converged(expected, f"call {step} of an upgrade ({shop.orders.happened_at()})")
    shop.end()
    lab.equal("upgrades after which the state differs", bad, 0)
    shop.told("an upgrade", count, len(steps))


def check_every_call_that_fails(lab):
    """Not killed: the call says no, once. What a start cannot do it says, and ends; what a running daemon cannot do it does later."""
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
        shop.orders.give(shop.orders.FAIL, step)
        shop.bulkhead.launch()
        wait_until("the daemon ends or is ready", lambda: shop.bulkhead.process.poll() is not None or shop.is_quiet(), 60)
        ended = shop.bulkhead.process.poll()
        if ended is not None:
            lab.equal(f"call {step} fails ({shop.orders.happened_at()}): exit status", ended, 1)
        shop.recover()
        bad += not shop.converged(expected, f"call {step} of a start fails ({shop.orders.happened_at()})")
    shop.end()
    lab.equal("starts after which the state differs", bad, 0)
