# SPDX-License-Identifier: Apache-2.0
"""learn, audit, enforce: per service, and what a change of mind does to connections that are open."""
import time

from harness import frames, peer, policy, port, rule
from world import wait_until


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start()
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, api, db


def reported(lab, source, destination):
    return [row for row in lab.flows("--verdict", "would-deny") if (row["from"], row["to"]) == (source, destination)]


def check_only_enforce_drops(lab):
    web, api, db = shop(lab)
    for mode in ("learn", "audit"):
        lab.mode(mode)
        for family in (4, 6):
            lab.reaches(api, db, 5432, family=family, claim=f"{mode}: api -> db passes in IPv{family}")
    lab.check("and is reported as would-deny", reported(lab, "shop/api", "shop/db"))
    lab.mode("enforce")
    lab.stopped(api, db, 5432)
    lab.reaches(web, db, 5432)


def check_the_side_that_denies_decides(lab):
    web, api, db = shop(lab)
    lab.mode("enforce", "shop/web")
    lab.reaches(api, db, 5432, claim="db denies but does not enforce")
    lab.mode("enforce", "shop/db")
    lab.stopped(api, db, 5432)
    lab.mode("learn", "shop/db")
    lab.reaches(api, db, 5432)


def check_a_revoked_connection_dies_and_no_other(lab):
    web, api, db = shop(lab)
    lab.mode("enforce")
    lab.apply(policy("api", "db", ingress=[rule([peer("api")], [port(5432)])]))
    kept = web.background("stream", db.v4, 5432).expect("connected")
    revoked = api.background("stream", db.v6, 5432).expect("connected")
    time.sleep(0.3)
    done = lab.bulkhead.cli("policy", "delete", "-n", "shop", "api", check=False)
    lab.equal("policy delete", done.returncode, 0)
    # Only db's ingress is isolated: what it may open to api on its own does not carry the connection that api opened.
    finish = lab.watching(db, frames.between(api.v6, db.v6))
    back = lab.watching(api, frames.between(db.v6, api.v6))
    time.sleep(2)
    lab.equal("packets of the revoked connection that still arrive", sum(finish().values()), 0)
    lab.equal("and of its answers", sum(back().values()), 0)
    rows = [row for row in lab.flows("--verdict", "deny") if (row["from"], row["to"]) == ("shop/api", "shop/db")]
    lab.check("the flow table shows it as denied", [row for row in rows if row["from_port"]], rows)
    told = kept.finish()
    lab.check("the other goes on without a gap", not told["broken"] and told["longest_gap_ms"] < 1000, told)
    lab.apply(policy("api", "db", ingress=[rule([peer("api")], [port(5432)])]))
    told = revoked.finish()
    lab.check("allowed again, it goes on where it was", not told["broken"] and told["longest_gap_ms"] >= 1000, told)


def check_a_mode_that_is_not_confirmed_reverts(lab):
    web, api, db = shop(lab)
    done = lab.bulkhead.cli("mode", "set", "--force", "--global", "enforce", "--confirm", "5s")
    lab.equal("mode set --confirm", done.returncode, 0)
    lab.stopped(api, db, 5432)
    lab.check("status says what is pending", lab.bulkhead.status()["pending_confirm"])
    wait_until("it reverts", lambda: lab.bulkhead.status()["mode"] == "learn", 10)
    lab.reaches(api, db, 5432)
    lab.bulkhead.cli("mode", "set", "--force", "--global", "enforce", "--confirm", "3s")
    lab.equal("confirm", lab.bulkhead.cli("confirm").returncode, 0)
    time.sleep(3.5)
    lab.equal("the mode after it was confirmed", lab.bulkhead.status()["mode"], "enforce")
