# SPDX-License-Identifier: Apache-2.0
"""Clocks jump: the wall clock while the daemon runs (as libfaketime shows it: the machine's own is everybody's), the others from one start
to the next, as they do in a time namespace. Enforcement goes on, and the user is told."""
import glob
import os
import subprocess
import time

from faults_lab import HostLab, Seeds, checks

SCENARIO_LAB = HostLab
DAY = 86400


def faked(lab):
    """The daemon sees the wall clock that the file says: seconds off."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        raise checks.Skip("libfaketime is not installed")
    path = os.path.join(lab.folder, "clock")
    with open(path, "w", encoding="ascii") as out:
        out.write("+0s")
    lab.bulkhead.prefix = ["env", "LD_PRELOAD=" + libraries[0], "FAKETIME_TIMESTAMP_FILE=" + path, "FAKETIME_NO_CACHE=1",
                           "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]
    return path


def jump(path, seconds):
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(f"{seconds:+d}s")
    os.rename(path + ".new", path)


def check_the_wall_clock_jumps(lab):
    path = faked(lab)
    web, evil, db = lab.shop()
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    for seconds, word in ((400 * DAY, "forward"), (-400 * DAY, "back"), (0, "forward")):
        jump(path, seconds)
        lab.wait_problem(["clock", word])
        lab.judges(f"{word}, {seconds} s off", web, evil, db)
        late = lab.world.workload(f"late-{len(lab.bulkhead.log())}", "late")
        lab.bulkhead.wait_service(late.name)
        lab.stopped(late, db, 5432, claim=f"{seconds} s off: a new service may not")
        late.remove()
    seeds.end("while the wall clock jumped")


def check_the_other_clocks_jump_between_starts(lab):
    if subprocess.run(["unshare", "--time", "--boottime", "9", "--monotonic", "9", "true"], check=False).returncode != 0:
        raise checks.Skip("no time namespaces")
    web, evil, db = lab.shop()
    stream = web.background("stream", db.v4, 5432).expect("connected", 60)
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    for seconds in (30 * DAY, -600, 0):
        lab.bulkhead.kill()
        time.sleep(1)  # what runs in the time namespace ends with what made it, but a moment later
        offset = str(max(seconds, -int(time.monotonic()) + 60))  # no clock shows less than 0
        shifted = ["unshare", "--time", "--boottime", offset, "--monotonic", offset, "--fork", "--kill-child=KILL"]
        lab.bulkhead.prefix = shifted if seconds else []
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3, 60)
        lab.judges(f"{offset} s off", web, evil, db)
        time.sleep(lab.pick(6, 60))  # tables are tended
        lab.equal(f"{offset} s off: problems", lab.problems(), [])
    said = stream.finish(30)
    lab.check("the connection of before lives", not said["broken"] and said["exchanges"] > 2, said)
    seeds.end("while the clocks jumped")
