#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario with containers: each check with an engine of its own (tests/lab/engine), in that engine's namespaces.

usage: run.py --bin DIR [--attach clsact|tcx] [--userland-proxy] SCENARIO [CHECK]
exit 0: all claims held; 1: some did not; 77: cannot be tried here
"""
import argparse
import importlib
import json
import os
import subprocess
import sys
import traceback

from docker_lab import DockerLab

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINE = os.path.join(HERE, "..", "..", "lab", "engine")
CHECK_SECONDS = 240


def inside(args):
    """One check, in the engine's namespaces. The last line is for the caller."""
    lab = DockerLab(args.bin, args.engine, args.attach, args.userland_proxy)
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
    """Starts an engine, runs a check in it, ends it; (claims, failed)."""
    print("  " + check.replace("_", " "), flush=True)
    up = subprocess.run([ENGINE, "up", "--owner", str(os.getpid()), *(["--userland-proxy"] if args.userland_proxy else [])],
                        stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    engine = up.stdout.strip()
    argv = [ENGINE, "in", engine, sys.executable, "-B", os.path.join(HERE, "run.py"), "--bin", args.bin, "--attach", args.attach,
            *(["--userland-proxy"] if args.userland_proxy else []), "--engine", engine, args.scenario, check]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=CHECK_SECONDS, check=False)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
            print(done.stdout, f"    FAILED exit {done.returncode}")
            return 1, 1
        print("\n".join(lines[:-1]), flush=True)
        told = json.loads(lines[-1])
        return (told["claims"], told["failed"]) if told["claims"] else (1, 1)
    except subprocess.TimeoutExpired as late:
        print(late.stdout, f"    FAILED not done within {CHECK_SECONDS} s")
        return 1, 1
    finally:
        subprocess.run([ENGINE, "down", engine], timeout=60, check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--attach", default="clsact")
    parser.add_argument("--userland-proxy", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("scenario")
    parser.add_argument("check", nargs="?")
    args = parser.parse_args()
    if args.engine:
        inside(args)
        return
    can = subprocess.run([ENGINE, "check"], stdout=subprocess.PIPE, text=True, check=False)
    if can.returncode != 0:
        print(can.stdout.strip())
        sys.exit(77)
    args.bin = os.path.abspath(args.bin)
    names = [name[6:] for name in vars(importlib.import_module(args.scenario)) if name.startswith("check_")]
    results = [outside(args, name) for name in names if args.check in (None, name)]
    if not results:
        sys.exit(2)
    claims, failed = (sum(column) for column in zip(*results))
    print(f"{args.scenario}: {claims - failed} of {claims} claims hold")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
