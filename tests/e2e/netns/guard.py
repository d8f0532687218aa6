# SPDX-License-Identifier: Apache-2.0
"""The guard: what no program holds is cut off, whoever is there to see it; nothing else is; and it does not go away.

Counted at receivers: workloads, the host itself (its side of the bridge), and a tap, which is read like a virtual machine's."""
import fcntl
import os
import struct
import subprocess
import time

import frames
from checks import Skip
from harness import LabError, peer, policy, port, rule
from product import kernel_state
from world import Place, ip_batch, run, wait_until, write_knob

TUNSETIFF, IFF_TAP_NO_PI = 0x400454CA, 0x1002  # linux/if_tun.h
MARKER = b"UNMANAGED-PACKET"
TAP_MAC = "02:42:99:00:00:01"


class Host(Place):
    """The lab's host itself, at one of its bridges."""

    def __init__(self, bridge="br0"):
        super().__init__("host")
        self.interface = bridge

    def inside(self, argv):
        return argv

    def mac(self):
        return run(["cat", f"/sys/class/net/{self.interface}/address"]).stdout.strip()


class Tap:
    """A virtual machine's port: the test is the machine."""

    def __init__(self, name, bridge="br0"):
        try:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise Skip(f"no taps here: {error}") from error
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
        write_knob(f"net/ipv6/conf/{name}/disable_ipv6", 1)
        ip_batch([f"link set {name} master {bridge} up"])

    def send(self, *packets):
        for packet in packets:
            os.write(self.fd, packet)

    def received(self, *texts):
        """How many of the frames that came hold one of these bytes; all when none is given."""
        count = 0
        while True:
            try:
                frame = os.read(self.fd, 65536)
            except BlockingIOError:
                return count
            count += not texts or any(text in frame for text in texts)


def shop(lab, start=True):
    """enforce; web may ask db at 5432, api may not."""
    web, api = lab.world.workload("web-0", "web"), lab.world.workload("api-0", "api")
    db = lab.world.workload("db-0", "db", serve=["tcp:5432"])
    if start:
        lab.start("enforce")
        lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432)])]))
        wait_up(lab, 3)
    return web, api, db


def guard(lab):
    return lab.bulkhead.status()["guard"]


def wait_up(lab, managed):
    wait_until(f"the guard is up with {managed} members", lambda: guard(lab)["state"] == "on" and guard(lab)["managed"] == managed, 10)


def table():
    return subprocess.run(["nft", "list", "table", "bridge", "bulkhead"], capture_output=True, text=True, check=False).stdout


def flush():
    run(["nft", "flush", "ruleset"])


def alone(lab, name, bridge="br0"):
    """A namespace that nobody tells Bulkhead of."""
    made = lab.world.namespace(name, bridge)
    lab.world.workloads.pop(name)
    return made


def packets_to(destination_mac, source_mac, sender, target_v4, target_v6):
    """v4, v6 and ARP, for one receiver."""
    return [frames.udp_frame(source_mac, destination_mac, sender.v4, target_v4, 53, payload=MARKER),
            frames.udp_frame(source_mac, destination_mac, sender.v6, target_v6, 53, payload=MARKER),
            frames.arp(source_mac, source_mac, sender.v4, target_v4, operation=1)]


def arrive(lab, place, interface, patterns, send):
    """How many frames with one of the patterns arrive at an interface of a place while `send` runs."""
    process = place.start("watch", interface, *patterns)
    send()
    time.sleep(0.1)
    return sum(process.finish().values())


def arp_of(address):
    """ARP from that sender, as `watch` finds it: the sender's address behind its MAC, the target's MAC unknown."""
    return "hex:" + (frames.address(address) + bytes(6)).hex()


def cut_off(lab, late, others):
    """A workload that nobody manages reaches neither the host nor anybody else, and nobody reaches it."""
    host = Host()
    bridge = lab.world.bridges["br0"]
    gateway4, gateway6 = str(bridge.v4[1]), str(bridge.v6[1])
    patterns = ["hex:" + MARKER.hex(), arp_of(late.v4)]
    send = late.traffic
    for receiver, interface, mac, v4, v6 in [(host, "br0", host.mac(), gateway4, gateway6),
                                             *((other, "eth0", other.mac, other.v4, other.v6) for other in others)]:
        out = [packet.hex() for packet in packets_to(mac, late.mac, late, v4, v6)]
        got = arrive(lab, receiver, interface, patterns, lambda out=out: send("send", "eth0", *out, "--count", 5))
        lab.equal(f"frames of {late.name} (v4, v6, ARP) that reach {receiver.name}", got, 0)
        if receiver is host:
            continue
        back = [packet.hex() for packet in packets_to(late.mac, receiver.mac, receiver, late.v4, late.v6)]
        got = arrive(lab, late, "eth0", ["hex:" + MARKER.hex(), arp_of(receiver.v4)],
                     lambda back=back, at=receiver: at.traffic("send", "eth0", *back, "--count", 5))
        lab.equal(f"frames of {receiver.name} that reach {late.name}", got, 0)
    for family, address in ((4, late.v4), (6, late.v6)):
        lab.equal(f"the host's echo requests to {late.name} answered, IPv{family}", host.traffic("ping", address, "--timeout", 0.3)["ok"], 0)
    host.end_processes()


def check_a_flush_under_traffic(lab):
    web, api, db = shop(lab)
    tap = Tap("tap0")
    stream = web.background("stream", db.v4, 5432).expect("connected")
    finish = lab.watching(db, frames.between(api.v4, db.v4), "hex:" + MARKER.hex())
    knocking = api.background("call", "tcp", db.v4, 5432, "--count", 100, "--timeout", 0.05)
    longest = 0.0
    for round_number in range(10):
        tap.send(*packets_to(db.mac, TAP_MAC, web, db.v4, db.v6))
        flush()
        start = time.monotonic()
        wait_until("it is back", lambda: "jump from" in table(), 5, 0.001)
        longest = max(longest, time.monotonic() - start)
        tap.send(*packets_to(db.mac, TAP_MAC, web, db.v4, db.v6))
        time.sleep(0.02 * round_number)
    lab.check("it is back soon each time", longest < 1.0, f"{longest * 1000:.0f} ms")
    told = stream.finish()
    lab.check("the connection of who may goes on", not told["broken"] and told["longest_gap_ms"] < 1000, told)
    lab.equal("answers to who may not ask", knocking.finish(30)["ok"], 0)
    lab.equal("packets of it, or of the tap, that reach db", sum(finish().values()), 0)
    row = wait_until("status tells", lambda: (lambda r: r["restored"] >= 5 and r)(guard(lab)), 5)
    lab.equal("members are what they were", row["managed"], 3)
    restored = row["restored"]
    time.sleep(1.5)
    lab.equal("it does not put back what nobody took", guard(lab)["restored"], restored)


def check_small_changes_are_undone(lab):
    shop(lab)
    for change in ("flush set bridge bulkhead managed", 'add element bridge bulkhead managed { 4242 . "evil" }',
                   "flush chain bridge bulkhead from", "delete table bridge bulkhead"):
        before = guard(lab)["restored"]
        run(["nft", change])
        wait_until(f"undone: {change}", lambda before=before: guard(lab)["restored"] > before, 5)
        text = table()
        lab.check(f"{change}: undone", "evil" not in text and "v12-db-0" in text and "counter name \"from\" drop" in text, text)


def check_a_workload_that_comes_while_the_daemon_is_dead(lab):
    web, api, db = shop(lab)
    lab.bulkhead.kill()
    late = lab.world.workload("late-0", "web")
    other = lab.world.workload("late-1", "api")
    cut_off(lab, late, [db, other])
    lab.reaches(web, db, 5432, claim="who was there goes on")
    lab.stopped(api, db, 5432)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(5)
    wait_up(lab, 5)
    for family in (4, 6):
        lab.reaches(late, db, 5432, family=family, claim=f"protected, it has its rights, IPv{family}")
        lab.stopped(other, db, 5432, family=family)
    lab.check("what was dropped is told", guard(lab)["dropped_from"] > 0 and guard(lab)["dropped_to"] > 0, guard(lab))


def check_neither_a_name_nor_a_number_comes_back(lab):
    """An engine gives a new interface the name of one that is gone, or it brings a number along that has become free."""
    _, _, db = shop(lab)
    gone = lab.world.workload("gone-0", "api")
    lab.bulkhead.wait_protected(4)
    wait_up(lab, 4)
    number = int(run(["cat", f"/sys/class/net/{gone.host_interface}/ifindex"]).stdout)
    lab.bulkhead.kill()
    name = gone.host_interface
    gone.remove()
    heir = alone(lab, "heir-0")
    ip_batch([f"link set {heir.host_interface} down", f"link set {heir.host_interface} name {name} up"])
    cut_off(lab, heir, [db])
    ip_batch([f"link delete {name}"])
    ip_batch([f"link add other index {number} type veth peer name eth0 address {heir.mac} netns heir-0", "link set other master br0 up"])
    ip_batch([f"addr add {heir.v4}/24 dev eth0", f"addr add {heir.v6}/64 dev eth0 nodad", "link set eth0 up"], netns="heir-0")
    cut_off(lab, heir, [db])


def check_a_tap_on_the_same_bridge(lab):
    _, _, db = shop(lab)
    tap, host = Tap("tap0"), Host()
    bridge = lab.world.bridges["br0"]
    gateway4, gateway6 = str(bridge.v4[1]), str(bridge.v6[1])

    class Machine:
        v4, v6 = str(bridge.v4[200]), str(bridge.v6[200])
    patterns = ["hex:" + MARKER.hex(), arp_of(Machine.v4)]

    def try_all():
        tap.received()
        packets = packets_to(host.mac(), TAP_MAC, Machine, gateway4, gateway6)
        seen = arrive(lab, host, "br0", patterns, lambda: tap.send(*packets))
        packets = packets_to(db.mac, TAP_MAC, Machine, db.v4, db.v6)
        at_db = arrive(lab, db, "eth0", patterns, lambda: tap.send(*packets))
        db.traffic("send", "eth0", *(p.hex() for p in packets_to(frames.BROADCAST, db.mac, db, Machine.v4, Machine.v6)))
        host.traffic("ping", Machine.v4, "--timeout", 0.2)
        time.sleep(0.1)
        return seen, at_db, tap.received()
    lab.equal("frames of the tap at the host, at db, and frames at the tap", try_all(), (0, 0, 0))
    lab.check("they are counted", wait_until("counted", lambda: guard(lab)["dropped_from"] >= 6 and guard(lab)["dropped_to"] > 0, 5))
    lab.mode("learn")
    wait_until("the guard is gone", lambda: not table(), 5)
    seen, at_db, got = try_all()
    lab.check("without the guard all of them arrive", seen >= 3 and at_db > 0 and got > 0, (seen, at_db, got))
    host.end_processes()


def check_others_bridges_go_on(lab):
    """A bridge that no engine knows, with a machine's tap and two namespaces; and the host's own network through one."""
    one, two = alone(lab, "one", "lan0"), alone(lab, "two", "lan0")
    tap = Tap("vnet0", "lan0")
    shop(lab)

    def talk(claim, *pairs):
        for a, b in pairs:
            for family in (4, 6):
                lab.check(f"{claim}: {a.name} reaches {b.name}, IPv{family}", lab.pings(a, b, family))

    def tap_talks(claim):
        lan = lab.world.bridges["lan0"]
        tap.received()
        tap.send(frames.arp(TAP_MAC, TAP_MAC, str(lan.v4[99]), one.v4, operation=1))
        wait_until(f"{claim}: the machine is answered", lambda: tap.received(frames.address(one.v4)), 2)
    gateway = Host("lan0")
    lan = lab.world.bridges["lan0"]
    gateway.v4, gateway.v6 = str(lan.v4[1]), str(lan.v6[1])
    talk("with the guard", (one, two), (one, gateway))
    tap_talks("with the guard")
    three = alone(lab, "three", "lan0")
    wait_until("a new one on it is exempt", lambda: lab.pings(three, one), 5)
    exempt = guard(lab)["exempt"]
    lab.check("exempt ones are counted", exempt >= 4, exempt)
    lab.bulkhead.kill()
    talk("while the daemon is dead", (one, two), (three, gateway))
    tap_talks("while the daemon is dead")
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    for _ in range(10):
        talk("after it came back", (one, three))
        time.sleep(0.1)


def check_exempt_by_the_configuration(lab):
    lab.bulkhead.configure(guard={"exempt": ["tap0", "vm*"]})
    _, _, db = shop(lab)
    bridge, host = lab.world.bridges["br0"], Host()
    for name, expected in (("tap0", 2), ("vm7", 2), ("tap1", 0)):
        tap = Tap(name)
        packets = [frames.udp_frame(TAP_MAC, host.mac(), str(bridge.v4[200]), str(bridge.v4[1]), 53, payload=MARKER)] * 2
        lab.equal(f"frames of {name} at the host", arrive(lab, host, "br0", ["hex:" + MARKER.hex()], lambda t=tap, p=packets: t.send(*p)),
                  expected)
    host.end_processes()


def check_a_wire_is_never_cut_off(lab):
    """A VLAN interface as the bridge's way out: no list names it, and the daemon is dead when it comes."""
    shop(lab)
    lab.bulkhead.kill()
    run(["ip", "netns", "add", "far"])
    ip_batch(["link add trunk type veth peer name eth0 netns far", "link set trunk up"])
    try:
        ip_batch(["link add link trunk name trunk.7 type vlan id 7", "link set trunk.7 master br0 up"])
    except LabError as error:
        raise Skip("this kernel has no VLAN interfaces") from error
    bridge = lab.world.bridges["br0"]
    ip_batch(["link set eth0 up", "link add link eth0 name eth0.7 type vlan id 7", f"addr add {bridge.v4[250]}/24 dev eth0.7",
              "link set eth0.7 up"], netns="far")
    host = Host()
    lab.equal("the host's echo requests over it answered", host.traffic("ping", str(bridge.v4[250]), "--timeout", 1)["ok"], 1)
    host.end_processes()


def guard_only(lab):
    return subprocess.run([lab.bulkhead.daemon_path, "--config", lab.bulkhead.config_path, "--guard-only"], capture_output=True, text=True,
                          timeout=20, check=False)


def check_the_start_of_the_host(lab):
    """The guard first, from disk; then containers; then the daemon."""
    web, api, db = shop(lab)
    machine = Tap("vnet0", lab.world.bridge("lan0").name)
    kept = os.path.join(lab.folder, "state", "guard")

    def is_kept():
        with open(kept, encoding="ascii") as file:
            return "exempt vnet0\n" in file.read()
    wait_until("the machine's port is kept", is_kept, 10)
    lab.bulkhead.stop()
    # What a reboot leaves: the files.
    for workload in (web, api, db):
        workload.remove()
    lab.equal("uninstall", lab.bulkhead.cli("uninstall", "--yes", "--state-dir", lab.folder).returncode, 0)
    os.close(machine.fd)
    ip_batch(["link delete br0", "link delete lan0"])
    for name in ("br0", "lan0"):
        del lab.world.bridges[name]
    lab.check("nothing is left in the kernel", not table())

    done = guard_only(lab)
    lab.equal("the boot unit's command", (done.returncode, "guard: up" in done.stderr), (0, True))
    lab.check("the guard is there before any bridge", "jump from" in table(), table())
    lab.equal("once more is fine", guard_only(lab).returncode, 0)
    new_web = lab.world.workload("web-1", "web")
    new_db = lab.world.workload("db-1", "db", serve=["tcp:5432"])
    cut_off(lab, new_web, [new_db])
    lab.world.bridge("lan0")
    machine = Tap("vnet0", "lan0")
    lan, host = lab.world.bridges["lan0"], Host("lan0")
    arp = frames.arp(TAP_MAC, TAP_MAC, str(lan.v4[99]), str(lan.v4[1]), operation=1)
    lab.equal("frames of a machine on another bridge at the host",
              arrive(lab, host, "lan0", [arp_of(str(lan.v4[99]))], lambda: machine.send(arp)), 1)
    host.end_processes()

    lab.bulkhead.start()
    lab.bulkhead.wait_protected(2)
    wait_up(lab, 2)
    lab.reaches(new_web, new_db, 5432)
    lab.stopped(new_web, new_db, 5433)


def check_a_first_start_of_the_host(lab):
    lab.equal("without a file nothing is put up", (guard_only(lab).returncode, table()), (0, ""))
    lab.bulkhead.configure(on_unmanaged="drop")
    lab.equal("unless it is asked for", (guard_only(lab).returncode, "jump from" in table()), (0, True))
    flush()
    lab.bulkhead.configure(on_unmanaged="pass")
    lab.equal("passing is asked for", (guard_only(lab).returncode, table()), (0, ""))


def check_a_broken_file_counts_as_a_guard(lab):
    os.makedirs(os.path.join(lab.folder, "state"), exist_ok=True)
    with open(os.path.join(lab.folder, "state", "guard"), "w", encoding="ascii") as file:
        file.write("bulkhead-guard 1\noff\n")
    done = guard_only(lab)
    lab.equal("a file without its end", (done.returncode, "jump from" in table()), (0, True))
    lab.check("and it is said", "guard:3" in done.stderr, done.stderr)


def check_on_and_off_with_the_modes(lab):
    shop(lab, start=False)
    lab.start("learn")
    lab.equal("while nobody enforces", (guard(lab)["state"], table()), ("off", ""))
    lab.mode("enforce", "shop/db")
    wait_up(lab, 3)
    lab.mode("learn", "shop/db")
    wait_until("off again", lambda: guard(lab)["state"] == "off" and not table(), 5)
    lab.bulkhead.stop()
    lab.equal("and the file says so", (guard_only(lab).returncode, table()), (0, ""))


def check_pass(lab):
    lab.bulkhead.configure(on_unmanaged="pass")
    shop(lab, start=False)
    lab.start("enforce")
    time.sleep(1)
    lab.equal("no guard, though services enforce", (guard(lab)["state"], table()), ("off", ""))
    lab.bulkhead.kill()
    one, two = lab.world.workload("late-0", "web"), lab.world.workload("late-1", "web")
    lab.check("unmanaged ones talk", lab.pings(one, two) and lab.pings(one, two, 6))


def check_uninstall_takes_it_away(lab):
    before = kernel_state()
    shop(lab)
    lab.bulkhead.stop()
    lab.check("it stays when the daemon ends", "jump from" in table())
    state = os.path.join(lab.folder, "state")
    listed = lab.bulkhead.cli("uninstall", "--dry-run", "--state-dir", state).stdout
    lab.check("it is listed", "nftables table bridge bulkhead" in listed and f"{state}/guard" in listed, listed)
    lab.equal("uninstall", lab.bulkhead.cli("uninstall", "--yes", "--state-dir", state).returncode, 0)
    lab.equal("nftables", kernel_state()["nftables"], before["nftables"])
    lab.equal("nothing comes back with the host's start", (guard_only(lab).returncode, table()), (0, ""))


class Routed(Place):
    """A namespace that the host routes to, over a veth that is on no bridge."""

    def __init__(self, lab, name, number):
        super().__init__(name)
        self.v4, self.v6, self.mac = f"198.18.77.{number}", f"fd00:77::{number}", f"02:42:77:00:00:{number:02x}"
        self.host_interface = f"r-{name}"
        run(["ip", "netns", "add", name])
        ip_batch([f"link add {self.host_interface} type veth peer name eth0 address {self.mac} netns {name}",
                  f"link set {self.host_interface} up", f"addr add 198.18.78.{number}/32 dev {self.host_interface}",
                  f"route add {self.v4} dev {self.host_interface}", f"route add {self.v6} dev {self.host_interface}"])
        ip_batch(["link set lo up", f"addr add {self.v4}/32 dev eth0", f"addr add {self.v6}/128 dev eth0 nodad", "link set eth0 up",
                  "route add 198.18.78.0/24 dev eth0", f"route add 198.18.0.0/15 via 198.18.78.{number} dev eth0 onlink"], netns=name)
        self.lab = lab

    def inside(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]


def pings(place, address):
    """Echo requests answered. The host's own, where it routes, are refused to the sender when they are dropped."""
    try:
        return place.traffic("ping", address, "--timeout", 0.5)["ok"]
    except LabError as error:
        if "PermissionError" not in str(error):
            raise
        return 0


def check_routed_workloads(lab):
    write_knob("net/ipv4/ip_forward", 1)
    stranger = Routed(lab, "stranger", 9)  # was there first, and is nobody's
    known = Routed(lab, "known", 10)
    lab.world.describe(known, "web")
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(1)
    lab.mode("enforce")
    wait_up(lab, 1)
    host = Host("lo")
    wait_until("the inet table is there", lambda: "prerouting" in run(["nft", "list", "ruleset"]).stdout, 5)
    lab.equal("a managed one", pings(host, known.v4), 1)
    wait_until("nobody's veth is exempt", lambda: pings(host, stranger.v4) == 1, 10)
    lab.bulkhead.kill()
    late = Routed(lab, "late", 11)
    got = arrive(lab, late, "eth0", ["hex:" + frames.address(late.v4).hex() + "08"],
                 lambda: lab.equal("the host's echo requests to a new one answered", pings(host, late.v4), 0))
    lab.equal("and received", got, 0)
    lab.equal("its own to the host", late.traffic("ping", "198.18.78.11", "--timeout", 0.3)["ok"], 0)
    lab.equal("nobody's veth goes on", pings(host, stranger.v4), 1)
    lab.equal("the managed one goes on", pings(host, known.v4), 1)
    host.end_processes()
