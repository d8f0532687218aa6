# SPDX-License-Identifier: Apache-2.0
"""A staged policy judges beside the one in force, decides nothing, and shows exactly what it would change. Policies in audit."""
import json
import os

from harness import peer, policy, port, rule, select
from world import wait_until


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "tcp:9090"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web"), peer("api")], [port(5432)])]))
    return web, api, db


def write(lab, name, *documents):
    path = os.path.join(lab.folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n---\n".join(json.dumps(each) for each in documents))
    return path


def stage(lab, *documents):
    done = lab.bulkhead.cli("policy", "stage", write(lab, "candidate.yaml", *documents), check=False)
    lab.equal("policy stage", (done.returncode, done.stderr), (0, ""))


def staged(lab):
    """Exit code and report of `policy stage status`."""
    done = lab.bulkhead.cli("policy", "stage", "status", "-o", "json", check=False)
    return done.returncode, json.loads(done.stdout)


def changes(lab):
    return [(row["from"], row["to"], row["port"], row["now"], row["staged"]) for row in staged(lab)[1]["changes"]]


def check_it_shows_what_would_change_and_changes_nothing(lab):
    web, api, db = shop(lab)
    lab.equal("nothing is staged", staged(lab)[1]["since_unix"], 0)
    # Open since before: judged by both on its next packet.
    opened = api.background("stream", db.v4, 5432).expect("connected")
    candidate = policy("db", "db", ingress=[rule([peer("web")], [port(5432)]), rule([peer("web")], [port(9090)])])
    stage(lab, candidate)
    lab.reaches(web, db, 5432)
    lab.stopped(web, db, 9090)
    wait_until("both judged the open connection", lambda: len(changes(lab)) == 2)
    lab.equal("exactly what would change", changes(lab),
              [("shop/api", "shop/db", 5432, "allow", "deny"), ("shop/web", "shop/db", 9090, "deny", "allow")])
    code, status = staged(lab)
    lab.equal("exit status: something would change", code, 1)
    lab.check("what both judge alike is counted", status["same_flows"] >= 1, status)
    rows = {row["from"]: row for row in status["changes"]}
    lab.equal("the deciding rules of the candidate", (rows["shop/api"]["rule"], rows["shop/web"]["rule"]), ("db ingress isolated", "db ingress[1]"))
    lab.check("denied packets are counted", rows["shop/web"]["denied"] >= 1, rows)
    lab.reaches(api, db, 5432, claim="what it would deny still passes")
    told = opened.finish()
    lab.check("the open connection lived", told["ok"] > 0 if "ok" in told else told, told)


def check_promote_and_discard(lab):
    web, api, db = shop(lab)
    candidate = policy("db", "db", ingress=[rule([peer("web")], [port(5432)])])
    stage(lab, candidate)
    done = lab.bulkhead.cli("policy", "discard", check=False)
    lab.equal("policy discard", done.returncode, 0)
    lab.reaches(api, db, 5432)
    lab.equal("nothing is staged", staged(lab)[1]["policies"], [])
    stage(lab, candidate)
    done = lab.bulkhead.cli("policy", "promote", check=False)
    lab.equal("policy promote", done.returncode, 0)
    lab.stopped(api, db, 5432)
    lab.reaches(web, db, 5432)
    lab.equal("nothing is staged any more", staged(lab), (0, {**staged(lab)[1], "since_unix": 0, "policies": [], "changes": []}))
    lab.equal("discard without a stage: exit status", lab.bulkhead.cli("policy", "discard", check=False).returncode, 1)


def check_newcomers_are_judged_by_both(lab):
    web, api, db = shop(lab)
    stage(lab, policy("cache", "cache", ingress=[rule([peer("web")], [port(6379)])]))
    before = lab.bulkhead.status()["generation"]
    cache = lab.world.workload("cache-0", "cache", serve=["tcp:6379"])
    lab.bulkhead.wait_protected(len(lab.world.workloads))
    lab.equal("a new kind needs no new generation", lab.bulkhead.status()["generation"], before)
    lab.reaches(web, cache, 6379)
    lab.reaches(api, cache, 6379)
    wait_until("the candidate's verdict", lambda: changes(lab))
    lab.equal("only what would change", changes(lab), [("shop/api", "shop/cache", 6379, "allow", "deny")])


def check_a_restart_stages_again(lab):
    web, api, db = shop(lab)
    stage(lab, policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    since = staged(lab)[1]["since_unix"]
    lab.bulkhead.stop()
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(len(lab.world.workloads))
    lab.equal("still staged", staged(lab)[1]["since_unix"], since)
    lab.reaches(api, db, 5432)
    wait_until("it judges", lambda: changes(lab))
    lab.equal("as before", changes(lab), [("shop/api", "shop/db", 5432, "allow", "deny")])


def check_what_cannot_be_staged(lab):
    web, api, db = shop(lab)
    broken = {**policy("db", "db"), "spec": {"podSelecter": {}}}
    done = lab.bulkhead.cli("policy", "stage", write(lab, "broken.json", broken), check=False)
    lab.equal("exit status", done.returncode, 2)
    lab.check("the place and the nearest name", "broken.json:1:" in done.stderr and "podSelector" in done.stderr, done.stderr)
    lab.equal("nothing is staged", staged(lab)[1]["policies"], [])


def check_audit_of_one_policy(lab):
    web, api, db = shop(lab)
    audited = policy("db", "db", ingress=[rule([peer("web")], [port(5432)])])
    audited["metadata"]["annotations"] = {"bulkhead.dev/mode": "audit"}
    lab.apply(audited)
    lab.reaches(api, db, 5432, claim="enforce, but the policy is in audit: api -> db passes")
    rows = wait_until("it is reported", lambda: [row for row in lab.flows("--verdict", "would-deny") if row["from"] == "shop/api"])
    lab.equal("by its rule", rows[0]["rule"], "db ingress isolated")
    # What another policy enforces is dropped all the same.
    lab.apply(policy("strict", "db", ingress=[rule([peer("web")])]))
    lab.stopped(api, db, 5432)
    lab.reaches(web, db, 5432)


def check_the_admin_tier_comes_first(lab):
    web, api, db = shop(lab)
    guard = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "guard"},
             "spec": {"tier": "Admin", "priority": 1, "subject": {"pods": {"podSelector": select(app="db")}},
                      "ingress": [{"action": "Pass", "from": [{"pods": {"podSelector": select(app="web")}}]},
                                  {"action": "Deny", "from": [{"namespaces": {}}]}]}}
    lab.apply(guard)
    lab.stopped(api, db, 5432)
    lab.reaches(web, db, 5432, claim="what passes the tier is the developers' to decide")
    lab.stopped(web, db, 9090)
    lab.equal("policy delete cnp:guard", lab.bulkhead.cli("policy", "delete", "cnp:guard", check=False).returncode, 0)
    lab.reaches(api, db, 5432)


def check_what_is_not_supported_stays_with_its_file(lab):
    web, api, db = shop(lab)
    names = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "names"},
             "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}},
                      "egress": [{"action": "Accept", "to": [{"domainNames": ["example.com"]}]}]}}
    with open(os.path.join(lab.bulkhead.policy_dir, "names.json"), "w", encoding="utf-8") as out:
        json.dump(names, out)
    errors = wait_until("the file is reported", lambda: lab.bulkhead.status()["policy_errors"])
    lab.check("with its place, as not supported", "names.json:1:" in errors[0] and "not supported yet" in errors[0], errors)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    lab.stopped(api, db, 5432, claim="other files still count")


def check_a_diff_tells_what_applying_would_change(lab):
    web, api, db = shop(lab)
    opened = api.background("stream", db.v4, 5432).expect("connected")
    before = lab.bulkhead.status()["generation"]
    path = write(lab, "narrow.yaml", policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    done = lab.bulkhead.cli("policy", "diff", path, "-o", "json", check=False)
    diff = json.loads(done.stdout)
    lab.equal("exit status: something differs", done.returncode, 1)
    rows = [(row["from"], row["to"], row["ports"]["text"], row["before"]["verdict"], row["after"]["verdict"]) for row in diff["diff"]["rows"]]
    lab.equal("exactly what changes", rows, [("shop/api", "shop/db", "5432/tcp", "allow", "deny")])
    lab.equal("flows that would be cut", [(flow["from"], flow["to"], flow["port"]) for flow in diff["cut"]], [("shop/api", "shop/db", 5432)])
    shown = wait_until("recorded edges are judged",
                       lambda: [d for d in [json.loads(lab.bulkhead.cli("policy", "diff", path, "-o", "json", check=False).stdout)]
                                if d["changed_edges"]])[0]
    lab.equal("recorded edges that change", shown["changed_edges"], 1)
    dry = lab.bulkhead.cli("policy", "apply", "--dry-run", path)
    lab.equal("a dry run's exit status", dry.returncode, 0)
    lab.check("a dry run tells the same", "shop/api" in dry.stdout and "1 live flow of " in dry.stdout and "dry run: nothing changed" in dry.stdout,
              dry.stdout)
    lab.equal("nothing has changed", lab.bulkhead.status()["generation"], before)
    told = opened.finish()
    lab.check("the open connection lived", told["ok"] > 0 if "ok" in told else told, told)
    same = write(lab, "same.yaml", policy("db", "db", ingress=[rule([peer("web"), peer("api")], [port(5432)])]))
    lab.equal("no difference: exit status", lab.bulkhead.cli("policy", "diff", same, check=False).returncode, 0)
