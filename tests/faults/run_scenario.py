#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario of this folder: each of its checks in a lab of its own (tests/lab/private), which ends with it.

usage: run_scenario.py --bin DIR [--long] SCENARIO [CHECK]      exit 0: all claims held; 1: some did not; 77: cannot be tried here

--long: as much as is asked of the product, for minutes; without it, what seconds are enough for.
"""
import argparse
import os
import sys

from faults_lab import LAB, FaultsLab, checks

SECONDS = {False: 120, True: 3600}  # of one check


def outside(check, is_long):
    print("  " + check.replace("_", " "), flush=True)
    # The lab ends with this process, whatever ends this process.
    return checks.outside(["setpriv", "--pdeathsig", "KILL", os.path.join(LAB, "private"), sys.executable, "-B", *sys.argv, check],
                          SECONDS[is_long])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("scenario")
    parser.add_argument("check", nargs="?")
    args = parser.parse_args()
    if args.check and os.environ.get("BULKHEAD_LAB_ORIGIN"):
        checks.inside(FaultsLab(args.bin, "/run/lab", args.long), args.scenario, args.check)
        return
    if args.check:
        sys.argv.remove(args.check)
    outcomes = [outside(name, args.long) for name in checks.names(args.scenario, args.check)]
    sys.exit(checks.conclude(args.scenario, outcomes))


if __name__ == "__main__":
    main()
