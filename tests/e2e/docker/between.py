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


def check_ports_by_name(lab):
    """From a label of run time, a label of the image and what the image exposes; where two say something, the first counts."""
    web = lab.world.workload("web-1", "web")
    serve = ["tcp:22", "tcp:8080", "tcp:9000"]
    plain = lab.world.workload("api-1", "api", labels={"app": "api", "bulkhead.dev/port.http": "8080"}, serve=serve)
    lab.docker("run", "--name", "made", "busybox", "true")
    lab.docker("commit", "-c", "LABEL bulkhead.dev/port.http=22", "-c", "EXPOSE 9000", "made", "busybox")
    lab.docker("rm", "made")
    images = lab.world.workload("api-2", "api", serve=serve)
    both = lab.world.workload("api-3", "api", labels={"app": "api", "bulkhead.dev/port.http": "8080"}, serve=serve)
    wrong = lab.world.workload("api-4", "api", labels={"app": "api", "bulkhead.dev/port.http": "eighty"}, serve=serve)
    lab.start("enforce")
    ports = {row["name"]: row["ports"] for row in lab.rows().values() if row["name"] != "web-1"}
    lab.equal("what the ports are called", ports, {
        "api-1": ["http=8080/tcp"], "api-2": ["http=22/tcp", "tcp-9000=9000/tcp"], "api-3": ["http=8080/tcp", "tcp-9000=9000/tcp"],
        "api-4": ["tcp-9000=9000/tcp"]})
    problems = lab.bulkhead.status()["problems"]
    lab.check("a label that names no port is told", any("shop/api-4: 1 port labels left out" in each for each in problems), problems)
    lab.apply(policy("api", "api", ingress=[rule([peer("web")], [port("http"), port("tcp-9000")])]))
    for api, may in ((plain, (8080,)), (images, (22, 9000)), (both, (8080, 9000)), (wrong, (9000,))):
        for number in (22, 8080, 9000):
            (lab.reaches if number in may else lab.stopped)(web, api, number, family=6 if number == 9000 else 4)


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
