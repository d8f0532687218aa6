# SPDX-License-Identifier: Apache-2.0
"""Frames that are flooded, sent to groups, or to the wrong place: nobody reads what is not for him. And frames from those that are no
workload at all, on the uplink and on the bridge, who claim to be one."""
import frames
from harness import peer, policy, port, rule
from hostile import MARKER, denied, nothing_arrives, shop
from world import Outside, ip_batch, run, wait_until


def check_nobody_reads_what_is_flooded(lab):
    """A bridge that has forgotten, or never learned, where a MAC is sends its frames to every port."""
    evil, web, db = shop(lab)
    watched = [frames.between(a.address(family), b.address(family)) for family in (4, 6) for a, b in ((web, db), (db, web))]

    def talk():
        finish = lab.watching(evil, *watched)
        for family in (4, 6):
            for _ in range(3):
                lab.reaches(web, db, 5432, family=family)
        return finish()
    ip_batch(["link set br0 type bridge ageing_time 0"])  # every frame is flooded from now on
    before = denied(lab).get("wrong-port", 0)
    lab.equal("packets of others that evil reads from a bridge that floods", sum(talk().values()), 0)
    lab.check("they were denied to it", denied(lab).get("wrong-port", 0) > before, denied(lab))
    lab.mode("learn")
    seen = sum(talk().values())
    lab.check("which shows something: outside enforce they are read", seen > 0, seen)


def check_the_bridge_cannot_be_made_to_forget(lab):
    """MACs without end, so that the bridge has no room for those of others and floods: they never get there."""
    evil, web, db = shop(lab)

    def learned():
        return len(run(["bridge", "fdb", "show", "br", "br0"]).stdout.splitlines())
    before = learned()
    packets = [frames.udp_frame(f"02:66:00:00:{n >> 8:02x}:{n & 255:02x}", db.mac, evil.v4, db.v4, 53, payload=MARKER) for n in range(300)]
    nothing_arrives(lab, evil, db, "300 MACs", packets, "spoofed-mac")
    lab.check("the bridge learned none of them", learned() <= before + 2, f"{before} entries before, {learned()} after")
    lab.reaches(web, db, 5432)


def check_groups_are_judged_by_each_receiver(lab):
    evil, web, db = shop(lab)
    groups = [("224.0.0.251", "01:00:5e:00:00:fb"), ("255.255.255.255", frames.BROADCAST), ("198.18.1.255", frames.BROADCAST),
              ("ff02::fb", "33:33:00:00:00:fb"), (db.v4, frames.BROADCAST), (db.v6, frames.BROADCAST)]

    def send(sender, group, mac):
        source = sender.v6 if ":" in group else sender.v4
        packet = frames.udp_frame(sender.mac, mac, source, group, 53, payload=MARKER)
        return lab.received(db, MARKER, lambda: sender.traffic("send", "eth0", packet.hex()))
    for group, mac in groups:
        lab.equal(f"evil -> {group} ({mac}): frames that db gets", send(evil, group, mac), 0)
        lab.equal(f"web -> {group} ({mac}): frames that db gets", send(web, group, mac), 1)


def check_a_frame_to_the_wrong_container(lab):
    """web's own packet for db, but with evil's MAC: as a poisoned neighbour table would send it."""
    evil, web, db = shop(lab)
    for family in (4, 6):
        packet = frames.tcp_frame(web.mac, evil.mac, web.address(family), db.address(family), 5432, payload=MARKER)
        nothing_arrives(lab, web, evil, f"db's packets at evil, IPv{family}", [packet] * 3, "wrong-port")


def check_a_neighbour_on_the_uplink_that_forges(lab):
    outside = Outside()
    _, web, db = shop(lab)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
    uplink_mac = run(["cat", "/sys/class/net/uplink/address"]).stdout.strip()
    own_mac = run(["ip", "netns", "exec", outside.name, "cat", "/sys/class/net/eth0/address"]).stdout.strip()
    for family in (4, 6):
        packet = frames.tcp_frame(own_mac, uplink_mac, web.address(family), db.address(family), 5432, payload=MARKER)
        nothing_arrives(lab, outside, db, f"web's IPv{family} address from the uplink", [packet] * 3, "spoofed-ip")
        own = frames.tcp_frame(own_mac, uplink_mac, outside.address(family), db.address(family), 5432, payload=MARKER)
        nothing_arrives(lab, outside, db, f"its own IPv{family} address", [own], "policy")


def check_a_stranger_on_the_bridge(lab):
    """A namespace that somebody put onto the bridge and Bulkhead was not told of, with web's MAC and address."""
    stranger = lab.world.namespace("stranger")
    known = lab.world.workloads.pop("stranger")
    _, web, db = shop(lab)
    for family in (4, 6):
        packet = frames.tcp_frame(web.mac, db.mac, web.address(family), db.address(family), 5432, payload=MARKER)
        got = lab.received(db, MARKER, lambda packet=packet: stranger.traffic("send", "eth0", packet.hex(), "--count", 3))
        lab.equal(f"forged frames from a port that nobody manages, IPv{family}", got, 0)
    lab.world.workloads["stranger"] = known
    wait_until("the bridge has learned web's place again", lambda: web.traffic("call", "tcp", db.v4, 5432, "--timeout", 0.5)["ok"] == 1)
