# SPDX-License-Identifier: Apache-2.0
"""The daemon's own safety: what it may do after its start, who may use it, and that nobody outside holds it up."""
import grp
import os
import shutil
import socket
import stat
import subprocess
import threading
import time

from harness import frames, peer, policy, port, rule
from world import wait_until

NOBODY = 65534
# linux/capability.h: dac_override, net_admin, sys_ptrace, sys_admin, perfmon, bpf.
KEPT = 1 << 1 | 1 << 12 | 1 << 19 | 1 << 21 | 1 << 38 | 1 << 39


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, api, db


def threads(pid):
    """What /proc says of each thread."""
    out = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            out.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
    return out


def check_every_thread_has_given_up_its_rights(lab):
    web, api, db = shop(lab)
    pid = lab.bulkhead.process.pid
    with open("/proc/self/status", encoding="ascii") as file:
        had = int([line for line in file if line.startswith("CapBnd")][0].split()[1], 16)
    every = threads(pid)
    lab.check("it has threads", len(every) >= 4, len(every))
    for field in ("CapEff", "CapPrm", "CapBnd"):
        lab.equal(f"{field} of each thread", {int(each[field], 16) for each in every}, {KEPT & had})
    for field in ("CapInh", "CapAmb"):
        lab.equal(f"{field} of each thread", {int(each[field], 16) for each in every}, {0})
    lab.equal("no_new_privs of each thread", {each["NoNewPrivs"] for each in every}, {"1"})
    lab.equal("seccomp filters each thread", {each["Seccomp"] for each in every}, {"2"})
    # With these rights it still does its work: a new workload, and one that goes.
    late = lab.world.workload("web-1", "web")
    lab.bulkhead.wait_service("web-1")
    lab.reaches(late, db, 5432)
    lab.stopped(api, db, 5432)
    late.remove()
    wait_until("the workload is gone", lambda: len(lab.bulkhead.json("workloads", "-A")) == 3)


def check_seccomp_can_be_turned_off_for_debuggers(lab):
    lab.bulkhead.configure(seccomp=False)
    lab.world.workload("web-0", "web")
    lab.start()
    every = threads(lab.bulkhead.process.pid)
    lab.equal("no thread is filtered", {each["Seccomp"] for each in every}, {"0"})
    lab.equal("no_new_privs stays", {each["NoNewPrivs"] for each in every}, {"1"})
    lab.check("the log says so", "seccomp is off" in lab.bulkhead.log())


def as_user(lab, gid, *args, groups=()):
    """The CLI as a user that is nobody but for these groups."""
    cli = os.path.join(lab.folder, "bulkhead")
    if not os.path.exists(cli):
        shutil.copy(lab.bulkhead.cli_path, cli)
    setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={gid}",
               "--groups=" + ",".join(map(str, groups)) if groups else "--clear-groups"]
    return subprocess.run([*setpriv, cli, *args], capture_output=True, text=True, timeout=30, check=False,
                          env={**os.environ, "BULKHEAD_SOCKET": lab.bulkhead.socket, "BULKHEAD_CONFIG": lab.bulkhead.config_path})


def check_who_may_use_the_api(lab):
    everything, reading = grp.getgrnam("daemon").gr_gid, grp.getgrnam("games").gr_gid
    lab.bulkhead.configure(api_group="daemon", read_group="games")
    lab.world.workload("web-0", "web")
    lab.start()
    status = os.stat(lab.bulkhead.socket)
    lab.equal("mode of the socket", oct(stat.S_IMODE(status.st_mode)), "0o660")
    lab.equal("its owners", (status.st_uid, status.st_gid), (0, everything))
    done = as_user(lab, NOBODY, "mode", "set", "--force", "--global", "audit", groups=[everything])
    lab.equal("who is in the first group may change", (done.returncode, done.stderr), (0, ""))
    for verb in (["status"], ["workloads", "-A"], ["flows", "-A"], ["policy", "list", "-A"]):
        done = as_user(lab, reading, *verb)
        lab.equal(f"who is in the second may ask for {verb[0]}", (done.returncode, done.stderr), (0, ""))
    for verb in (["mode", "set", "--force", "--global", "learn"], ["capture", "--service", "shop/web"], ["block", "add", "203.0.113.0/24"]):
        done = as_user(lab, reading, *verb)
        refused = done.returncode == 3 and "nobody may only read" in done.stderr
        lab.check(f"but not {' '.join(verb[:2])}", refused, (done.returncode, done.stderr))
    lab.equal("and changes nothing", lab.bulkhead.status()["mode"], "audit")
    done = as_user(lab, NOBODY, "status")
    refused = done.returncode == 3 and "Permission denied" in done.stderr
    lab.check("who is in neither gets nothing", refused, (done.returncode, done.stderr))
    os.chmod(lab.bulkhead.socket, 0o666)
    done = as_user(lab, NOBODY, "status")
    refused = done.returncode == 3 and "nobody may not use the API" in done.stderr
    lab.check("not past a mistake at the socket's mode either", refused, (done.returncode, done.stderr))


def check_folders_that_everybody_may_write_are_refused(lab):
    for setting in ("policy_dir", "state_dir", "api_socket"):
        folder = os.path.join(lab.folder, "open-" + setting)
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        before = lab.bulkhead.config[setting] if setting in lab.bulkhead.config else None
        lab.bulkhead.configure(**{setting: folder + ("/api.sock" if setting == "api_socket" else "")})
        done = subprocess.run([lab.bulkhead.daemon_path, "--config", lab.bulkhead.config_path], capture_output=True, text=True,
                              timeout=60, check=False)
        lab.check(f"{setting}", done.returncode == 2 and "everybody may write" in done.stderr, (done.returncode, done.stderr[-300:]))
        lab.bulkhead.configure(**{setting: before})


class StuckEngine:
    """Takes every connection and answers nothing (greeting None), or this much and then nothing more."""

    def __init__(self, path, greeting=None, accepts=True):
        self.path, self.connections, self.greeting = path, [], greeting
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(0 if not accepts else 16)
        if accepts:
            threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            self.connections.append(connection)
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        try:
            while connection.recv(4096):
                if self.greeting:
                    connection.sendall(self.greeting)
        except OSError:
            pass  # the daemon has given up


def check_a_stuck_engine_stops_nobody_else(lab):
    ping = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
    # The last promises a body that it never sends.
    engines = [StuckEngine(os.path.join(lab.folder, "silent.sock")),
               StuckEngine(os.path.join(lab.folder, "deaf.sock"), accepts=False),
               StuckEngine(os.path.join(lab.folder, "half.sock"), ping.replace(b"Length: 2", b"Length: 2000000"))]
    lab.bulkhead.configure(sources={"docker": [engine.path for engine in engines], "static": lab.world.workloads_dir})
    web, api, db = shop(lab)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)
    began = time.monotonic()
    late = lab.world.workload("web-1", "web")
    lab.bulkhead.wait_service("web-1")
    # The daemon gives an engine 10 s to answer: who had to wait for one waits that long.
    lab.check("a workload of another source waits for no engine", time.monotonic() - began < 9, f"{time.monotonic() - began:.1f} s")
    lab.reaches(late, db, 5432)
    late.remove()
    heir = lab.world.workload("evil-0", "evil", like=late)
    lab.bulkhead.wait_service("evil-0")
    lab.stopped(heir, db, 5432, claim="who takes over its address has none of its rights")
    states = {row["name"]: row["state"] for row in lab.bulkhead.status()["sources"]}
    synced = [name for name, state in states.items() if state == "synced"]
    lab.check("one source of four is in sync", len(states) == 4 and len(synced) == 1 and "static" in synced[0], states)
    lab.check("the engines were asked", engines[0].connections and engines[2].connections)
    # The same when the daemon comes back, and takes over what it cannot ask the engines about.
    lab.bulkhead.kill()
    web.remove()
    lab.bulkhead.start()
    late = lab.world.workload("web-2", "web")
    lab.bulkhead.wait_service("web-2")
    lab.reaches(late, db, 5432, claim="one that starts after a restart has its rights")
    lab.stopped(heir, db, 5432)
    not_late(lab)


def not_late(lab):
    loop = lab.bulkhead.status()["loop"]
    lab.check("rounds of the control loop are counted", loop["rounds"] > 20, loop)
    # Other programs take CPU away for longer than a round may last; that shows as single long rounds.
    lab.check("99% of them take less than 100 ms", loop["p99_us"] < 100_000, loop)
    lab.check("and none a second", loop["longest_us"] < 1_000_000, loop)


def check_churn_holds_nobody_up(lab):
    web, api, db = shop(lab)
    finish = lab.watching(db, frames.between(api.v4, db.v4))
    for i in range(20):
        lab.world.workload(f"more-{i}", f"service-{i % 7}")
        if i % 5 == 0:
            lab.apply(policy(f"service-{i % 7}", f"service-{i % 7}", ingress=[rule([peer("web")], [port(80 + i)])]))
    lab.bulkhead.wait_protected(23)
    for i in range(20):
        lab.world.workloads[f"more-{i}"].remove()
    wait_until("they are gone", lambda: len(lab.bulkhead.json("workloads", "-A")) == 3, 20)
    lab.stopped(api, db, 5432)
    lab.equal("packets that were let through", sum(finish().values()), 0)
    not_late(lab)


def check_systemd_is_told(lab):
    path = os.path.join(lab.folder, "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.settimeout(0.2)
    os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="300000")

    def heard(seconds):
        out, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                out.append(listener.recv(4096).decode())
            except TimeoutError:
                pass
        return out
    lab.world.workload("web-0", "web")
    lab.start()
    told = heard(1)
    lab.equal("it says first that it is ready", told[:1], ["READY=1"])
    lab.check("how it is", any(each.startswith("STATUS=generation ") for each in told), told)
    lab.check("and ten times a second that it lives", 5 <= told.count("WATCHDOG=1") <= 30, told)
    lab.bulkhead.stop()
    lab.check("at last that it ends", heard(0.5)[-1].startswith("STOPPING=1"))
