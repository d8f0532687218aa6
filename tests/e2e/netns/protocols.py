# SPDX-License-Identifier: Apache-2.0
"""What policy allows passes, and what it does not never arrives: TCP, UDP, SCTP and ICMP, IPv4 and IPv6."""
import socket

from harness import checks, peer, policy, port, rule
from world import wait_until


def shop(lab, serve):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=serve)
    return web, api, db


def check_nothing_is_denied_without_policy(lab):
    web, _, db = shop(lab, ["tcp:5432", "udp:53"])
    lab.start("enforce")
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.reaches(web, db, 53, "udp", family)
        lab.check(f"ping IPv{family}", lab.pings(web, db, family))


def check_tcp_and_udp(lab):
    web, api, db = shop(lab, ["tcp:5432", "tcp:5433", "udp:53", "udp:54"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(53, "UDP")])]))
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.reaches(web, db, 53, "udp", family)
        lab.stopped(web, db, 5433, family=family)
        lab.stopped(web, db, 54, "udp", family)
        lab.stopped(api, db, 5432, family=family)
        lab.stopped(api, db, 53, "udp", family)
        lab.check(f"a policy of ports lets no ping pass, IPv{family}", not lab.pings(web, db, family))
    lab.check("denials are listed", any(row["from"] == "shop/api" and row["to"] == "shop/db" and row["port"] == 5432
                                        for row in lab.flows("--verdict", "deny")), lab.flows("--verdict", "deny"))


def check_egress_counts_as_much_as_ingress(lab):
    web, api, db = shop(lab, ["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("web", "web", egress=[rule([peer("api")], direction="to")]))
    for family in (4, 6):
        lab.stopped(web, db, 5432, family=family)
        lab.reaches(api, db, 5432, family=family)


def check_icmp_needs_a_rule_without_ports(lab):
    web, api, db = shop(lab, ["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    for family in (4, 6):
        lab.check(f"web pings db, IPv{family}", lab.pings(web, db, family))
        lab.check(f"api does not, IPv{family}", not lab.pings(api, db, family))
        lab.reaches(web, db, 5432, family=family)


def check_port_ranges_and_address_blocks(lab):
    web, api, db = shop(lab, ["tcp:7000", "tcp:7005", "tcp:7010", "tcp:7011"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[
        rule([peer(cidr="198.18.1.0/24", excluded=[f"{api.v4}/32"]), peer(cidr=f"{web.v6}/128")],
             [{"port": 7000, "endPort": 7010, "protocol": "TCP"}])]))
    for number in (7000, 7005, 7010):
        lab.reaches(web, db, number)
        lab.reaches(web, db, number, family=6)
    lab.stopped(web, db, 7011)
    lab.stopped(api, db, 7005)
    lab.stopped(api, db, 7005, family=6)


def check_ports_by_name(lab):
    """A name means the number that each workload's file gives it, in both directions of policy; also after a restart."""
    web = lab.world.workload("web-0", "web")
    old = lab.world.workload("db-0", "db", serve=["tcp:5432", "tcp:5433"], ports={"sql": 5432})
    new = lab.world.workload("db-1", "db", serve=["tcp:5432", "tcp:5433"], ports={"sql": 5433})
    none = lab.world.workload("db-2", "db", serve=["tcp:5432", "tcp:5433"])
    lab.start("enforce")
    ports = {row["name"]: row["ports"] for row in lab.bulkhead.json("workloads", "-A")}
    lab.equal("what the ports are called", ports, {"web-0": [], "db-0": ["sql=5432/tcp"], "db-1": ["sql=5433/tcp"], "db-2": []})

    def by_name_only():
        for db, number in ((old, 5432), (new, 5433), (none, None)):
            for each in (5432, 5433):
                (lab.reaches if each == number else lab.stopped)(web, db, each)
                said = lab.bulkhead.json("explain", web.v4, db.v4, f"{each}/tcp")["verdict"]
                lab.equal(f"explain {web.name} {db.name} {each}/tcp", said, "allow" if each == number else "deny")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port("sql")])]))
    by_name_only()
    lab.apply(policy("db", "db", ingress=[rule()]), policy("web", "web", egress=[rule([peer("db")], [port("sql")], direction="to")]))
    by_name_only()
    lab.bulkhead.stop()
    lab.bulkhead.start()
    by_name_only()
    lab.world.describe(none, "db", ports={"sql": 5433})
    wait_until("the third has a name, too", lambda: web.traffic("call", "tcp", none.v4, 5433, "--timeout", 0.3)["ok"] == 1)
    lab.stopped(web, none, 5432)


def check_namespaces_are_apart(lab):
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    friend, stranger = lab.world.workload("web-0", "web"), lab.world.workload("web-1", "web", ns="lab")
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    lab.reaches(friend, db, 5432)
    lab.stopped(stranger, db, 5432, claim="the same label in another namespace is somebody else")
    lab.apply(policy("db", "db", ingress=[rule([peer("web", ns="lab")])]))
    lab.reaches(stranger, db, 5432)
    lab.stopped(friend, db, 5432)


def check_sctp(lab):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError:
        raise checks.Skip("this kernel has no SCTP sockets (the packet tests cover SCTP)") from None
    web, api, db = shop(lab, ["sctp:3868"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(3868, "SCTP")])]))
    lab.reaches(web, db, 3868, "sctp")
    result = api.traffic("call", "sctp", db.v4, 3868, "--timeout", 0.5)
    lab.check("api -> db 3868/sctp is stopped", result["ok"] == 0)
