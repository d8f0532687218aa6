# SPDX-License-Identifier: Apache-2.0
"""The engine dies, comes back, answers late, and tells nonsense about events. Whatever it does, what is denied never arrives, and in the
end Bulkhead knows what runs."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from docker_lab import ENGINE, TRAFFIC, peer, policy, rule, run, wait_until  # noqa: E402
from engine_proxy import EngineProxy  # noqa: E402
from faults_lab import Seeds  # noqa: E402

LONG = os.environ.get("BULKHEAD_FAULTS_LONG") == "1"


def shop(lab, restarts=False):
    """The daemon hears of the engine through a proxy; the lab itself talks to it directly."""
    lab.proxy = EngineProxy(os.path.join(lab.folder, "proxy.sock"), os.path.join(lab.world.engine_dir, "docker.sock"))
    sources = {**lab.world.config()["sources"], "docker": [lab.proxy.path]}
    lab.bulkhead.configure(sources=sources)
    web, evil = lab.world.workload("web-1", "web"), lab.world.workload("evil-1", "evil")
    db = lab.world.workload("db-1", "db", serve=["tcp:5432", "udp:53"])
    enter_beside(lab, web, evil, db)
    if restarts:
        for name in ("web-1", "evil-1", "db-1"):
            lab.docker("update", "--restart", "always", name)
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    return web, evil, db


def enter_beside(lab, *containers):
    """What runs in them from now on is no child of the engine's, and lives when it dies."""
    for container in containers:
        container.end_processes()
        netns = f"--net=/proc/{lab.inspect(container.name, '{{.State.Pid}}')}/ns/net"
        container.inside = lambda argv, netns=netns: ["nsenter", netns, "--", *argv]
        container.python = TRAFFIC


def churn(lab, db, name, count=3):
    """Containers that come and go, of which each tries what it may not, from its first moment on; the last stays."""
    for number in range(count):
        late = f"evil-{name}-{number}"
        lab.docker("run", "-d", "--name", late, "--stop-timeout", "0", "--network", "shopnet", "--label", "app=evil", "--label",
                   "bulkhead.dev/namespace=shop", "busybox", "sh", "-c",
                   f"while true; do echo no-container- | nc -u -w 1 {db.v4} 53; echo no-container- | nc -w 1 {db.v4} 5432; done")
        time.sleep(0.3)
        if number + 1 < count:
            lab.docker("rm", "-f", late)


def converges(lab, what, seconds=60):
    lab.wait_rows_equal_engine(seconds)
    wait_until("all are protected", lambda: all(row["state"] == "protected" for row in lab.rows().values()), seconds, 0.2)
    lab.check(f"{what}: what is known is what runs", True)


def check_events_cut_doubled_reversed_and_dropped(lab):
    web, evil, db = shop(lab)
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    knocks = lab.watching(db, "no-container-")
    lab.proxy.cut()
    churn(lab, db, "cut")
    converges(lab, "a stream cut in the middle of an event")
    for events in ("twice", "reversed", "every other", "none"):
        lab.proxy.events = events
        churn(lab, db, events.replace(" ", "-"))
        if events in ("every other", "none"):
            time.sleep(1)
            lab.proxy.events = "all"
            lab.proxy.cut()  # nobody can know what was never told; the next connection begins with a list
            churn(lab, db, "after-" + events.replace(" ", "-"), 1)
        converges(lab, f"events told: {events}")
    lab.check("the proxy did carry events", lab.proxy.told > 50, lab.proxy.told)
    seeds.end("all the while")
    lab.equal("what containers that may not sent, and arrived", sum(knocks().values()), 0)
    lab.reaches(web, db, 5432)


def check_answers_that_come_late(lab):
    web, evil, db = shop(lab)
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    knocks = lab.watching(db, "no-container-")
    lab.proxy.delay = 30 if LONG else 3
    churn(lab, db, "late")
    time.sleep(lab.proxy.delay)
    began = time.monotonic()
    lab.bulkhead.status()
    lab.check("the API answers at once meanwhile", time.monotonic() - began < 2, time.monotonic() - began)
    lab.reaches(web, db, 5432, claim="who is known has its rights meanwhile")
    if LONG:
        lab.bulkhead.kill()
        lab.bulkhead.start()
        lab.stopped(evil, db, 5432, claim="so it is after a restart that the engine does not answer")
        lab.reaches(web, db, 5432, claim="and who may, may")
    lab.proxy.delay = 0
    converges(lab, "answers that came late", 120)
    seeds.end("all the while")
    lab.equal("what containers that may not sent, and arrived", sum(knocks().values()), 0)


def check_the_engine_is_killed(lab):
    web, evil, db = shop(lab, restarts=True)
    seeds = Seeds(lab, db, allowed=[web], denied=[evil])
    with open(os.path.join(lab.world.engine_dir, "dockerd.pid"), encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGKILL)
    wait_until("the daemon tells that the engine is lost", lambda: [s for s in lab.bulkhead.status()["sources"] if s["state"] == "lost"])
    lab.reaches(web, db, 5432, claim="with the engine dead, who may, may")
    lab.stopped(evil, db, 5432, claim="and who may not, may not")
    lab.bulkhead.kill()
    lab.bulkhead.start()
    lab.reaches(web, db, 5432, claim="also after a restart of ours")
    lab.stopped(evil, db, 5432, claim="and who may not, may not")
    seeds.end("with the engine dead")
    run([ENGINE, "start", lab.world.engine_dir], timeout=120)
    converges(lab, "the engine is back")
    lab.world.wait_serving(db)
    for container in (web, evil, db):
        lab.look_again(container, "shopnet")
    enter_beside(lab, web, evil, db)
    lab.reaches(web, db, 5432, claim="back: who may, may")
    lab.stopped(evil, db, 5432, claim="back: who may not, may not")
