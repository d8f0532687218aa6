# SPDX-License-Identifier: Apache-2.0
"""What the daemon keeps on disk fails it: full, read-only, damaged, gone. Enforcement goes on, and the user is told."""
import os
import random
import shutil
import subprocess
import time

from faults_lab import HostLab, Seeds, peer, policy, port, rule, wait_until

SCENARIO_LAB = HostLab
MOUNT_BYTES = 2 << 20


def mount_state(lab, *options):
    """The state folder becomes a small file system of its own; the lab's mounts are private."""
    folder = lab.bulkhead.config["state_dir"]
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={MOUNT_BYTES}", *options]), "tmpfs", folder], check=True)
    return folder


def fill(folder):
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass


def newcomers_are_judged(lab, when, db):
    """A service that nobody had heard of before, and a policy that did not exist."""
    name = "late" + str(lab.claims)
    late = lab.world.workload(name, name)
    lab.bulkhead.wait_service(name)
    lab.stopped(late, db, 5432, claim=f"{when}: a new service may not reach db")
    lab.apply(policy(name, "db", ingress=[rule([peer(name)], [port(5432)])]))
    lab.reaches(late, db, 5432, claim=f"{when}: it may once policy says so")
    late.remove()


def restart_by_kill(lab, workloads=3):
    lab.bulkhead.kill()
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(workloads)


def check_the_disk_is_full(lab):
    folder = mount_state(lab)
    web, evil, db = lab.shop()
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    fill(folder)
    newcomers_are_judged(lab, "full", db)
    lab.wait_problem(["state", "full"])
    restart_by_kill(lab)
    lab.judges("after a restart on a full disk", web, evil, db)
    newcomers_are_judged(lab, "after a restart on a full disk", db)
    os.unlink(os.path.join(folder, "ballast"))
    restart_by_kill(lab)
    newcomers_are_judged(lab, "with room again", db)
    wait_until("the problem is over", lambda: not [text for text in lab.problems() if "state" in text])
    seeds.end("all the while")


def check_the_disk_is_full_from_the_first_start_on(lab):
    fill(mount_state(lab))
    web, evil, db = lab.shop()
    lab.wait_problem(["state", "nothing is remembered"])
    lab.judges("nothing on disk", web, evil, db)
    newcomers_are_judged(lab, "nothing on disk", db)


def check_the_state_folder_is_read_only(lab):
    folder = mount_state(lab)
    web, evil, db = lab.shop()
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    lab.bulkhead.kill()
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    lab.wait_problem(["state", "nothing is remembered"])
    newcomers_are_judged(lab, "read-only", db)
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    restart_by_kill(lab)
    lab.equal("problems once it can be written", lab.problems(), [])
    lab.judges("writable again", web, evil, db)
    seeds.end("all the while")


def overwrite(path, share):
    """So much of the file, but not its head, becomes noise."""
    dice = random.Random(6)
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(1, size // 4096):
            if dice.random() < share:
                file.seek(page * 4096)
                file.write(dice.randbytes(4096))


def check_the_database_is_damaged_at_the_start(lab):
    web, evil, db = lab.shop()
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    path = os.path.join(lab.bulkhead.config["state_dir"], "bulkhead.db")
    damages = {
        "noise": lambda: overwrite(path, 0.5),
        "no database at all": lambda: open(path, "wb").write(b"nothing of this is SQLite" * 999),
        "cut": lambda: os.truncate(path, 5000),
        "labels cut": lambda: sql(path, "UPDATE identities SET labels = x'ff000000'"),
        "a table gone": lambda: sql(path, "DROP TABLE rules"),
    }
    for what in lab.pick(["noise", "labels cut"], damages):
        lab.bulkhead.stop()  # in order: what was written is in the file, not in the log beside it
        damages[what]()
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
        lab.wait_problem(["state", "moved to", "begun anew"])
        lab.judges(what, web, evil, db)
        restart_by_kill(lab)
        lab.equal(f"{what}: problems after the next start", lab.problems(), [])
    newcomers_are_judged(lab, "at last", db)
    seeds.end("all the while")


def sql(path, text):
    program = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute(sys.argv[2]); d.commit()"
    done = subprocess.run(["/usr/bin/python3", "-c", program, path, text], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def check_the_database_is_damaged_while_it_is_used(lab):
    web, evil, db = lab.shop()
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    folder = lab.bulkhead.config["state_dir"]
    for name in os.listdir(folder):
        if not name.endswith("-shm"):
            overwrite(os.path.join(folder, name), 1.0)
    newcomers_are_judged(lab, "damaged", db)
    lab.wait_problem(["bulkhead.db"])
    restart_by_kill(lab)
    lab.judges("after a restart", web, evil, db)
    newcomers_are_judged(lab, "after a restart", db)
    seeds.end("all the while")


def check_numbers_that_were_forgotten_are_not_given_to_others(lab):
    """evil has the number in the kernel that web would get when the state is gone."""
    evil = lab.world.workload("evil-0", "evil")
    lab.start("enforce")
    web, db = lab.world.workload("a-web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    lab.bulkhead.wait_protected(3)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    seeds = Seeds(lab, db, allowed=[web], denied=[evil], rate=500)
    for _ in range(3):
        before = {row["value"]["identity"] for row in lab.elements("bh_endpoints")} - {0}
        lab.bulkhead.kill()
        shutil.rmtree(lab.bulkhead.config["state_dir"])
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
        after = {row["value"]["identity"] for row in lab.elements("bh_endpoints")} - {0}
        lab.check("no number stands for another", not before & after, (before, after))
    # Who is new to the daemon is nobody for a moment.
    seeds.end("while the state was lost again and again", lossless=False)


def check_the_policy_folder_vanishes_and_comes_back(lab):
    web, evil, db = lab.shop()
    folder = lab.bulkhead.policy_dir
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    os.rename(folder, folder + ".away")
    lab.wait_problem(["policies", "No such file"])
    lab.judges("gone", web, evil, db)
    restart_by_kill(lab)
    lab.wait_problem(["policies", folder])
    lab.judges("gone, after a restart", web, evil, db)
    os.makedirs(folder, exist_ok=True)  # a mount point, say, and nothing mounted
    time.sleep(1)
    lab.judges("empty in its place", web, evil, db)
    lab.wait_problem(["policies", "empty"])
    restart_by_kill(lab)
    lab.judges("empty in its place, after a restart", web, evil, db)
    os.rmdir(folder)
    os.rename(folder + ".away", folder)
    wait_until("nothing is wrong any more", lambda: not lab.problems(), 15)
    lab.judges("back", web, evil, db)
    seeds.end("all the while")
    newcomers_are_judged(lab, "back", db)


def check_an_empty_folder_that_was_not_swapped_means_what_it_says(lab):
    web, evil, db = lab.shop()
    for name in os.listdir(lab.bulkhead.policy_dir):
        if name != "modes.yaml":
            os.unlink(os.path.join(lab.bulkhead.policy_dir, name))
    wait_until("the policy is gone", lambda: lab.bulkhead.status()["policies"] == 0)
    lab.reaches(evil, db, 5432, claim="who deletes the last policy has no policy")
    os.unlink(os.path.join(lab.bulkhead.policy_dir, "modes.yaml"))
    wait_until("the mode is gone", lambda: lab.bulkhead.status()["mode"] == "learn")
