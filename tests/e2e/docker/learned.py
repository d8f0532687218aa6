# SPDX-License-Identifier: Apache-2.0
"""Learning from containers: short lives, addresses that are used again, published ports; and from there to policy that is enforced."""
import os
import time
from concurrent.futures import ThreadPoolExecutor

from docker_lab import wait_until
from world import Outside

PUBLISHED = 8080
ADDRESS = "198.18.1.99"  # one after the other, everybody who lives for one call has it
LIVES = 6
WINDOW = 6  # seconds that stand for an hour


def edges(lab):
    """(from, to, port) -> answered flows."""
    return {(row["from"], row["to"], row["port"]): row["answered"] for row in lab.bulkhead.json("learn", "edges", "-A")
            if row["protocol"] == "tcp"}


def wait_edges(lab, want):
    def equal():
        found = edges(lab)
        return all(found.get(key) == answered for key, answered in want.items())
    try:
        wait_until("the flows are recorded", equal, 20)
    finally:
        found = edges(lab)
        lab.equal("answered flows", {key: found.get(key) for key in want}, want)
    return found


def one_call(lab, app, db):
    """A container that is gone as soon as it was answered."""
    lab.docker("run", "--rm", "--network", "shopnet", "--ip", ADDRESS, "--label", "bulkhead.dev/namespace=shop", "--label", f"app={app}",
               "busybox", "nc", "-w", "1", db.v4, "5432", "-e", "true")


def check_short_lives_are_learned(lab):
    db = lab.world.workload("db-1", "db", serve=["tcp:5432"])
    lab.start()
    for _ in range(LIVES):
        one_call(lab, "job", db)
    for _ in range(3):
        one_call(lab, "other", db)
    found = wait_edges(lab, {("shop/job", "shop/db", 5432): LIVES, ("shop/other", "shop/db", 5432): 3})
    lab.equal("who else called", [key for key in found if key[1] == "shop/db" and key[0] not in ("shop/job", "shop/other")], [])


def check_from_traffic_to_policy(lab):
    db = lab.world.workload("db-1", "db", serve=["tcp:5432", "tcp:22"])
    web = [lab.world.workload(f"web-{i}", "web", serve=["tcp:80"], publish={PUBLISHED: 80} if i == 0 else None) for i in range(3)]
    evil = lab.world.workload("evil-1", "evil")
    outside = Outside()
    lab.bulkhead.configure(learn={"window": WINDOW})
    lab.start()

    def trade():
        with ThreadPoolExecutor(lab.world.hands) as hands:
            calls = [hands.submit(each.traffic, "call", "tcp", db.v4, 5432, "--timeout", 3) for each in web]
            answered = [call.result()["ok"] for call in calls]
        return answered + [outside.traffic("call", "tcp", outside.host_v4, PUBLISHED, "--timeout", 3)["ok"]]
    lab.equal("calls that are answered", trade(), [1] * 4)
    for _ in range(3):  # in other windows: one client is believed when it comes again
        time.sleep(WINDOW)
        lab.equal("calls that are answered", trade(), [1] * 4)
    evil.traffic("call", "tcp", db.v4, 22, "--timeout", 1)
    found = wait_edges(lab, {("shop/web", "shop/db", 5432): 12, ("shop/evil", "shop/db", 22): 1})
    worlds = [key for key in found if key[1] == "shop/web" and key[0] != "shop/web"]
    lab.check("a published port is learned as the container's own", worlds and all(key[2] == 80 for key in worlds), found)

    policies = os.path.join(lab.folder, "proposed")
    lab.equal("learn propose shop", lab.bulkhead.cli("learn", "propose", "shop", "--dir", policies).returncode, 0)
    text = "".join(open(os.path.join(policies, name), encoding="utf-8").read() for name in sorted(os.listdir(policies)))
    lab.check("what one container did once is not in it", "port: 22" not in text and "port: 5432" in text and "port: 80" in text, text)
    review = [row["name"] for row in lab.bulkhead.json("learn", "review", "shop")]
    lab.check("but waits for review", "shop/evil->shop/db:22/tcp" in review, review)
    lab.equal("policy apply", lab.bulkhead.cli("policy", "apply", policies).returncode, 0)
    lab.mode("enforce")
    lab.equal("calls that are answered under the proposal", trade(), [1] * 4)
    lab.stopped(evil, db, 22)
    lab.stopped(evil, db, 5432)
    lab.stopped(web[0], db, 22)
