#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario of faults: each of its checks in a lab of its own (tests/lab/private), which ends with it.

usage: run.py --bin DIR [--long] [--attach clsact|tcx] SCENARIO [CHECK]     exit 0: all claims held; 1: some did not; 77: not here

--long, or BULKHEAD_FAULTS_LONG=1: the long form.
"""
import argparse
import os
import sys

from faults import LAB, FaultLab, checks


def outside(check, seconds):
    print("  " + check.replace("_", " "), flush=True)
    # The lab ends with this process, whatever ends this process.
    return checks.outside(["setpriv", "--pdeathsig", "KILL", os.path.join(LAB, "private"), sys.executable, "-B", *sys.argv, check], seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--long", action="store_true", default=os.environ.get("BULKHEAD_FAULTS_LONG") == "1")
    parser.add_argument("--attach", default="clsact")
    parser.add_argument("scenario")
    parser.add_argument("check", nargs="?")
    args = parser.parse_args()
    if args.check and os.environ.get("BULKHEAD_LAB_ORIGIN"):
        checks.inside(FaultLab(args.bin, "/run/lab", args.attach, args.long), args.scenario, args.check)
        return
    if args.check:
        sys.argv.remove(args.check)
    seconds = 7200 if args.long else 300
    outcomes = [outside(name, seconds) for name in checks.names(args.scenario, args.check)]
    sys.exit(checks.conclude(f"{args.scenario} ({'long' if args.long else 'short'} form)", outcomes))


if __name__ == "__main__":
    main()
