# SPDX-License-Identifier: Apache-2.0
"""Packets between two workloads of a bridge go past it when nothing there is missed, and over it as soon as something would be."""
import json
import os
import subprocess
import time

from checks import Skip
from harness import peer, policy, port, rule
from world import ip_batch, run, wait_until, write_knob

PINGS = 30


def shop(lab, **settings):
    if settings:
        with open(lab.bulkhead.config_path, encoding="utf-8") as config:
            settings = {**json.load(config), **settings}
        with open(lab.bulkhead.config_path, "w", encoding="utf-8") as config:
            json.dump(settings, config)
    web = lab.world.workload("web-0", "web")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432", "udp:53"])
    lab.start("enforce")
    return web, db


def network(lab):
    return lab.bulkhead.status()["networks"][0]


def wait_on(lab):
    def on():
        networks = lab.bulkhead.status()["networks"]  # none right after a start
        return networks and networks[0]["fast_path"]
    return wait_until("the fast path is on", on, 10)


def off(lab, what, reason, change, undo):
    """The change turns it off at once, with a reason; without it, it is on again."""
    wait_on(lab)
    change()
    try:
        row = wait_until(f"the fast path is off with {what}", lambda: (lambda r: not r["fast_path"] and r)(network(lab)), 4)
        lab.check(f"{what}: off, and status says why", reason in row["reason"], row)
    finally:
        undo()
    lab.check(f"without {what} it is on again", wait_on(lab))


def frames_out(workload):
    """That the bridge has sent to the workload."""
    with open(f"/sys/class/net/{workload.host_interface}/statistics/tx_packets", encoding="ascii") as counter:
        return int(counter.read())


def over_the_bridge(source, destination, family=4):
    """(echo requests that were answered, frames that the bridge delivered for them)"""
    source.traffic("ping", destination.address(family))  # whoever has to be resolved is
    before = frames_out(destination)
    answered = source.traffic("ping", destination.address(family), "--count", PINGS, "--timeout", 0.3)["ok"]
    return answered, frames_out(destination) - before


def nft(text):
    run(["nft", "-f", "-"], input=text)


def check_packets_go_past_the_bridge(lab):
    web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    row = wait_on(lab) and network(lab)
    lab.equal("status names the bridge, and no reason", (row["bridge"], row["reason"]), ("br0", ""))
    table = lab.bulkhead.cli("status").stdout
    lab.check("the table does, too", "FAST PATH" in table and "br0" in table, table)
    for family in (4, 6):
        answered, frames = over_the_bridge(web, db, family)
        lab.equal(f"IPv{family} echo requests answered", answered, PINGS)
        lab.check("the bridge has seen only the beginning", frames < PINGS / 2, frames)
        lab.reaches(web, db, 5432, family=family)
        lab.reaches(web, db, 53, "udp", family=family)
    most = max(row["packets_to"] for row in lab.flows() if row["to"] == "shop/db")
    lab.check("the flow table counts what went past", most >= PINGS, most)


def check_a_revoked_flow_stops(lab):
    web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    wait_on(lab)
    stream = web.background("stream", db.v4, 5432).expect("connected")
    time.sleep(0.3)
    before = frames_out(db)
    time.sleep(0.5)
    lab.check("the connection goes past the bridge", frames_out(db) - before <= 4, frames_out(db) - before)
    lab.apply(policy("db", "db", ingress=[]))
    finish = lab.watching(db, "hex:" + (bytes(map(int, web.v4.split("."))) + bytes(map(int, db.v4.split(".")))).hex())
    time.sleep(0.6)
    lab.equal("packets of the revoked connection that reach db", sum(finish().values()), 0)
    stream.kill()


def check_a_workload_that_is_gone(lab):
    web, db = shop(lab)
    wait_on(lab)
    over_the_bridge(web, db)
    db.remove()
    spy = lab.world.workload("spy-0", "spy", like=db)
    lab.bulkhead.wait_service("spy-0")
    lab.apply(policy("spy", "spy", ingress=[]))
    wait_on(lab)
    finish = lab.watching(spy, "hex:" + (bytes(map(int, web.v4.split("."))) + bytes(map(int, spy.v4.split(".")))).hex())
    web.traffic("ping", spy.v4, "--count", 5, "--timeout", 0.2)
    lab.equal("packets that reach who has its address now", sum(finish().values()), 0)


def check_isolated_ports(lab):
    web, db = shop(lab)

    def isolate(word):
        for workload in (web, db):
            run(["bridge", "link", "set", "dev", workload.host_interface, "isolated", word])

    wait_on(lab)
    lab.equal("echo requests answered before", over_the_bridge(web, db)[0], PINGS)
    off(lab, "isolated ports", "isolated port",
        lambda: (isolate("on"), time.sleep(0.5),
                 lab.equal("echo requests between isolated ports answered", web.traffic("ping", db.v4, "--timeout", 0.3)["ok"], 0)),
        lambda: isolate("off"))


def check_vlan_filtering(lab):
    shop(lab)
    if subprocess.run(["ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0"], check=False, capture_output=True).returncode:
        raise Skip("this kernel's bridges know no VLANs")
    off(lab, "VLAN filtering", "VLAN filtering", lambda: ip_batch(["link set br0 type bridge vlan_filtering 1"]),
        lambda: ip_batch(["link set br0 type bridge vlan_filtering 0"]))


def check_foreign_filters(lab):
    web, db = shop(lab)
    at = ["dev", db.host_interface, "egress", "pref", "99"]
    program = ["bpf", "da", "obj", os.path.join(lab.bin_dir, "tag.bpf.o"), "program", "seen_tag"]
    if lab.attach == "tcx":
        run(["tc", "qdisc", "add", "dev", db.host_interface, "clsact"])

    def add():
        run(["tc", "filter", "add", *at, *program])
        time.sleep(0.5)
        answered, frames = over_the_bridge(web, db)
        lab.check("the filter sees all packets", answered == PINGS and frames >= PINGS, (answered, frames))

    wait_on(lab)
    lab.check("before, they go past it", over_the_bridge(web, db)[1] < PINGS / 2)
    off(lab, "a foreign filter", "tc filter", add, lambda: run(["tc", "filter", "del", *at]))


def check_foreign_queues(lab):
    _, db = shop(lab)
    at = ["dev", db.host_interface, "root"]
    if subprocess.run(["tc", "qdisc", "add", *at, "tbf", "rate", "1gbit", "burst", "100k", "latency", "50ms"], check=False,
                      capture_output=True).returncode != 0:
        raise Skip("this kernel has no tbf")
    run(["tc", "qdisc", "del", *at])
    off(lab, "a foreign queue", "qdisc tbf",
        lambda: run(["tc", "qdisc", "add", *at, "tbf", "rate", "1gbit", "burst", "100k", "latency", "50ms"]),
        lambda: run(["tc", "qdisc", "del", *at]))


def check_rules_of_the_bridge_family(lab):
    web, db = shop(lab)
    wait_on(lab)
    over_the_bridge(web, db)

    def drop():
        nft("table bridge theirs {\n chain forward {\n type filter hook forward priority 0; policy accept;\n drop\n }\n}\n")
        time.sleep(0.5)
        lab.equal("echo requests answered when the bridge drops all", web.traffic("ping", db.v4, "--timeout", 0.3)["ok"], 0)

    off(lab, "a rule of the bridge family", "nftables chain bridge theirs forward", drop, lambda: nft("delete table bridge theirs\n"))


def bridge_netfilter(on):
    try:
        for name in ("iptables", "ip6tables"):
            write_knob(f"net/bridge/bridge-nf-call-{name}", on)
    except OSError as error:
        raise Skip("this kernel has no br_netfilter") from error


def check_rules_of_ip_where_the_bridge_shows_it_packets(lab):
    bridge_netfilter(1)
    web, db = shop(lab)
    chain = "table inet theirs {\n chain forward {\n type filter hook forward priority 0; policy accept;\n %s\n }\n}\n"
    wait_on(lab)
    nft(chain % "")
    time.sleep(0.5)
    lab.check("an empty chain turns nothing off", network(lab)["fast_path"], network(lab))
    nft("delete table inet theirs\n" + chain % "ct state established,related accept")
    time.sleep(0.5)
    lab.check("nor one that only accepts", network(lab)["fast_path"], network(lab))
    nft("delete table inet theirs\n")
    over_the_bridge(web, db)

    def drop():
        nft(chain % "icmp type echo-request drop")
        time.sleep(0.5)
        lab.equal("echo requests answered when the host drops them", web.traffic("ping", db.v4, "--timeout", 0.3)["ok"], 0)

    off(lab, "a rule of inet", "nftables chain inet theirs forward", drop, lambda: nft("delete table inet theirs\n"))
    nft(chain % 'iifname "eth7" drop')
    time.sleep(0.5)
    lab.check("a rule about another interface turns nothing off", network(lab)["fast_path"], network(lab))
    nft("delete table inet theirs\n")
    bridge_netfilter(0)
    nft(chain % "drop")
    time.sleep(2.5)
    lab.check("nor any of inet when the bridge shows it nothing", network(lab)["fast_path"], network(lab))
    lab.equal("and packets pass", over_the_bridge(web, db)[0], PINGS)


def check_translated_on_the_same_bridge(lab):
    """web asks the host's address on the bridge; netfilter sends it to db, on the same bridge, and must see db's answers."""
    bridge_netfilter(1)
    write_knob("net/ipv4/ip_forward", 1)
    web, db = shop(lab)
    gateway = str(lab.world.bridges["br0"].v4[1])
    nft("table ip theirs {\n chain prerouting {\n type nat hook prerouting priority -100;\n"
        f" ip daddr {gateway} tcp dport 8080 dnat to {db.v4}:5432\n ip daddr {gateway} udp dport 8053 dnat to {db.v4}:53\n }}\n}}\n")
    wait_on(lab)
    for protocol, number in (("tcp", 8080), ("udp", 8053)):
        result = web.traffic("call", protocol, gateway, number, "--count", 10, "--timeout", 1, "--source-port",
                             40000 if protocol == "udp" else 0)
        lab.equal(f"translated {protocol} requests answered", (result["ok"], result["error"]), (10, ""))
    stream = web.background("stream", gateway, 8080).expect("connected")
    direct = web.traffic("call", "tcp", db.v4, 5432, "--count", 5)
    lab.equal("requests without translation meanwhile", direct["ok"], 5)
    time.sleep(1)
    told = stream.finish()
    lab.check("a translated connection goes on", told["exchanges"] > 5 and not told["broken"], told)
    lab.check("all this with the fast path on", network(lab)["fast_path"], network(lab))


def check_ends_with_the_daemon(lab):
    web, db = shop(lab)
    wait_on(lab)
    lab.check("past the bridge", over_the_bridge(web, db)[1] < PINGS / 2)
    lab.bulkhead.kill()
    answered, frames = wait_until("nobody vouches any more", lambda: (lambda r: r[1] >= PINGS and r)(over_the_bridge(web, db)), 15, 0.5)
    lab.check("over the bridge again, and none is lost", answered == PINGS, (answered, frames))
    lab.bulkhead.start()
    wait_on(lab)
    web.end_processes()  # the next requests have another id: a flow that went over the bridge may stay there
    lab.check("past it with a new daemon", over_the_bridge(web, db)[1] < PINGS / 2)


def check_switched_off(lab):
    web, db = shop(lab, fast_path="off")
    time.sleep(1)
    row = network(lab)
    lab.equal("status", (row["fast_path"], row["reason"]), (False, "fast_path: off"))
    answered, frames = over_the_bridge(web, db)
    lab.check("all over the bridge", answered == PINGS and frames >= PINGS, (answered, frames))
