#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario: each of its checks in a lab of its own (tests/lab/private), which ends with it.

usage: run.py --bin DIR [--attach clsact|tcx] SCENARIO [CHECK]      exit 0: all claims held; 1: some did not; 77: cannot be tried here
"""
import argparse
import importlib
import json
import os
import subprocess
import sys
import traceback

from harness import LAB, Lab

CHECK_SECONDS = 90


def kernel_version():
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))


def inside(args):
    """One check, in the lab. The last line is for the caller."""
    lab = Lab(args.bin, "/run/lab", args.attach)
    try:
        getattr(importlib.import_module(args.scenario), "check_" + args.check)(lab)
    except Exception:  # a check that breaks off has failed; the others still run
        lab.check("runs to its end", False, traceback.format_exc(limit=-3))
    finally:
        lab.close()
    if lab.failures:
        print("  the daemon's log ends with:\n" + lab.bulkhead.tail())
    print(json.dumps({"claims": lab.claims, "failed": len(lab.failures)}), flush=True)


def outside(args, check):
    """Runs a check; (claims, failed), or None where it cannot be tried."""
    print("  " + check.replace("_", " "), flush=True)
    # The lab ends with this process, whatever ends this process.
    argv = ["setpriv", "--pdeathsig", "KILL", os.path.join(LAB, "private"), sys.executable, "-B", *sys.argv, check]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        print(late.stdout, f"    FAILED not done within {CHECK_SECONDS} s")
        return 1, 1
    lines = done.stdout.splitlines()
    if done.returncode == 77:
        print(done.stdout.strip())
        return None
    if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
        print(done.stdout, f"    FAILED exit {done.returncode}")
        return 1, 1
    print("\n".join(lines[:-1]), flush=True)
    told = json.loads(lines[-1])
    return (told["claims"], told["failed"]) if told["claims"] else (1, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--attach", default="clsact")
    parser.add_argument("scenario")
    parser.add_argument("check", nargs="?")
    args = parser.parse_args()
    if args.check and os.environ.get("BULKHEAD_LAB_ORIGIN"):
        return inside(args)
    if args.attach == "tcx" and kernel_version() < (6, 6):
        print("skipped: tcx needs Linux 6.6")
        sys.exit(77)
    names = [name[6:] for name in vars(importlib.import_module(args.scenario)) if name.startswith("check_")]
    if args.check:
        sys.argv.remove(args.check)
    results = [outside(args, name) for name in names if args.check in (None, name)]
    if not results or None in results:
        sys.exit(77 if results else 2)
    claims, failed = (sum(column) for column in zip(*results))
    print(f"{args.scenario} ({args.attach}): {claims - failed} of {claims} claims hold")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
