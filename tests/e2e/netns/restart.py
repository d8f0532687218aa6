# SPDX-License-Identifier: Apache-2.0
"""The daemon dies and comes back: enforcement stays, connections stay, nothing opens for a moment."""
import os
import time

from harness import frames, peer, policy, port, rule


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "tcp:5433"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, api, db


def check_enforcement_stays_after_kill(lab):
    web, api, db = shop(lab)
    lab.reaches(web, db, 5432)
    lab.bulkhead.kill()
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.stopped(api, db, 5432, family=family)
        lab.stopped(web, db, 5433, family=family)


def check_connections_go_on_and_nothing_leaks_while_it_restarts(lab):
    web, api, db = shop(lab)
    generation = lab.bulkhead.status()["generation"]
    stream = web.background("stream", db.v4, 5432).expect("connected")
    finish = lab.watching(db, frames.between(api.v4, db.v4))
    knocking = api.background("call", "tcp", db.v4, 5432, "--count", 60, "--timeout", 0.05)
    for _ in range(3):
        lab.bulkhead.kill()
        time.sleep(0.2)
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
    asked = knocking.finish(30)
    lab.equal("answers to who may not ask, over three restarts", asked["ok"], 0)
    lab.equal("packets of it that reach db", sum(finish().values()), 0)
    told = stream.finish()
    lab.check("the connection of who may goes on", not told["broken"] and told["exchanges"] > 10 and told["longest_gap_ms"] < 1000, told)
    lab.check("generations go on from where they were", lab.bulkhead.status()["generation"] >= generation)
    lab.reaches(web, db, 5432, family=6)


def check_policy_that_changed_meanwhile_counts_after_the_start(lab):
    web, api, db = shop(lab)
    lab.bulkhead.stop()
    name = [each for each in os.listdir(lab.bulkhead.policy_dir) if "db" in each][0]
    path = f"{lab.bulkhead.policy_dir}/{name}"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("web", "api"))
    lab.stopped(api, db, 5432, claim="before the start the old policy holds")
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    lab.reaches(api, db, 5432)
    lab.stopped(web, db, 5432)


def check_workloads_that_came_and_went_meanwhile(lab):
    web, api, db = shop(lab)
    lab.bulkhead.kill()
    late = lab.world.workload("web-1", "web")
    api.remove()
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    lab.reaches(late, db, 5432, claim="one that came has its rights")
    heir = lab.world.workload("evil-0", "evil", like=api)
    lab.bulkhead.wait_service("evil-0")
    lab.stopped(heir, db, 5432)


def check_a_stop_by_signal_leaves_enforcement(lab):
    web, api, db = shop(lab)
    lab.equal("exit status after SIGTERM", lab.bulkhead.stop(), 0)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)
