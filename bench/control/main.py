#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the control plane follows: workloads (network namespaces) are present by the thousand, and so many start and stop each second.

Of each start: from the link (RTM_NEWLINK) to both programs (RTM_NEWTFILTER) and to membership in the guard, as the kernel tells it; from
what the source said to the tables, as the daemon counts it (/metrics). Meanwhile: the control thread's CPU, user and kernel apart, and how
long it takes to answer. Memory at each size. Needs root; nothing is made outside a lab of its own.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "lab")]

import watch  # noqa: E402
from crowd import Crowd  # noqa: E402
from product import Bulkhead  # noqa: E402
from world import LabError, World, wait_until  # noqa: E402

EVENT = "bulkhead_source_event_duration_seconds"
# Between the link of a container and its first instruction Docker takes longer than this, nearly always.
HEAD_STARTS = (0.02, 0.05, 0.1)


def say(text):
    print(text, file=sys.stderr, flush=True)


def metrics(bulkhead):
    done = subprocess.run(["curl", "-sf", "--unix-socket", bulkhead.socket, "http://bulkhead/metrics"], capture_output=True, text=True,
                          timeout=60, check=True)
    return done.stdout


MOST_ENDPOINTS = 4095  # abi/address.h: whoever comes beyond is known, and shown as unprotected


def settled(bulkhead, count):
    status = bulkhead.status()
    return status["workloads"] >= count and status["protected_workloads"] >= min(count, MOST_ENDPOINTS)


def grow(crowd, bulkhead, count, seconds):
    while len(crowd.members) < count:
        crowd.start()
    wait_until(f"{count} workloads are protected", lambda: settled(bulkhead, count), seconds, 0.5)
    time.sleep(2)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def churn(crowd, kernel, args):
    """Starts and stops at an even pace; those that started."""
    started, begun = [], time.monotonic()
    for i in range(args.rate * args.seconds):
        time.sleep(max(0.0, begun + i / args.rate - time.monotonic()))
        started.append(crowd.start())
        crowd.stop(crowd.members.pop(0))
    took = time.monotonic() - begun
    wait_until("all that started have both programs",
               lambda: all(len(kernel.attached.get(kernel.links.get(each.link, (0,))[0], {})) == 2 for each in started), 30, 0.2)
    return started, took


def delays(started, kernel):
    attached, guarded = [], []
    for each in started:
        ifindex, born = kernel.links[each.link]
        attached.append(max(kernel.attached[ifindex].values()) - born)
        if ifindex in kernel.guarded:
            guarded.append(kernel.guarded[ifindex] - born)
    return attached, guarded


def of_churn(args, crowd, bulkhead, kernel):
    task, probe = watch.Task(bulkhead.process.pid), watch.LoopProbe(bulkhead.socket)
    before, cpu = metrics(bulkhead), task.read()
    probe.start()
    started, took = churn(crowd, kernel, args)
    probe.ended = True
    spent, after = task.read(), metrics(bulkhead)
    attached, guarded = delays(started, kernel)
    out = {"starts per second": (len(started) / took, "1/s"),
           "link to programs, median": (statistics.median(attached) * 1e3, "ms"),
           "link to programs, p99": (percentile(attached, 0.99) * 1e3, "ms")}
    if guarded:
        out["link to guard, median"] = (statistics.median(guarded) * 1e3, "ms")
        out["link to guard, p99"] = (percentile(guarded, 0.99) * 1e3, "ms")
    for limit in HEAD_STARTS:
        out[f"programs within {limit * 1e3:g} ms"] = (sum(each <= limit for each in attached) / len(attached), "share")
    was, now = watch.histogram(before, EVENT), watch.histogram(after, EVENT)
    out["source's word to tables, median at most"] = (watch.quantile(was, now, 0.5) * 1e3, "ms")
    out["source's word to tables, p99 at most"] = (watch.quantile(was, now, 0.99) * 1e3, "ms")
    for thread in ("control", "others"):
        for i, part in enumerate(("user", "kernel")):
            out[f"CPU per start and stop, {thread}, {part}"] = ((spent[thread][i] - cpu[thread][i]) / len(started) * 1e3, "ms")
    out["control thread answers, median"] = (statistics.median(probe.took) * 1e3, "ms")
    out["control thread answers, p99"] = (percentile(probe.took, 0.99) * 1e3, "ms")
    return out


def remember(task, count, out):
    own, resident = task.memory()
    out[f"memory at {count} workloads, own"] = (own / 2**20, "MiB")
    out[f"memory at {count} workloads, with mapped tables"] = (resident / 2**20, "MiB")


def measure(args, folder):
    world = World(folder)
    bulkhead = Bulkhead(args.bin, folder, world)
    bulkhead.start()
    crowd, kernel = Crowd(world), watch.KernelWatch()
    out = {}
    try:
        kernel.start()
        task = watch.Task(bulkhead.process.pid)
        remember(task, 0, out)
        for count in args.memory:
            say(f"{count} workloads")
            grow(crowd, bulkhead, count, 60 + count)
            remember(task, count, out)
            if count == args.present:
                say(f"{args.rate} starts a second for {args.seconds} s")
                out.update(of_churn(args, crowd, bulkhead, kernel))
        return out
    finally:
        kernel.ended = True
        bulkhead.stop()


def in_a_lab():
    argv = [os.path.join(ROOT, "tests", "lab", "private"), sys.executable, "-B", os.path.abspath(__file__), "--inside", *sys.argv[1:]]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the run ended with {done.returncode}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(prog="bench_control", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--present", type=int, default=1000, metavar="N", help="workloads while others start (1000)")
    parser.add_argument("--rate", type=int, default=20, metavar="N", help="starts, and as many stops, in each second (20)")
    parser.add_argument("--seconds", type=int, default=30, metavar="S", help="of starting and stopping (30)")
    parser.add_argument("--memory", type=lambda text: sorted(map(int, text.split(","))), default=[100, 1000, 5000], metavar="N,N,...",
                        help="sizes at which memory is measured (100,1000,5000)")
    parser.add_argument("--json", action="store_true", help="an array of {metric, unit, value}")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release", "bin"), help=argparse.SUPPRESS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # in a lab already
    args = parser.parse_args()
    if min(args.present, args.rate, args.seconds, *args.memory) < 1:
        parser.error("numbers must be positive")
    args.memory = sorted({*args.memory, args.present})
    try:
        if args.inside:
            with tempfile.TemporaryDirectory(prefix="bulkhead-control-", dir="/run") as folder:
                print(json.dumps(measure(args, os.path.join(folder, "run"))))
            return 0
        found = in_a_lab()
    except LabError as error:
        print(f"bench_control: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps([{"metric": name, "unit": unit, "value": round(value, 4)} for name, (value, unit) in found.items()], indent=1))
        return 0
    width = max(map(len, found))
    for name, (value, unit) in found.items():
        print(f"{name.ljust(width)}  {value:10.3f} {unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
