#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Learns a call graph from real traffic, and says how well.

An application's services run as network namespaces with two replicas each; replicas are replaced every few seconds, two edges are used by
one call in a thousand, one service calls outside and clients call from there. Two workloads hold scanners and two hold worms, which also
go outside; one of each has its container started anew again and again. Half of the time is for learning; then proposals are made. For a
quarter everybody but the attackers is replaced and goes on, to see what the proposals missed (held out: that time, and those replicas);
for the last quarter they are enforced.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "lab")]

import measure  # noqa: E402
from graph import GraphError, read  # noqa: E402
from product import Bulkhead  # noqa: E402
from town import Town  # noqa: E402
from world import LabError, World, wait_until  # noqa: E402

WINDOW = 2  # seconds: what an hour is to the learner


def say(text):
    print(text, file=sys.stderr, flush=True)


def drained(bulkhead):
    """Until two looks at the recorded edges are the same."""
    before = []

    def calm():
        now = bulkhead.cli("learn", "edges", "-A", "-o", "json").stdout
        before.append(now)
        return len(before) > 1 and before[-2] == now
    wait_until("the recorded edges are at rest", calm, 60, 3)


def learn(args, edges, seed, folder):
    world = World(folder)
    bulkhead = Bulkhead(args.bin, folder, world, learn={"window": WINDOW}).start()
    town = None
    try:
        town = Town(world, edges, seed)
        bulkhead.wait_protected(len(world.workloads), 60)
        seconds = args.minutes * 60
        where = ", ".join(f"a {attacker.kind} in {attacker.service}" + " (started anew)" * attacker.restarts for attacker in town.attackers)
        say(f"seed {seed}: learning for {seconds / 2:.0f} s; {where}")
        # Evidence belongs to the hour in which it is written down, so that is done each round.
        town.play(seconds / 2, after=lambda: bulkhead.cli("learn", "edges"))
        drained(bulkhead)
        policies = os.path.join(folder, "proposed")
        bulkhead.cli("learn", "propose", "shop", "--dir", policies)
        proposals = bulkhead.json("learn", "propose", "shop")
        allowed = measure.permitted(bulkhead, town, policies)
        metrics = measure.of_proposals(town, allowed, proposals)

        say(f"seed {seed}: held-out time and replicas")
        known = {edge for edge, (answered, _) in town.legitimate.items() if answered >= 3}
        town.replace_all()
        town.forget_counts()
        town.play(seconds / 4)
        later = {edge for edge, answered in town.by_newcomers.items() if answered >= 3}
        metrics["recall_heldout"] = (measure.share(later & allowed, later), "share")

        say(f"seed {seed}: enforcing")
        promote(bulkhead, policies)
        town.forget_counts()
        town.play(seconds / 4)
        metrics["false_denials"] = (sum(refused for edge, (_, refused) in town.legitimate.items() if edge in known), "calls")
        metrics["calls_enforced"] = (sum(sum(counts) for counts in town.legitimate.values()), "calls")
        metrics["attack_calls_through"] = (sum(town.attacks.values()), "calls")
        if args.verbose:
            tell(town, allowed, known, bulkhead)
        return metrics
    finally:
        if town:
            town.close()
        for workload in list(world.workloads.values()):
            workload.end_processes()
        bulkhead.stop()


def promote(bulkhead, policies):
    for argv in (["policy", "apply", policies], ["mode", "set", "--global", "enforce", "--force"]):
        done = bulkhead.cli(*argv)
        if done.returncode != 0:
            raise LabError(f"bulkhead {' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")


def tell(town, allowed, known, bulkhead):
    for title, what in (("not permitted, though answered three times", known - allowed), ("permitted, not in the graph", allowed - set(town.edges)),
                        ("reached by attackers and permitted", allowed & set(town.attacks)),
                        ("refused while enforcing", {edge for edge, counts in town.legitimate.items() if counts[1] and edge in known})):
        for edge in sorted(what):
            say(f"  {title}: {edge.client} -> {edge.server} {edge.port}/{edge.protocol}, {town.legitimate.get(edge)}")
    say(bulkhead.cli("learn", "review", "shop").stdout)
    say(bulkhead.cli("learn", "status").stdout)


def in_a_lab(args, seed):
    """One run, in network, mount and process namespaces of its own."""
    argv = [os.path.join(ROOT, "tests", "lab", "private"), sys.executable, "-B", os.path.abspath(__file__), "--bin", args.bin, "--graph",
            os.path.abspath(args.graph), "--minutes", str(args.minutes), "--inside", str(seed), *(["--verbose"] if args.verbose else [])]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the run with seed {seed} ended with {done.returncode}")
    return json.loads(done.stdout)


def rows(case, runs):
    out = []
    for metric in runs[0]:
        values = [run[metric][0] for run in runs]
        out.append({"case": case, "metric": metric, "unit": runs[0][metric][1], "median": round(statistics.median(values), 6),
                    "min": round(min(values), 6), "max": round(max(values), 6)})
    return out


def table(found):
    lines = [("case", "metric", "median", "min", "max", "unit")]
    lines += [(row["case"], row["metric"], f"{row['median']:g}", f"{row['min']:g}", f"{row['max']:g}", row["unit"]) for row in found]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="bench_learning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", required=True, metavar="FILE", help='JSON: {"application", "edges": [[client, server, port(, protocol)], ...]}')
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first run (1)")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="with seeds from --seed on (1)")
    parser.add_argument("--minutes", type=float, default=4, metavar="M", help="of each run (4)")
    parser.add_argument("--json", action="store_true", help="an array of {case, metric, unit, median, min, max}")
    parser.add_argument("--verbose", action="store_true", help="say which edges were missed, and what waits for review")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "release", "bin"), help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=int, metavar="SEED", help=argparse.SUPPRESS)  # one run, in a lab already
    args = parser.parse_args()
    if args.runs < 1 or args.minutes <= 0:
        parser.error("--runs and --minutes must be positive")
    try:
        application, edges = read(args.graph)
    except GraphError as error:
        print(f"bench_learning: {error}", file=sys.stderr)
        return 2
    try:
        if args.inside is not None:
            with tempfile.TemporaryDirectory(prefix="bulkhead-learning-", dir="/run") as folder:
                print(json.dumps(learn(args, edges, args.inside, os.path.join(folder, "run"))))
            return 0
        runs = [in_a_lab(args, args.seed + i) for i in range(args.runs)]
    except LabError as error:
        print(f"bench_learning: {error}", file=sys.stderr)
        return 1
    found = rows(application.lower().replace(" ", "-"), runs)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        table(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
