#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario: each of its checks in a lab of its own (tests/lab/private), which ends with it.

usage: run.py --bin DIR [--attach clsact|tcx|xdp] SCENARIO [CHECK]      exit 0: all claims held; 1: some did not; 77: cannot be tried here

xdp: as clsact, and what workloads send is judged in XDP.
"""
import argparse
import os
import sys

from harness import LAB, Lab, checks

CHECK_SECONDS = int(os.environ.get("BULKHEAD_CHECK_SECONDS", "90"))


def kernel_version():
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))


def outside(check):
    print("  " + check.replace("_", " "), flush=True)
    # The lab ends with this process, whatever ends this process.
    return checks.outside(["setpriv", "--pdeathsig", "KILL", os.path.join(LAB, "private"), sys.executable, "-B", *sys.argv, check],
                          CHECK_SECONDS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--attach", default="clsact")
    parser.add_argument("scenario")
    parser.add_argument("check", nargs="?")
    args = parser.parse_args()
    if args.check and os.environ.get("BULKHEAD_LAB_ORIGIN"):
        attach, more = ("clsact", {"workload_hook": "xdp"}) if args.attach == "xdp" else (args.attach, {})
        checks.inside(Lab(args.bin, "/run/lab", attach, **more), args.scenario, args.check)
        return
    if args.attach == "tcx" and kernel_version() < (6, 6):
        print("skipped: tcx needs Linux 6.6")
        sys.exit(77)
    if args.check:
        sys.argv.remove(args.check)
    outcomes = [outside(name) for name in checks.names(args.scenario, args.check)]
    sys.exit(checks.conclude(f"{args.scenario} ({args.attach})", outcomes))


if __name__ == "__main__":
    main()
