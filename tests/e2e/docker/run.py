#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario with containers: each check with an engine of its own (tests/lab/engine), in that engine's namespaces.

usage: run.py --bin DIR [--attach clsact|tcx] [--userland-proxy] SCENARIO [CHECK]
exit 0: all claims held; 1: some did not; 77: cannot be tried here
"""
import argparse
import os
import subprocess
import sys

from docker_lab import ENGINE, DockerLab, checks

CHECK_SECONDS = 240


def outside(args, check):
    """Starts an engine, runs a check in it, ends it."""
    print("  " + check.replace("_", " "), flush=True)
    proxy = ["--userland-proxy"] if args.userland_proxy else []
    up = subprocess.run([ENGINE, "up", "--owner", str(os.getpid()), *proxy], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    engine = up.stdout.strip()
    try:
        return checks.outside([ENGINE, "in", engine, sys.executable, "-B", os.path.abspath(__file__), "--bin", args.bin,
                               "--attach", args.attach, *proxy, "--engine", engine, args.scenario, check], CHECK_SECONDS)
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
        checks.inside(DockerLab(args.bin, args.engine, args.attach, args.userland_proxy), args.scenario, args.check)
        return
    can = subprocess.run([ENGINE, "check"], stdout=subprocess.PIPE, text=True, check=False)
    if can.returncode != 0:
        print(can.stdout.strip())
        sys.exit(77)
    args.bin = os.path.abspath(args.bin)
    outcomes = [outside(args, name) for name in checks.names(args.scenario, args.check)]
    sys.exit(checks.conclude(args.scenario, outcomes))


if __name__ == "__main__":
    main()
