# SPDX-License-Identifier: Apache-2.0
"""propose -> replay -> apply -> audit -> enforce, and what an image that is new to an enforcing service may do."""
import os
import time

from harness import peer, policy, port, rule
from world import wait_until


def shop(lab):
    """Three replicas of every client: three that do the same are evidence enough, however short the time."""
    web = [lab.world.workload(f"web-{i}", "web") for i in range(3)]
    api = [lab.world.workload(f"api-{i}", "api", serve=["tcp:8080"]) for i in range(3)]
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    dns = lab.world.workload("dns-0", "dns", ns="kube-system", labels={"k8s-app": "dns"}, serve=["udp:53"])
    lab.start()
    return web, api, db, dns


def trade(lab, web, api, db, dns):
    calls = [(client, "tcp", server, 8080) for client in web for server in api]
    calls += [(client, "udp", dns, 53) for client in web] + [(client, "tcp", db, 5432) for client in api]
    failed = [(client.name, server.name, number, family) for family in (4, 6) for client, protocol, server, number in calls
              if client.traffic("call", protocol, server.address(family), number, "--timeout", 3)["ok"] != 1]
    lab.equal("calls that failed", failed, [])


def enforce(lab, ns):
    """What is not ready needs --force."""
    wanted = ["mode", "set", ns, "enforce", "--confirm", "60s"]
    done = lab.bulkhead.cli(*wanted, check=False)
    if done.returncode != 0:
        done = lab.bulkhead.cli(*wanted, "--force", check=False)
    lab.check(f"mode set {ns} enforce --confirm 60s", done.returncode == 0, done.stderr)
    lab.equal("confirm", lab.bulkhead.cli("confirm").returncode, 0)


def contents(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            out[name] = file.read()
    return out


def check_a_proposal_is_replayed_and_enforced(lab):
    web, api, db, dns = shop(lab)
    trade(lab, web, api, db, dns)
    first, second = os.path.join(lab.folder, "first"), os.path.join(lab.folder, "second")
    lab.equal("learn propose --dir", lab.bulkhead.cli("learn", "propose", "--dir", first).returncode, 0)
    lab.equal("and again", lab.bulkhead.cli("learn", "propose", "--dir", second, "--kind", "networkpolicy").returncode, 0)
    lab.equal("proposals", len(contents(first)), 4)
    lab.check("the same bytes", contents(first) == contents(second))
    lab.check("with their evidence", "confidence" in contents(first)["shop.networkpolicy.db.yaml"], contents(first))

    done = lab.bulkhead.cli("policy", "replay", "--policy", first)
    lab.check("policy replay: nothing would be rejected", done.returncode == 0, done.stdout + done.stderr)
    replay = lab.bulkhead.json("policy", "replay", "--policy", first, "--since", "1d")
    lab.equal("all of it is permitted", (replay["total"]["rejected_edges"], replay["total"]["permitted_edges"]), (0, 3))
    # Port 53 is proposed in both protocols, since long answers come over TCP; nobody had one.
    lab.equal("and nothing escapes but TCP to the resolver", [(row["to"], row["ports"]) for row in replay["escaped"]],
              [("kube-system/dns", "53/tcp")])
    open_file = os.path.join(lab.folder, "open.yaml")
    with open(open_file, "w", encoding="utf-8") as out:
        out.write(contents(first)["shop.networkpolicy.db.yaml"].replace("port: 5432", "port: 5432\n    - protocol: TCP\n      port: 22"))
    escaped = lab.bulkhead.json("policy", "replay", "--policy", open_file, "--policy", os.path.join(first, "shop.networkpolicy.web.yaml"))["escaped"]
    lab.check("a port that a draft opens for nobody is told", any("22/tcp" in row["ports"] for row in escaped), escaped)

    narrow = os.path.join(lab.folder, "narrow.yaml")
    with open(narrow, "w", encoding="utf-8") as out:
        out.write(contents(first)["shop.networkpolicy.db.yaml"].replace("port: 5432", "port: 5433"))
    done = lab.bulkhead.cli("policy", "replay", "--policy", narrow)
    lab.check("a draft that breaks something: exit 1, and what it is",
              done.returncode == 1 and "shop/api" in done.stdout and "5432/tcp" in done.stdout, (done.returncode, done.stdout))

    lab.equal("policy apply DIR --mode audit", lab.bulkhead.cli("policy", "apply", first, "--mode", "audit").returncode, 0)
    lab.reaches(web[0], db, 5432, claim="in audit a new edge passes")
    def reported():
        return any(row["from"] == "shop/web" and row["to"] == "shop/db"
                   for row in lab.bulkhead.json("flows", "-n", "shop", "--verdict", "would-deny", "--since", "1h"))
    wait_until("and flows reports it", reported)
    for ns in ("shop", "kube-system"):
        enforce(lab, ns)
    trade(lab, web, api, db, dns)
    for family in (4, 6):
        lab.stopped(web[0], db, 5432, family=family)
        lab.stopped(db, api[0], 8080, family=family)
        lab.stopped(api[0], dns, 53, "udp", family)


def versions(lab):
    """web may call api and nothing else; all enforce."""
    web = lab.world.workload("web-0", "web")
    api = lab.world.workload("api-0", "api", serve=["tcp:8080"])
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start()
    lab.apply(policy("web", "web", ingress=[], egress=[rule([peer("api")], [port(8080)], direction="to")]),
              policy("api", "api", ingress=[rule([peer("web")], [port(8080)])]),
              policy("db", "db", ingress=[]))
    lab.mode("enforce")
    lab.reaches(web, api, 8080)
    lab.stopped(web, db, 5432)
    return web, api, db


def upgrade(lab, replicas=1):
    new = [lab.world.workload(f"web-{i + 1}", "web", version=2) for i in range(replicas)]
    for each in new:
        lab.bulkhead.wait_service(each.name)
    return new[0] if replicas == 1 else new


def check_a_new_image_is_reported_for_its_time(lab):
    lab.bulkhead.configure(new_image_grace="12s")
    web, api, db = versions(lab)
    started = time.monotonic()
    new = upgrade(lab)
    lab.reaches(new, api, 8080, claim="what is known of the service holds for its new image")
    lab.reaches(new, db, 5432, claim="what is new passes")
    lab.stopped(web, db, 5432, claim="and not for the image before")
    row = next(row for row in lab.bulkhead.json("services", "-n", "shop") if row["service"] == "web")
    lab.check("services shows the new image", len(row["images"]) == 2 and len(row["new_images"]) == 1 and row["new_until_unix"] > 0, row)
    lab.check("explain says why it passes", "image new to shop/web" in lab.bulkhead.cli("explain", "shop/web-1", "shop/db", "5432/tcp").stdout,
              lab.bulkhead.cli("explain", "shop/web-1", "shop/db", "5432/tcp").stdout)
    rows = lab.bulkhead.json("learn", "edges", "-n", "shop")
    verdicts = {edge["verdict"] for edge in rows if edge["from"] == "shop/web" and edge["to"] == "shop/db" and edge["answered"]}
    lab.equal("it is recorded as would-deny", verdicts, {"would-deny"})
    lab.check("and not proposed", "port: 5432" not in lab.bulkhead.cli("learn", "propose", "shop/web").stdout)
    lab.bulkhead.kill()
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(4)
    if time.monotonic() - started < 10:
        lab.reaches(new, db, 5432, claim="a restart does not end its time")
    time.sleep(max(0.0, 14 - (time.monotonic() - started)))
    lab.stopped(new, db, 5432, claim="when its time is over it is stopped")
    lab.reaches(new, api, 8080)


def check_a_new_image_is_enforced_where_the_config_says_so(lab):
    lab.bulkhead.configure(new_image="enforce")
    _, api, db = versions(lab)
    new = upgrade(lab)
    lab.reaches(new, api, 8080)
    lab.stopped(new, db, 5432)


def check_a_new_image_is_learned_where_the_config_says_so(lab):
    lab.bulkhead.configure(new_image="learn")
    _, _, db = versions(lab)
    for new in upgrade(lab, 3):
        lab.reaches(new, db, 5432)
    proposal = lab.bulkhead.cli("learn", "propose", "shop/web").stdout
    lab.check("and proposed", "port: 5432" in proposal, proposal)
