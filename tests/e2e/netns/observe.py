# SPDX-License-Identifier: Apache-2.0
"""What a user sees of live traffic: flows as they come and go, top, rules with their counts, captures; and simulations, which leave
nothing behind."""
import json
import os
import struct
import subprocess
import time

from harness import peer, policy, port, rule
from world import LabError, wait_until


def shop(lab):
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:5353"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(5353, "UDP")])]))
    return web, api, db


class Following:
    """A verb that goes on, with its output as it comes."""

    def __init__(self, lab, *args):
        self.path = os.path.join(lab.folder, f"following-{lab.claims}-{args[0]}")
        bulkhead = lab.bulkhead
        with open(self.path, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen([bulkhead.cli_path, *map(str, args)], stdout=out, stderr=subprocess.DEVNULL,
                                            env={**os.environ, "BULKHEAD_SOCKET": bulkhead.socket})

    def rows(self):
        with open(self.path, encoding="utf-8") as lines:
            text = lines.read()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        return self.rows()


def told(following, change, **wanted):
    rows = [row for row in following.rows() if row.get("change") == change]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def check_flows_are_followed(lab):
    web, api, db = shop(lab)
    kept = web.background("stream", db.v4, 5432).expect("connected")
    following = Following(lab, "flows", "-f", "-o", "json")
    wait_until("the table is listed", lambda: any("change" not in row for row in following.rows()))
    there = following.rows()
    lab.check("what is there comes first", any(row["from"] == "shop/web" and row["to"] == "shop/db" for row in there), there)
    time.sleep(1.2)
    lab.reaches(web, db, 5432)
    flow = {"from": "shop/web", "to": "shop/db", "port": 5432}
    wait_until("a connection is told as new", lambda: told(following, "new", **flow))
    wait_until("and as closed", lambda: told(following, "closed", **flow))
    lab.stopped(api, db, 5432)
    wait_until("packets that are denied are told", lambda: told(following, "denied", **{**flow, "from": "shop/api"}))
    done = lab.bulkhead.cli("policy", "delete", "-n", "shop", "db", check=False)
    lab.equal("policy delete", done.returncode, 0)
    lab.apply(policy("nobody", "db", ingress=[]))
    wait_until("the open connection is told as revoked", lambda: told(following, "revoked", **flow))
    rows = following.end()
    keys = [(row["change"], row["from_address"], row["from_port"]) for row in rows if row.get("change") in ("new", "closed", "revoked")]
    lab.equal("each change is told once", len(keys), len(set(keys)))
    kept.kill()


def check_top_shows_who_talks(lab):
    web, api, db = shop(lab)
    talk = web.background("stream", db.v4, 5432).expect("connected")
    shot = lab.bulkhead.json("top", "--once", "--interval", "2s", "-n", "shop")
    pairs = {(row["from"], row["to"]): row for row in shot["rows"]}
    lab.check("the pair that talks is there", ("shop/web", "shop/db") in pairs, pairs)
    busy = pairs.get(("shop/web", "shop/db"), {})
    lab.check("with packets and bytes", busy.get("packets", 0) > 0 and busy.get("bytes", 0) > busy.get("packets", 0), busy)
    lab.check("and its open flow", busy.get("flows", 0) >= 1, busy)
    top = Following(lab, "top", "--count", 1, "--interval", "3s", "--sort", "denied", "-o", "json")
    time.sleep(0.5)
    for _ in range(3):
        api.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.2)
    top.process.wait(timeout=10)
    with open(top.path, encoding="utf-8") as out:
        first = json.load(out)["rows"][0]
    lab.check("denied packets come first when sorted by them", first["from"] == "shop/api" and first["denied"] >= 3, first)
    table = lab.bulkhead.cli("top", "--once", "--interval", "1s", "--by", "service").stdout
    lab.check("without a terminal it prints a plain table", "SERVICE" in table and "\x1b" not in table, table)
    talk.kill()


def counts(lab):
    return {row["rule"]: row for row in lab.bulkhead.json("policy", "rules")}


def check_rules_count_what_they_decide(lab):
    web, api, db = shop(lab)
    before = counts(lab)
    for _ in range(3):
        lab.reaches(web, db, 5432)
    allowed, isolated = "shop/db ingress[0]", "shop/db ingress isolated"
    lab.equal("flows that the rule allowed", counts(lab)[allowed]["flows"] - before[allowed]["flows"], 3)
    lab.equal("it denied none", counts(lab)[allowed]["denied"], 0)
    lab.stopped(api, db, 5432)
    lab.check("packets that the isolation denied", counts(lab)[isolated]["denied"] > before[isolated]["denied"], counts(lab)[isolated])
    lab.apply(policy("api", "api", ingress=[rule([peer("web")], [port(80)])]))
    lab.equal("counts outlive a change of policy around the rule", counts(lab)[allowed]["flows"], before[allowed]["flows"] + 3)
    lab.mode("audit")
    lab.reaches(api, db, 5432)
    lab.equal("what passes because of the mode is told apart", counts(lab)[isolated]["would_deny"], before[isolated]["would_deny"] + 1)
    edges = [row for row in lab.bulkhead.json("learn", "edges") if row["to"] == "shop/db" and row["port"] == 5432]
    web_edges = [row for row in edges if row["from"] == "shop/web" and row["verdict"] == "allow"]
    lab.equal("the edge counts the same flows, all answered", [(row["flows"], row["answered"]) for row in web_edges], [(3, 3)])
    denied = sum(row["denied"] for row in edges if row["from"] == "shop/api")
    lab.equal("and the same denied packets", denied, counts(lab)[isolated]["denied"] - before[isolated]["denied"])
    text = lab.bulkhead.cli("policy", "show", "shop/db").stdout
    lab.check("policy show has them", "# ingress[0]: 3 flows" in text, text)


def read_pcapng(path):
    """The packets of a file with their comments, read by the draft's layout (draft-ietf-opsawg-pcapng, section 4)."""
    with open(path, "rb") as file:
        data = file.read()
    packets, at, names = [], 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if length % 4 or struct.unpack_from("<I", data, at + length - 4)[0] != length:
            raise LabError(f"byte {at}: a block whose lengths differ")
        body = data[at + 8:at + length - 4]
        if kind == 0x0A0D0D0A and struct.unpack_from("<IHH", body) != (0x1A2B3C4D, 1, 0):
            raise LabError("section header")
        if kind == 1:
            names.append(options(body[8:]).get(2, b"").decode())
        if kind == 6:
            interface, high, low, captured, original = struct.unpack_from("<IIIII", body)
            padded = (captured + 3) // 4 * 4
            packets.append({"interface": names[interface], "time": (high << 32 | low) / 1e9, "data": body[20:20 + captured],
                            "length": original, "comment": options(body[20 + padded:]).get(1, b"").decode()})
        at += length
    return packets


def options(data):
    out, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            break
        out[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return out


def check_captures_are_packet_files(lab):
    web, api, db = shop(lab)
    path = os.path.join(lab.folder, "denied.pcapng")
    capture = Following(lab, "capture", "--service", "shop/db", "--verdict", "deny", "-w", path)
    wait_until("the file begins", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    time.sleep(0.5)
    lab.reaches(web, db, 5432)
    lab.stopped(api, db, 5432)
    wait_until("packets are written", lambda: read_pcapng(path))
    second = lab.bulkhead.cli("capture", "--service", "shop/web", "--count", 1, check=False)
    lab.equal("one capture at a time", (second.returncode, "another capture" in second.stderr), (1, True))
    capture.end()
    packets = read_pcapng(path)
    lab.check("each has the reason as its comment", all(one["comment"].startswith("deny: policy, db ingress isolated; shop/api -> shop/db") for one in packets),
              [one["comment"] for one in packets])
    addresses = bytes(map(int, api.v4.split("."))) + bytes(map(int, db.v4.split(".")))
    lab.check("and is the packet that was sent", all(one["data"][26:34] == addresses and len(one["data"]) == min(one["length"], 128) for one in packets),
              [one["data"].hex() for one in packets])
    lab.check("at the time it was", all(abs(one["time"] - time.time()) < 60 for one in packets), [one["time"] for one in packets])
    every = os.path.join(lab.folder, "all.pcapng")
    time.sleep(2)  # the daemon sees that the first one's reader is gone
    capture = Following(lab, "capture", "--service", "shop/db", "-w", every)
    time.sleep(1)
    lab.check("the next capture runs", capture.process.poll() is None)
    lab.reaches(web, db, 5432)
    wait_until("packets that pass are written, both ways", lambda: len(read_pcapng(every)) >= 6)
    capture.end()
    lab.check("all allowed", all(one["comment"].startswith("allow") for one in read_pcapng(every)), [one["comment"] for one in read_pcapng(every)])
    lab.check("the file simulates", lab.bulkhead.cli("simulate", "--pcap", every, "--endpoint", "shop/db-0", "--hook", "egress", check=False).returncode in (0, 1))
    lab.reaches(web, db, 5432, claim="traffic goes on without the capture")


def left_behind(lab):
    """What packets leave: counters, flows (but for their ages), rules, edges."""
    flows = [{key: value for key, value in row.items() if not key.endswith("_ms")} for row in lab.flows()]
    drops = lab.bulkhead.json("drops")
    totals = {name: count for name, count in drops["totals"].items() if name != "slow_path_passed"}  # neighbour discovery goes on
    return totals, sorted(flows, key=str), counts(lab), drops["reasons"]


def simulate(lab, *args):
    done = lab.bulkhead.cli("simulate", *args, "-o", "json", check=False)
    return done.returncode, [(step["hook"], step["path"], step["passed"], step["reason"]) for step in json.loads(done.stdout)["steps"]]


def check_simulations_tell_and_leave_nothing(lab):
    web, api, db = shop(lab)
    answered = web.traffic("call", "udp", db.v4, 5353, "--source-port", 41000)
    lab.equal("a flow is there", answered["ok"], 1)
    before = left_behind(lab)
    lab.equal("an allowed connection", simulate(lab, "--from", "shop/web", "--to", "shop/db", "5432/tcp"),
              (0, [("ingress", "judged", True, ""), ("egress", "established", True, "")]))
    lab.equal("a denied one", simulate(lab, "--from", "shop/api", "--to", "shop/db", "5432/tcp"),
              (1, [("ingress", "judged", False, "policy"), ("egress", "not reached", False, "")]))
    code, steps = simulate(lab, "--from", "shop/web", "--to", "shop/db", "5353/udp", "--source-port", 41000)
    past_the_bridge = ("egress", "not reached", False, "")  # where the fast path is on
    lab.check("a packet of the live flow", code == 0 and steps[0] == ("ingress", "established", True, "") and
              steps[1] in (("egress", "established", True, ""), past_the_bridge), (code, steps))
    lab.equal("one from the host", simulate(lab, "--from", "host", "--to", "shop/web", "80/tcp")[1][0][:3], ("egress", "judged", True))
    lab.equal("nothing is left behind", left_behind(lab), before)
    forged = os.path.join(lab.folder, "forged.pcap")
    frame = bytes(12) + b"\x08\x00" + bytes.fromhex("45000014000000004011") + bytes(2) + bytes(map(int, (db.v4 + "." + web.v4).split(".")))
    with open(forged, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)
    code, steps = simulate(lab, "--pcap", forged, "--endpoint", "shop/web")
    lab.equal("a packet of a file is refused as it would be", (code, steps[0][:3]), (1, ("ingress", "refused", False)))
    lab.equal("and leaves nothing", left_behind(lab), before)
    lab.equal("what is no packet file is refused", lab.bulkhead.cli("simulate", "--pcap", lab.bulkhead.config_path, "--endpoint", "shop/web", check=False).returncode, 2)
    lab.apply(policy("db", "db", ingress=[rule([peer("api")], [port(5432)])]))
    lab.equal("with another policy the other passes", [step[2] for step in simulate(lab, "--from", "shop/api", "--to", "shop/db", "5432/tcp")[1]], [True, True])
    lab.equal("and the live flow would be cut", simulate(lab, "--from", "shop/web", "--to", "shop/db", "5353/udp", "--source-port", 41000)[1][0],
              ("ingress", "judged", False, "policy"))
