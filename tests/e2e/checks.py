# SPDX-License-Identifier: Apache-2.0
"""What the runners of scenarios share. A scenario is a module with functions `check_...(lab)`; each check runs in a process of its
own, inside a lab of its own, and its last line of output says how it went."""
import collections
import importlib
import json
import subprocess
import traceback

Outcome = collections.namedtuple("Outcome", "claims failed skipped")
BROKEN = Outcome(1, 1, 0)


class Skip(Exception):
    """Raised by a check that cannot be tried here; says why."""


def names(scenario, wanted=None):
    """The scenario's checks, or the one that is wanted."""
    every = [name[6:] for name in vars(importlib.import_module(scenario)) if name.startswith("check_")]
    return [name for name in every if wanted in (None, name)]


def inside(lab, scenario, check):
    """Tries one check in its lab, and ends the lab."""
    skipped = 0
    try:
        getattr(importlib.import_module(scenario), "check_" + check)(lab)
    except Skip as why:
        skipped = 1
        print(f"    skipped: {why}", flush=True)
    except Exception:  # a check that breaks off has failed; the others still run
        lab.check("runs to its end", False, traceback.format_exc(limit=-3))
    finally:
        lab.close()
    if lab.failures:
        print("  the daemon's log ends with:\n" + lab.bulkhead.tail())
    print(json.dumps(Outcome(lab.claims, len(lab.failures), skipped)._asdict()), flush=True)


def outside(argv, seconds):
    """Runs a program that calls `inside`, and shows what it says; None: it cannot be tried here at all (exit 77)."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        print(late.stdout, f"    FAILED not done within {seconds} s")
        return BROKEN
    lines = done.stdout.splitlines()
    if done.returncode == 77:
        print(done.stdout.strip())
        return None
    if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
        print(done.stdout, f"    FAILED exit {done.returncode}")
        return BROKEN
    print("\n".join(lines[:-1]), flush=True)
    told = Outcome(**json.loads(lines[-1]))
    if not told.claims and not told.skipped:
        print("    FAILED claims nothing")
        return BROKEN
    return told


def conclude(title, outcomes):
    """Prints the sum. The exit status: 0: all claims held; 1: some did not; 2: there is no such check; 77: nothing could be tried."""
    if not outcomes:
        return 2
    if None in outcomes:
        return 77
    claims, failed, skipped = (sum(column) for column in zip(*outcomes))
    print(f"{title}: {claims - failed} of {claims} claims hold" + (f", checks skipped: {skipped}" if skipped else ""))
    return 1 if failed else 0 if claims else 77
