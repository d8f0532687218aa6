# SPDX-License-Identifier: Apache-2.0
"""What comes in over an uplink: judged in XDP, before the host does anything with it, and nothing that belongs to somebody cut."""
import json

import frames
from harness import peer, policy, port, rule
from checks import Skip
from world import LabError, Outside, ip_batch, refuse_outside, run, wait_until

MARKER = b"FORGED-FROM-OUTSIDE"
UPLINK = "uplink"


def start(lab, mode="enforce", uplinks=(UPLINK,), **settings):
    lab.bulkhead.configure(uplinks=uplinks if uplinks == "auto" else list(uplinks), **settings)
    lab.start(mode)
    wait_uplink(lab, uplinks[0] if uplinks != "auto" else UPLINK)


def wait_uplink(lab, name=UPLINK):
    return wait_until(f"{name} has its program", lambda: [row for row in lab.bulkhead.status()["uplinks"]
                                                          if row["name"] == name and row["hook"] in ("native", "generic")])[0]


def dropped(lab):
    return sum(row["dropped"] for row in lab.bulkhead.status()["uplinks"])


def asks(source, protocol, address, number, source_port=0, timeout=0.4):
    return source.traffic("call", protocol, address, number, "--timeout", timeout, "--source-port", source_port)["ok"] == 1


def nft(text):
    refuse_outside()
    run(["nft", "-f", "-"], input=text)


def forward(workload, *ports):
    """What an engine does: published ports to the workload, and its packets to the world with the host's address."""
    rules = "\n".join(f"    {protocol} dport {host_port} iifname != br0 dnat to {workload.v4}:{to}" for protocol, host_port, to in ports)
    nft(f"""table ip lab {{
  chain in {{ type nat hook prerouting priority -100;
{rules}
  }}
  chain out {{ type nat hook postrouting priority 100;
    ip saddr 198.18.0.0/16 oifname != br0 masquerade
  }}
}}""")


def check_it_is_attached_and_shown(lab):
    Outside()
    start(lab)
    row = wait_uplink(lab)
    lab.equal("its program runs in the driver", (row["name"], row["hook"], row["error"]), (UPLINK, "native", ""))
    text = lab.bulkhead.cli("status").stdout
    lab.check("status shows it", "UPLINK" in text and "native" in text, text)


def check_generic_and_none(lab):
    Outside()
    start(lab, uplink_hook="generic")
    lab.equal("generic on request", wait_uplink(lab)["hook"], "generic")
    lab.bulkhead.stop()
    lab.bulkhead.configure(uplink_hook="xdp")
    lab.bulkhead.start()
    wait_until("native after a restart with it", lambda: wait_uplink(lab)["hook"] == "native")
    lab.bulkhead.stop()
    lab.bulkhead.configure(uplink_hook="none")
    lab.bulkhead.start()
    wait_until("none after a restart with it", lambda: "xdp" not in run(["ip", "link", "show", UPLINK]).stdout)
    lab.equal("none is shown", lab.bulkhead.status()["uplinks"], [])


def check_uplinks_by_themselves(lab):
    lab.world.workload("web-0", "web")
    beyond = Outside()
    ip_batch([f"route add 192.0.2.0/24 via {beyond.v4}"])  # where nobody lives: it leads outward
    start(lab, uplinks="auto")
    lab.equal("the interface that leads outward, and no other", [row["name"] for row in lab.bulkhead.status()["uplinks"]], [UPLINK])
    ip_batch([f"link delete {UPLINK}"])
    wait_until("one that goes is given up", lambda: lab.bulkhead.status()["uplinks"] == [])
    lab.equal("no problem is left", lab.bulkhead.status()["problems"], [])


def check_a_named_uplink_that_comes_late(lab):
    lab.bulkhead.configure(uplinks=[UPLINK])
    lab.start("enforce")
    problems = lab.bulkhead.status()["problems"]
    lab.check("until it is there it is a problem", any(UPLINK in each for each in problems), problems)
    Outside()
    wait_uplink(lab)
    lab.equal("then no more", lab.bulkhead.status()["problems"], [])


def check_routed_workloads_are_judged_there(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080", "udp:8081"])
    beyond = Outside()
    beyond.start("serve", "beyond", "tcp:443", "udp:53")
    start(lab)
    lab.apply(policy("web", "web", ingress=[rule([peer(cidr="198.19.200.9/32")])]))
    before = dropped(lab)
    for family in (4, 6):
        lab.stopped(beyond, web, 8080, family=family)
        lab.stopped(beyond, web, 8081, "udp", family=family)
    lab.check("dropped at the uplink", dropped(lab) >= before + 4, dropped(lab))
    events = [row for row in lab.bulkhead.json("drops")["events"] if row["hook"] == "uplink"]
    lab.check("and told, by its rule", events and all(row["reason"] == "policy" and row["to"] == "shop/web" and row["from"] == "world"
                                                      and row["rule"] == "web ingress isolated" for row in events), events[:2])
    for family in (4, 6):
        lab.reaches(web, beyond, 443, family=family, claim=f"answers of its own connections come in, IPv{family}")
        lab.reaches(web, beyond, 53, "udp", family=family, claim=f"answers of its own UDP come in, IPv{family}")
        lab.check(f"echo answers, too, IPv{family}", lab.pings(web, beyond, family))
        lab.check(f"echo requests do not, IPv{family}", not lab.pings(beyond, web, family))
    lab.apply(policy("web", "web", ingress=[rule([peer(cidr="198.19.200.0/24"), peer(cidr="fd00:200::/64")])]))
    for family in (4, 6):
        lab.reaches(beyond, web, 8080, family=family)
        lab.reaches(beyond, web, 8081, "udp", family=family)


def check_outside_enforce_nothing_is_dropped(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080"])
    beyond = Outside()
    start(lab, "audit")
    lab.apply(policy("web", "web", ingress=[]))
    lab.reaches(beyond, web, 8080)
    lab.equal("nothing dropped", dropped(lab), 0)
    rows = lab.flows("--verdict", "would-deny")
    lab.equal("reported once, as a flow", [(row["from"], row["to"]) for row in rows if row["source"] == "flow"], [("world", "shop/web")])


def check_published_ports(lab):
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:5353"],
                            published=[{"host_port": 15432, "port": 5432}, {"host_port": 1053, "port": 5353, "protocol": "UDP"}])
    beyond = Outside()
    forward(db, ("tcp", 15432, 5432), ("udp", 1053, 5353))
    start(lab)
    lab.check("without policy the world gets to it", asks(beyond, "tcp", beyond.host_v4, 15432, timeout=2))
    lab.apply(policy("db", "db", ingress=[rule([peer(cidr="198.19.200.9/32")])]))
    before = dropped(lab)
    finish = lab.watching(db, frames.between(beyond.v4, db.v4), frames.between(beyond.v4, db.v4, "udp"))
    lab.check("tcp is stopped", not asks(beyond, "tcp", beyond.host_v4, 15432))
    lab.check("udp is stopped", not asks(beyond, "udp", beyond.host_v4, 1053))
    lab.equal("nothing arrives", sum(finish().values()), 0)
    lab.check("dropped at the uplink", dropped(lab) >= before + 2, dropped(lab))
    events = [row for row in lab.bulkhead.json("drops")["events"] if row["hook"] == "uplink"]
    lab.equal("told as what they asked for", {(row["to"], row["to_address"], row["to_port"]) for row in events},
              {("shop/db", beyond.host_v4, 15432), ("shop/db", beyond.host_v4, 1053)})
    lab.apply(policy("db", "db", ingress=[rule([peer(cidr="198.19.200.0/24")], [port(5432), port(5353, "UDP")])]))
    lab.check("tcp passes by the workload's port", asks(beyond, "tcp", beyond.host_v4, 15432, timeout=2))
    lab.check("udp passes by the workload's port", asks(beyond, "udp", beyond.host_v4, 1053, timeout=2))


def check_masqueraded_flows_from_a_published_port(lab):
    """A workload's own port may equal a published one: masquerading keeps it."""
    db = lab.world.workload("db-0", "db", published=[{"host_port": each, "port": 1, "protocol": protocol}
                                                     for each in (8080, 50123) for protocol in ("TCP", "UDP")])
    beyond = Outside()
    beyond.start("serve", "beyond", "tcp:443", "udp:53")
    forward(db)
    start(lab)
    lab.apply(policy("db", "db", ingress=[]))
    for number in (8080, 50123):
        lab.check(f"tcp from port {number} is answered", asks(db, "tcp", beyond.v4, 443, number, 2))
        lab.check(f"udp from port {number} is answered", asks(db, "udp", beyond.v4, 53, number, 2))
    # The same packets unasked: to a port below the local range from a source that nobody asked.
    before = dropped(lab)
    lab.check("unasked udp to it is stopped", not asks(beyond, "udp", beyond.host_v4, 8080))
    lab.check("... at the uplink", dropped(lab) > before, dropped(lab))
    lab.check("an unasked connection, too", not asks(beyond, "tcp", beyond.host_v4, 50123))


def far_behind(beyond):
    """A machine two hops away, behind a link with a small MTU; its address."""
    run(["ip", "netns", "add", "far"])
    ip_batch(["link add far0 type veth peer name eth0 netns far", "addr add 198.19.201.1/24 dev far0", "link set far0 mtu 1280 up"],
             netns=beyond.name)
    ip_batch(["link set lo up", "addr add 198.19.201.2/24 dev eth0", "link set eth0 up",
              "route add 198.18.0.0/15 via 198.19.201.1"], netns="far")
    run(beyond.inside(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
    ip_batch(["route add 198.19.201.0/24 via " + beyond.v4])
    return "198.19.201.2"


def check_path_mtu_errors_of_masqueraded_flows(lab):
    db = lab.world.workload("db-0", "db", published=[{"host_port": 8080, "port": 1}])
    beyond = Outside()
    far = far_behind(beyond)
    there = type(beyond).__new__(type(beyond))
    there.__dict__.update(beyond.__dict__, name="far", processes=[], agent=None)
    there.start("serve", "far", "tcp:80")
    forward(db)
    start(lab)
    lab.apply(policy("db", "db", ingress=[]))
    # The answer is small, the request is not: it must be cut to the path's MTU, which only the error from beyond can tell.
    finish = lab.watching(db, "hex:" + "0304")  # type 3, code 4: fragmentation needed
    done = db.traffic("call", "tcp", far, 80, "--message", "x" * 4000, "--timeout", 3, "--source-port", 8080)
    lab.check("a large request gets through", done["ok"] == 1, done)
    lab.check("the path's MTU error got to the workload", sum(finish().values()) >= 1)
    there.end_processes()


def check_forged_sources_are_dropped_there(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    beyond = Outside()
    start(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    gateway = run(["cat", f"/sys/class/net/{UPLINK}/address"]).stdout.strip()
    for family in (4, 6):
        for what, to in (("db", db.address(family)), ("the host", beyond.host_v6 if family == 6 else beyond.host_v4)):
            before = dropped(lab)
            frame = frames.tcp_frame("02:00:00:00:00:01", gateway, web.address(family), to, 5432, payload=MARKER)
            got = lab.received(db, MARKER, lambda frame=frame: beyond.traffic("send", "eth0", frame.hex(), "--count", 5))
            lab.equal(f"with web's address, to {what}, IPv{family}: reach db, dropped at the uplink", (got, dropped(lab) - before), (0, 5))
    lab.check("by their reason", all(row["reason"] == "spoofed-ip" for row in lab.bulkhead.json("drops", "--last", 20)["events"]))
    lab.reaches(web, db, 5432)
    lab.mode("learn")
    before = dropped(lab)
    beyond.traffic("send", "eth0", frame.hex(), "--count", 5)
    lab.equal("outside enforce they pass", dropped(lab), before)


def block(lab, *args, code=0):
    done = lab.bulkhead.cli("block", *args, check=False)
    lab.equal(f"block {' '.join(args)}: exit status", done.returncode, code)
    return done


def check_block(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080"])
    beyond = Outside()
    start(lab, "learn")
    lab.reaches(beyond, web, 8080)
    stream = beyond.background("stream", web.v4, 8080).expect("connected")
    done = block(lab, "add", "198.19.200.77/24")
    lab.check("host bits are dropped", "198.19.200.0/24 blocked" in done.stdout, done.stdout)
    lab.stopped(beyond, web, 8080, claim="blocked: nothing comes in, in learn mode too")
    lab.check("an open connection is cut", wait_until("its counter rises", lambda: dropped(lab) > 0) and stream.finish()["broken"] is not None)
    lab.check("not even the host is reached", not asks(beyond, "tcp", beyond.host_v4, 1))
    rows = lab.bulkhead.json("block", "list")
    lab.check("listed, with what it dropped", [row["prefix"] for row in rows] == ["198.19.200.0/24"] and rows[0]["packets"] > 0, rows)
    lab.reaches(beyond, web, 8080, family=6, claim="another family is another matter")
    reasons = {row["reason"]: row["denied"] for row in lab.bulkhead.json("drops")["reasons"]}
    lab.check("the reason has its counter", reasons.get("blocked", 0) > 0, reasons)
    block(lab, "del", "198.19.200.0/24")
    lab.reaches(beyond, web, 8080)
    block(lab, "del", "198.19.200.0/24", code=2)
    block(lab, "add", "198.19.200.0", "--for", "nonsense", code=2)
    block(lab, "add", "300.1.1.1/8", code=2)
    block(lab, "add", "fd00:200::2", "--for", "2s")
    lab.stopped(beyond, web, 8080, family=6)
    wait_until("it ends by itself", lambda: lab.bulkhead.json("block", "list") == [])
    lab.reaches(beyond, web, 8080, family=6)


def check_blocks_and_programs_outlive_the_daemon(lab):
    web = lab.world.workload("web-0", "web", serve=["tcp:8080"])
    beyond = Outside()
    start(lab)
    block(lab, "add", f"{beyond.v4}/32")
    block(lab, "add", "198.51.100.0/24", "--for", "1s")
    link = run(["ip", "-j", "-d", "link", "show", UPLINK]).stdout
    pins = run(["sh", "-c", f"ls -i {lab.bulkhead.pin_root}/v*/links"]).stdout
    lab.bulkhead.kill()
    lab.stopped(beyond, web, 8080, claim="without the daemon it is still blocked")
    lab.equal("the program stays", json.loads(run(["ip", "-j", "-d", "link", "show", UPLINK]).stdout)[0].get("xdp"), json.loads(link)[0]["xdp"])
    lab.bulkhead.start()
    wait_uplink(lab)
    lab.equal("the link was taken over, not made anew", run(["sh", "-c", f"ls -i {lab.bulkhead.pin_root}/v*/links"]).stdout, pins)
    lab.stopped(beyond, web, 8080, claim="and blocked after the start")
    wait_until("what ended meanwhile is gone", lambda: [row["prefix"] for row in lab.bulkhead.json("block", "list")] == [f"{beyond.v4}/32"])
    block(lab, "del", f"{beyond.v4}/32")
    lab.reaches(beyond, web, 8080)
    lab.bulkhead.stop()
    lab.equal("uninstall", lab.bulkhead.cli("uninstall", "--yes").returncode, 0)
    lab.check("takes it off", "xdp" not in run(["ip", "link", "show", UPLINK]).stdout)


def behind_a_vlan(beyond):
    """The host's way to `beyond` goes through a VLAN interface on the uplink."""
    ip_batch([f"addr flush dev {UPLINK}", f"link add {UPLINK}.7 link {UPLINK} type vlan id 7", f"addr add {beyond.host_v4}/24 dev {UPLINK}.7",
              f"addr add {beyond.host_v6}/64 dev {UPLINK}.7 nodad", f"link set {UPLINK}.7 up"])
    ip_batch(["addr flush dev eth0", "link add eth0.7 link eth0 type vlan id 7", f"addr add {beyond.v4}/24 dev eth0.7",
              f"addr add {beyond.v6}/64 dev eth0.7 nodad", "link set eth0.7 up", f"route replace 198.18.0.0/15 via {beyond.host_v4}",
              f"route replace fd00::/8 via {beyond.host_v6}"], netns=beyond.name)


def tagged(frame, *ids):
    return frame[:12] + b"".join(b"\x81\x00" + bytes([each >> 8, each & 255]) for each in ids) + frame[12:]


def check_a_vlan_uplink(lab):
    web, db = lab.world.workload("web-0", "web", serve=["tcp:8080"]), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    beyond = Outside()
    try:
        behind_a_vlan(beyond)
    except LabError as why:
        raise Skip(f"this kernel has no VLAN interfaces ({str(why).splitlines()[0]})") from why
    beyond.start("serve", "beyond", "tcp:443")
    start(lab)
    lab.apply(policy("web", "web", ingress=[rule([peer(cidr="198.19.200.9/32")])]))
    before = dropped(lab)
    for family in (4, 6):
        lab.stopped(beyond, web, 8080, family=family)
        lab.reaches(web, beyond, 443, family=family)
        lab.reaches(beyond, db, 5432, family=family)
    lab.check("dropped at the uplink, behind the tag", dropped(lab) >= before + 2, dropped(lab))


def check_tagged_frames_on_a_trunk(lab):
    """Tags in the frames themselves: what a trunk carries for the host, and for others."""
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    beyond = Outside()
    start(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    gateway, another = run(["cat", f"/sys/class/net/{UPLINK}/address"]).stdout.strip(), "02:00:00:00:00:02"

    def drops(mac, source, *tags):
        before = dropped(lab)
        frame = frames.tcp_frame("02:00:00:00:00:01", mac, source, db.v4, 5432, payload=MARKER)
        beyond.traffic("send", "eth0", tagged(frame, *tags).hex(), "--count", 5)
        return dropped(lab) - before

    for tags in ((7,), (7, 8)):
        lab.equal(f"forged, behind {len(tags)} tags: dropped at the uplink", drops(gateway, web.v4, *tags), 5)
        lab.equal(f"denied by policy, behind {len(tags)} tags: dropped at the uplink", drops(gateway, beyond.v4, *tags), 5)
        lab.equal(f"others' traffic, behind {len(tags)} tags, may use any address", drops(another, web.v4, *tags), 0)
    lab.equal("three tags are looked at by nobody here", drops(gateway, web.v4, 7, 8, 9), 0)
    block(lab, "add", f"{beyond.v4}/32")
    lab.equal("the deny list holds behind a tag, for others' traffic too", drops(another, beyond.v4, 7), 5)


def onto_the_bridge(beyond, bridge):
    """The uplink is a port of the workloads' own bridge: `beyond` is their neighbour."""
    ip_batch([f"addr flush dev {UPLINK}", f"link set {UPLINK} master {bridge.name}"])
    beyond.v4, beyond.v6 = str(bridge.v4[200]), str(bridge.v6[200])
    ip_batch(["addr flush dev eth0", f"addr add {beyond.v4}/24 dev eth0", f"addr add {beyond.v6}/64 dev eth0 nodad"], netns=beyond.name)


def check_a_bridge_uplink(lab):
    web, db = lab.world.workload("web-0", "web", serve=["tcp:8080"]), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    beyond = Outside()
    onto_the_bridge(beyond, lab.world.bridge())
    beyond.start("serve", "beyond", "tcp:443")
    start(lab)
    lab.apply(policy("web", "web", ingress=[rule([peer(cidr="198.19.200.9/32")])]))
    before = dropped(lab)
    for family in (4, 6):
        lab.stopped(beyond, web, 8080, family=family)
        lab.reaches(web, beyond, 443, family=family)
        lab.reaches(beyond, db, 5432, family=family)
    lab.check("dropped at the uplink", dropped(lab) >= before + 2, dropped(lab))
    before = dropped(lab)
    mac = json.loads(run(["ip", "-n", beyond.name, "-j", "link", "show", "eth0"]).stdout)[0]["address"]
    frame = frames.tcp_frame(mac, db.mac, web.v4, db.v4, 5432, payload=MARKER)
    got = lab.received(db, MARKER, lambda: beyond.traffic("send", "eth0", frame.hex(), "--count", 5))
    lab.equal("a neighbour with web's address: reach db, dropped at the uplink", (got, dropped(lab) - before), (0, 5))
    lab.reaches(web, db, 5432)
