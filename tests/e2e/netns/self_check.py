# SPDX-License-Identifier: Apache-2.0
"""The daemon judges live verdicts a second time: it agrees with its dataplane, and finds a table that was tampered with."""
import glob
import json
import struct
import subprocess
import time

from harness import peer, policy, port, rule
from world import LabError, wait_until

SUBJECTS_EACH = 65536  # of a policy slot (abi/policy.h)
SUBJECT = struct.Struct("<IHHB7x")


def bpftool(*args):
    done = subprocess.run(["bpftool", "map", *args], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise LabError(f"bpftool map {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def hex_bytes(data):
    return ["hex", *(f"{byte:02x}" for byte in data)]


class Subjects:
    """The subjects of the policy in force, as the kernel has them."""

    def __init__(self, pin_root):
        maps = glob.glob(f"{pin_root}/v*/maps")[0]
        self.path = f"{maps}/bh_subjects"
        control = bytes(int(each, 16) for each in self.look(f"{maps}/bh_control", 0))
        self.first = (control[0] & 1) * SUBJECTS_EACH

    @staticmethod
    def look(path, key):
        text = bpftool("lookup", "pinned", path, "key", *hex_bytes(struct.pack("<I", key)), "-j")
        return json.loads(text)["value"]

    def read(self, index):
        return SUBJECT.unpack(bytes(int(each, 16) for each in self.look(self.path, self.first + index)))

    def write(self, index, subject):
        bpftool("update", "pinned", self.path, "key", *hex_bytes(struct.pack("<I", self.first + index)), "value",
                *hex_bytes(SUBJECT.pack(*subject)))


def shop(lab, **config):
    lab.bulkhead.configure(**config)
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:5433"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(5433, "UDP")]), rule([peer(cidr="198.18.0.1/32")])]),
              policy("api", "api", egress=[rule([peer("web")], direction="to")]))
    return web, api, db


def self_check(lab):
    return lab.bulkhead.status()["self_check"]


def check_it_agrees_with_ordinary_traffic(lab):
    web, api, db = shop(lab)
    outside = lab.world.namespace("stranger")  # a port that nobody has told of
    for family in (4, 6):
        lab.reaches(web, db, 5432, family=family)
        lab.reaches(web, db, 5433, "udp", family=family)
        lab.stopped(api, db, 5432, family=family)
        lab.stopped(web, db, 5434, family=family)
        lab.pings(outside, db, family)
    lab.mode("audit", "shop/db")
    lab.reaches(web, db, 5434 - 2, claim="in another mode, too")
    api.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.5)

    def busy():
        """What stands from before a change is not compared, so there has to be something new."""
        web.traffic("call", "tcp", db.v4, 5432, "--count", 3, "--timeout", 1)
        web.traffic("call", "udp", db.v6, 5433, "--timeout", 1)
        api.traffic("call", "tcp", db.v4, 5434, "--timeout", 0.1)
        return self_check(lab)["checked"] >= 20
    wait_until("twenty verdicts are checked", busy, 40, 0.3)
    seen = self_check(lab)
    print(f"    {seen}", flush=True)
    lab.equal("disagreements", (seen["disagreements"], seen["last"]), (0, ""))
    text = lab.bulkhead.cli("status").stdout
    lab.check("status says so", " checked, 0 disagreements" in text, text)
    lab.equal("exit status", lab.bulkhead.cli("status").returncode, 0)


def check_a_table_that_was_tampered_with_is_found(lab):
    web, api, db = shop(lab)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)
    lab.equal("before", self_check(lab)["disagreements"], 0)
    subjects = Subjects(lab.bulkhead.pin_root)
    identity = {each["name"]: each["identity"] for each in lab.bulkhead.json("workloads", "-A")}
    of_web = [index for index in range(32) if subjects.read(index)[0] == identity["web-0"]]
    of_api = [index for index in range(32) if subjects.read(index)[0] == identity["api-0"]]
    lab.check("both have subjects", of_web and of_api, f"{of_web} {of_api}")
    like_web = subjects.read(of_web[0])
    for index in of_api:  # whoever is judged as api now has the rights of web
        subjects.write(index, (identity["api-0"], *like_web[1:]))
    api.traffic("call", "tcp", db.v4, 5432, "--timeout", 1)
    wait_until("a disagreement is found", lambda: self_check(lab)["disagreements"] > 0, 15)
    seen = self_check(lab)
    lab.check("it says what was said and what ought to be", "the dataplane said allow" in seen["last"] and "deny" in seen["last"], seen)
    done = lab.bulkhead.cli("status")
    lab.equal("exit status of status", done.returncode, 1)
    lab.check("status shows it", "the dataplane does not judge as policy says" in done.stdout, done.stdout)
    lab.check("it is logged", "self-check: " in lab.bulkhead.log())
    metrics = subprocess.run(["curl", "-s", "--unix-socket", lab.bulkhead.socket, "http://bulkhead/metrics"], capture_output=True, text=True,
                             check=True).stdout
    lab.check("and counted", 'bulkhead_self_check_verdicts_total{result="disagrees"} 0' not in metrics and
              'bulkhead_self_check_verdicts_total{result="disagrees"}' in metrics, metrics[-500:])


def check_it_can_be_switched_off(lab):
    web, _, db = shop(lab, self_check_per_second=0)
    lab.reaches(web, db, 5432)
    time.sleep(1.5)
    lab.equal("on, checked", (self_check(lab)["on"], self_check(lab)["checked"]), (False, 0))
