#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts in place, and whether systemd takes the units.

usage: units.py BUILD     exit 0: all holds; 1: something does not; 77: no systemd-analyze here, the rest holds
"""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

# The sum of what systemd-analyze finds open, 0 (nothing) to 10 (all): what a daemon needs that loads BPF and enters namespaces.
MOST_EXPOSED = 4.0


def installed(build, root):
    run(["cmake", "--install", build, "--prefix", "/usr"], env={**os.environ, "DESTDIR": root})
    expected = {"usr/sbin/bulkheadd": 0o755, "usr/bin/bulkhead": 0o755, "usr/lib/systemd/system/bulkheadd.service": 0o644,
                "usr/lib/sysusers.d/bulkhead.conf": 0o644, "etc/bulkhead/policies.d": 0o755, "etc/bulkhead/workloads.d": 0o755,
                "var/lib/bulkhead": 0o700}
    for path, mode in expected.items():
        where = os.path.join(root, path)
        if not os.path.exists(where):
            yield f"{path} is not installed"
        elif stat.S_IMODE(os.stat(where).st_mode) != mode:
            yield f"{path} has mode {stat.S_IMODE(os.stat(where).st_mode):o}, expected {mode:o}"


def units_of(root):
    folder = os.path.join(root, "usr/lib/systemd/system")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


def program_of(line):
    return line.partition("=")[2].lstrip("-+!@: ").split(" ")[0]


def well_wired(root):
    """Each program that a unit starts is installed, and no place was left to fill in."""
    for unit in units_of(root):
        with open(unit, encoding="utf-8") as file:
            text = file.read()
        if re.search(r"@[A-Z_]+@", text):
            yield f"{unit}: a place was not filled in"
        for line in re.findall(r"^Exec\w+=.*$", text, re.MULTILINE):
            program = program_of(line)
            if "bulkhead" in program and not os.path.exists(root + program):
                yield f"{unit}: {program} is not installed"


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=120, check=False)


def verified(root):
    """systemd reads the units without a word. Their programs stand only in `root`, so they are named there."""
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for unit in units_of(root):
            with open(unit, encoding="utf-8") as file:
                text = file.read()
            copies.append(os.path.join(folder, os.path.basename(unit)))
            with open(copies[-1], "w", encoding="utf-8") as out:
                out.write(re.sub(r"^(Exec\w+=[-+!@: ]*)(/usr/s?bin/bulkhead)", rf"\1{root}\2", text, flags=re.MULTILINE))
        done = analyze("verify", "--man=no", *copies)
        ours = [os.path.basename(copy) for copy in copies]
        told = [line for line in (done.stdout + done.stderr).splitlines() if any(name in line for name in ours)]
        if done.returncode != 0 or told:
            yield "systemd-analyze verify: " + ("\n".join(told) or f"exit {done.returncode}: {done.stderr[-500:]}")
        for copy in copies:
            answer = analyze("security", "--offline=true", "--no-pager", copy).stdout
            score = re.search(r"Overall exposure level for (\S+): ([0-9.]+)", answer)
            if not score:
                print(f"{os.path.basename(copy)}: this systemd does not tell how exposed it is")
                continue
            print(f"{score.group(1)}: exposure {score.group(2)} of 10")
            if score.group(1) == "bulkheadd.service" and float(score.group(2)) > MOST_EXPOSED:
                yield f"{score.group(1)}: exposure {score.group(2)}, expected at most {MOST_EXPOSED}"


def run(argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")


def main():
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        wrong = list(installed(sys.argv[1], root))
        wrong += well_wired(root)
        has_systemd = shutil.which("systemd-analyze") is not None
        if has_systemd:
            wrong += verified(root)
    print("\n".join(wrong) if wrong else "units: all holds")
    if not has_systemd:
        print("skipped: there is no systemd-analyze to verify the units with")
    sys.exit(1 if wrong else 0 if has_systemd else 77)


if __name__ == "__main__":
    main()
