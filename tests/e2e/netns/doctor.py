# SPDX-License-Identifier: Apache-2.0
"""`bulkhead doctor` tells of what is wrong on this host, with the daemon and without it, and changes nothing."""
import json

from harness import policy
from product import kernel_state
from world import run


def findings(lab, *args):
    done = lab.bulkhead.cli("doctor", *args, "-o", "json")
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}


def check_without_a_daemon_and_with_one(lab):
    lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    before = kernel_state()
    code, rows = findings(lab)
    lab.equal("exit status without a daemon", code, 1)
    lab.equal("the daemon", rows["daemon"]["result"], "fail")
    lab.check("says what to do", "start bulkheadd" in rows["daemon"]["advice"], rows["daemon"])
    lab.equal("the kernel is as it was", kernel_state(), before)
    lab.start()
    code, rows = findings(lab)
    lab.equal("what fails with one", [row for row in rows.values() if row["result"] == "fail"], [])
    lab.equal("exit status with one", code, 0)
    lab.check("both workloads are held", rows["attachments"]["found"].startswith("2 interfaces with both programs"), rows["attachments"])
    lab.check("tables are counted", "fullest" in rows["table fill"]["found"], rows["table fill"])
    text = lab.bulkhead.cli("doctor").stdout
    lab.check("it is a table for people", text.startswith("CHECK") and "WHAT TO DO" in text, text[:200])
    lab.equal("exit status of a wrong flag", lab.bulkhead.cli("doctor", "--nonsense", check=False).returncode, 2)


def check_what_is_broken_is_found(lab):
    web = lab.world.workload("web-0", "web")
    lab.start()
    lab.apply(policy("web", "web", ingress=[]))
    lab.bulkhead.stop()
    run(["tc", "filter", "del", "dev", web.host_interface, "egress"])
    code, rows = findings(lab)
    lab.equal("a program that is gone", rows["attachments"]["result"], "fail")
    lab.check("names interface and hook", f"{web.host_interface}: no program of ours at egress" in rows["attachments"]["found"], rows["attachments"])
    lab.equal("exit status", code, 1)
    run(["chmod", "0777", lab.bulkhead.policy_dir])
    lab.equal("a policy folder that all may write to", findings(lab)[1]["policy folder"]["result"], "fail")
    lab.world.namespace("stranger")
    run(["nft", "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"])
    rows = findings(lab)[1]
    lab.equal("a firewall that drops what is forwarded", rows["forwarding"]["result"], "warn")
    lab.equal("an interface that nobody manages", rows["unmanaged interfaces"]["result"], "warn")
