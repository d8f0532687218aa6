# SPDX-License-Identifier: Apache-2.0
"""Containers come, go, restart, pause, move between networks; the engine and the daemon restart."""
from docker_lab import peer, policy, port, rule, wait_until


def shop(lab):
    web, evil = lab.world.workload("web-1", "web"), lab.world.workload("evil-1", "evil")
    db = lab.world.workload("db-1", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, evil, db


def rights_are_kept(lab, web, evil, db):
    """By containers that run anew, maybe at other addresses."""
    lab.world.wait_serving(db)
    for container in (web, evil, db):
        lab.look_again(container, "shopnet")
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.stopped(evil, db, 5432, family=family)


def check_restart(lab):
    web, evil, db = shop(lab)
    for name in ("db-1", "web-1", "evil-1"):
        lab.docker("restart", "-t", "0", name)
    rights_are_kept(lab, web, evil, db)


def check_an_address_that_is_used_again(lab):
    web, _, db = shop(lab)
    web.remove()
    heir = lab.world.workload("heir-1", "heir", like=web)
    lab.stopped(heir, db, 5432)


def check_pause_and_rename(lab):
    web, evil, db = shop(lab)
    lab.docker("pause", "db-1")
    lab.docker("unpause", "db-1")
    lab.docker("rename", "web-1", "front-1")
    web.name = "front-1"
    lab.reaches(web, db, 5432)
    lab.stopped(evil, db, 5432)
    lab.bulkhead.wait_service("front-1")


def check_network_connect_and_disconnect(lab):
    web, evil, db = shop(lab)
    lab.world.network("backnet")
    for container in (web, evil, db):
        lab.docker("network", "connect", "backnet", container.name)
        lab.look_again(container, "backnet").interface = "eth1"
    wait_until("every interface is protected", lambda: all(len(row["interfaces"]) == 2 and row["state"] == "protected"
                                                           for row in lab.rows().values()))
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family, claim=f"on the new network web reaches db, IPv{family}")
        lab.stopped(evil, db, 5432, family=family, claim=f"on the new network evil does not, IPv{family}")
    for container in (web, evil, db):
        lab.docker("network", "disconnect", "backnet", container.name)
        lab.look_again(container, "shopnet").interface = "eth0"
    lab.reaches(web, db, 5432)
    lab.stopped(evil, db, 5432)


def check_a_container_that_shares_a_namespace(lab):
    web, evil, db = shop(lab)
    lab.docker("run", "-d", "--name", "side-1", "--network", "container:web-1", "--label", "app=evil", "busybox")
    said = lab.docker("exec", "side-1", "sh", "-c", f"echo hi | nc -w 2 {db.v4} 5432")
    lab.check("who shares web's namespace has web's rights", "db-1 answers" in said, said)
    lab.stopped(evil, db, 5432)


def check_the_engine_restarts(lab):
    web, evil, db = shop(lab)
    for name in ("web-1", "evil-1", "db-1"):
        lab.docker("update", "--restart", "always", name)
    lab.restart_engine()
    rights_are_kept(lab, web, evil, db)
    lab.wait_rows_equal_engine()


def check_a_hundred_at_once(lab):
    """Started and removed in a burst, with the daemon at work; the inventory equals the engine's at the end."""
    lab.world.network("shopnet")
    lab.bulkhead.start()
    lab.mode("enforce")
    lab.shell("seq 100 | xargs -P 8 -I N docker run -d --stop-timeout 0 --name wN --network shopnet --label app=web busybox")
    lab.wait_rows_equal_engine()
    wait_until("a hundred are protected", lambda: lab.bulkhead.status()["protected_workloads"] == 100, 30)
    lab.equal("workloads known", len(lab.rows()), 100)
    lab.shell("seq 1 2 100 | xargs -P 8 -I N docker rm -f wN")
    lab.wait_rows_equal_engine()
    lab.equal("workloads known after half of them are gone", len(lab.rows()), 50)
    lab.shell("seq 2 2 100 | xargs -P 8 -I N docker rm -f wN")
    lab.wait_rows_equal_engine()
    lab.equal("workloads known after all are gone", len(lab.rows()), 0)
