# SPDX-License-Identifier: Apache-2.0
"""The policy folder: what is broken changes nothing and is reported; what is written there counts."""
import json
import os

from harness import peer, policy, port, rule, select
from world import wait_until


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    return web, api, db


def put(lab, name, text):
    path = os.path.join(lab.bulkhead.policy_dir, name)
    with open(path + ".tmp", "w", encoding="utf-8") as out:
        out.write(text)
    os.rename(path + ".tmp", path)


def check_a_broken_file_that_is_applied(lab):
    web, api, db = shop(lab)
    before = lab.bulkhead.status()["generation"]
    text = ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: db\n  namespace: shop\nspec:\n"
            "  podSelecter: {}\n")
    done = lab.bulkhead.apply("broken.yaml", text)
    lab.equal("exit status", done.returncode, 2)
    lab.check("file:line:column, what was found, what was meant",
              "broken.yaml:7:3: " in done.stderr and "podSelecter" in done.stderr and "podSelector" in done.stderr, done.stderr)
    lab.equal("the generation", lab.bulkhead.status()["generation"], before)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)


def check_a_broken_file_in_the_folder(lab):
    web, api, db = shop(lab)
    before = lab.bulkhead.status()["generation"]
    put(lab, "zz.yaml", "kind: [\n")
    errors = wait_until("the file is reported", lambda: lab.bulkhead.status()["policy_errors"])
    lab.check("status names file, line and column", "zz.yaml:" in errors[0], errors)
    lab.equal("the generation", lab.bulkhead.status()["generation"], before)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)
    put(lab, "zz.yaml", json.dumps(policy("extra", "db", ingress=[rule([peer("api")])])))
    wait_until("the mended file counts", lambda: lab.bulkhead.status()["generation"] > before)
    lab.equal("errors once it is mended", lab.bulkhead.status()["policy_errors"], [])
    lab.reaches(api, db, 5432)
    generation = lab.bulkhead.status()["generation"]
    os.unlink(os.path.join(lab.bulkhead.policy_dir, "zz.yaml"))
    wait_until("its removal counts", lambda: lab.bulkhead.status()["generation"] > generation)
    lab.stopped(api, db, 5432)


def check_a_file_that_breaks_keeps_its_last_good_objects(lab):
    web, api, db = shop(lab)
    put(lab, "extra.yaml", json.dumps(policy("extra", "db", ingress=[rule([peer("api")])])))
    wait_until("the file counts", lambda: any(row["name"] == "extra" for row in lab.bulkhead.json("policy", "list", "-A")["policies"]))
    lab.reaches(api, db, 5432)
    put(lab, "extra.yaml", "not: {a policy\n")
    wait_until("the file is reported", lambda: lab.bulkhead.status()["policy_errors"])
    lab.reaches(api, db, 5432)
    lab.reaches(web, db, 5432)


def check_delete_removes_what_apply_wrote_and_nothing_else(lab):
    web, api, db = shop(lab)
    put(lab, "mine.yaml", json.dumps(policy("mine", "api", egress=[])))
    wait_until("the file counts", lambda: any(row["name"] == "mine" for row in lab.bulkhead.json("policy", "list", "-A")["policies"]))
    refused = lab.bulkhead.cli("policy", "delete", "-n", "shop", "mine", check=False)
    lab.check("a file that a person wrote is not deleted", refused.returncode != 0 and os.path.exists(
        os.path.join(lab.bulkhead.policy_dir, "mine.yaml")), refused.stdout)
    lab.stopped(api, db, 5432)
    done = lab.bulkhead.cli("policy", "delete", "-n", "shop", "db", check=False)
    lab.equal("deleting what apply wrote", done.returncode, 0)
    put(lab, "mine.yaml", json.dumps(policy("mine", "api", egress=[rule(direction="to")])))
    wait_until("egress opens", lambda: api.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.3)["ok"] == 1)
    lab.reaches(api, db, 5432)


def check_wrong_cidrs_and_ports_are_refused(lab):
    shop(lab)
    bad = {
        "cidr": policy("bad", "db", ingress=[rule([{"ipBlock": {"cidr": "10.0.0.0/33"}}])]),
        "except": policy("bad", "db", ingress=[rule([{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}])]),
        "port": policy("bad", "db", ingress=[rule([peer("web")], [port(70000)])]),
        "protocol": policy("bad", "db", ingress=[rule([peer("web")], [port(1, "QUIC")])]),
        "kind": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}},
        "selector": {**policy("bad", "db"), "spec": {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]},
                                                     "ingress": [{"from": [{"podSelector": select(app="x")}]}]}},
    }
    for what, each in bad.items():
        done = lab.bulkhead.apply(f"bad-{what}.yaml", json.dumps(each))
        lab.check(f"a wrong {what} is refused with its place", done.returncode == 2 and f"bad-{what}.yaml:1:" in done.stderr,
                  (done.returncode, done.stderr))
