# SPDX-License-Identifier: Apache-2.0
"""Traffic between containers: who may, who may not, both families, on a network of one's own and on the default one."""
from docker_lab import peer, policy, port, rule


def check_allowed_and_denied(lab):
    web, evil = lab.world.workload("web-1", "web"), lab.world.workload("evil-1", "evil")
    db = lab.world.workload("db-1", "db", serve=["tcp:5432", "udp:53", "tcp:22"])
    lab.start("enforce")
    lab.reaches(evil, db, 5432, claim="without policy all may")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(53, "UDP")])]))
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.reaches(web, db, 53, "udp", family=family)
        lab.stopped(web, db, 22, family=family)
        lab.stopped(evil, db, 5432, family=family)
        lab.stopped(evil, db, 53, "udp", family=family)
    lab.check("evil's ping is stopped", not lab.pings(evil, db) and not lab.pings(evil, db, 6))


def check_default_bridge(lab):
    web = lab.world.workload("web-1", "web", network="bridge")
    evil = lab.world.workload("evil-1", "evil", network="bridge")
    db = lab.world.workload("db-1", "db", serve=["tcp:5432"], network="bridge")
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.stopped(evil, db, 5432, family=family)


def check_another_namespace_is_another(lab):
    web = lab.world.workload("web-1", "web")
    stranger = lab.world.workload("web-2", "web", ns="staging")
    db = lab.world.workload("db-1", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    lab.reaches(web, db, 5432)
    lab.stopped(stranger, db, 5432)


def check_labels_of_the_image_are_not_the_containers_own(lab):
    """An image that calls itself web gets nothing by that; the same label given by its operator counts."""
    db, web = lab.world.workload("db-1", "db", serve=["tcp:5432"]), lab.world.workload("web-1", "web")
    lab.docker("run", "--name", "made", "busybox", "true")
    lab.docker("commit", "-c", "LABEL app=web", "made", "busybox")
    lab.docker("rm", "made")
    impostor = lab.world.workload("impostor-1", "impostor", labels={})
    lab.equal("what the engine says of the impostor", lab.inspect("impostor-1", "{{.Config.Labels.app}}"), "web")
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    lab.reaches(web, db, 5432)
    lab.stopped(impostor, db, 5432)


def check_unprotected_workloads_are_told(lab):
    lab.world.workload("web-1", "web")
    lab.docker("run", "-d", "--name", "host-1", "--network", "host", "busybox")
    lab.docker("run", "-d", "--name", "none-1", "--network", "none", "busybox")
    lab.bulkhead.start()
    lab.bulkhead.wait_service("web-1")
    rows = {row["name"]: row for row in lab.rows().values()}
    seen = rows["host-1"]
    lab.check("a container in the host's network is unprotected, and why",
              seen["state"] == "unprotected" and "host" in seen["reason"], seen)
    lab.equal("a container without a network", rows["none-1"]["state"], "no network")
    lab.equal("who is called unprotected", [row["workload"] for row in lab.bulkhead.status()["unprotected"]], ["default/host-1"])
