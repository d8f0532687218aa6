# SPDX-License-Identifier: Apache-2.0
"""A world of workloads that are network namespaces: bridges, veths, real processes. Needs no engine.

Runs inside `private` (see there) and refuses to act anywhere else. A workload is described to Bulkhead's static source by a small
file, as an engine would by its API. Everything ends with this process.
"""
import hashlib
import ipaddress
import json
import os
import select
import subprocess
import sys
import time

LAB = os.path.dirname(os.path.abspath(__file__))
TRAFFIC = [sys.executable, "-E", "-s", os.path.join(LAB, "traffic.py")]


class LabError(Exception):
    pass


def netns_of(path):
    status = os.stat(path)
    return f"{status.st_dev}:{status.st_ino}"


def refuse_outside():
    """Fails unless this is a network namespace of a test's own, with no way out."""
    origin = os.environ.get("BULKHEAD_LAB_ORIGIN")
    if not origin:
        raise LabError("refused: not inside a lab (the namespace that the test started from is not known)")
    if netns_of("/proc/self/ns/net") == origin:
        raise LabError("refused: still in the namespace that the test started from")
    for family in ("-4", "-6"):
        routes = subprocess.run(["ip", family, "route", "show", "table", "all", "default"], capture_output=True, text=True, check=True)
        if [line for line in routes.stdout.splitlines() if not line.startswith("unreachable")]:
            raise LabError("refused: there is a default route")


def run(argv, timeout=30, check=True, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


def ip_batch(lines, netns=None):
    refuse_outside()
    run(["ip", *(["-n", netns] if netns else []), "-batch", "-"], input="\n".join(lines) + "\n")


def write_knob(name, value):
    """A sysctl of this network namespace."""
    refuse_outside()
    with open(os.path.join("/proc/sys", name), "w", encoding="ascii") as knob:
        knob.write(str(value))


def wait_until(what, condition, seconds=10.0, step=0.02):
    """Polls; returns the first true value. Fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(step)


class Process:
    """A program that runs until it is told to end; talks by lines."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def expect(self, word, seconds=10):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise LabError(f"{self.process.args}: did not say {word!r}")
        line = self.process.stdout.readline().strip()
        if line != word:
            raise LabError(f"{self.process.args}: said {line!r} and not {word!r}: {self.process.stderr.read()[-500:]}")
        return self

    def ask(self, question, seconds):
        """One JSON line in, one out (traffic.py agent)."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise LabError(f"{question}: no answer within {seconds:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"{question}: the agent ended: {self.process.stderr.read()[-500:]}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "agent_error" in answer:
            raise LabError(f"{question}: {answer['agent_error']}")
        return answer

    def finish(self, seconds=15):
        """Ends its stdin; the JSON object that it prints last."""
        out, err = self.process.communicate(timeout=seconds)
        lines = out.strip().splitlines()
        if not lines:
            raise LabError(f"{self.process.args}: said nothing: {err[-500:]}")
        return json.loads(lines[-1])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


class Place:
    """Somewhere that traffic.py can run. Subclasses say how: inside(argv)."""

    python = TRAFFIC

    def __init__(self, name):
        self.name = name
        self.interface = "eth0"
        self.processes = []
        self.agent = None

    def background(self, *verb):
        """Starts a traffic.py verb."""
        process = Process(self.inside([*self.python, *map(str, verb)]))
        self.processes.append(process)
        return process

    def start(self, *verb, ready="ready"):
        """Starts one and waits until it is ready."""
        return self.background(*verb).expect(ready)

    def traffic(self, *verb, timeout=60):
        """Runs one to its end, in a process that stays for the next; its answer."""
        if self.agent is None:
            self.agent = self.background("agent")
        return self.agent.ask(list(map(str, verb)), timeout)

    def address(self, family):
        return self.v6 if family == 6 else self.v4

    def end_processes(self):
        for process in self.processes:
            process.kill()
        self.processes = []
        self.agent = None


class Namespace(Place):
    """One network namespace with one interface on a bridge."""

    def __init__(self, world, name, bridge, number):
        super().__init__(name)
        self.world, self.number = world, number
        self.host_interface = f"v{number}-{name}"[:15]
        self.mac = f"02:42:12:{bridge.number:02x}:{number >> 8:02x}:{number & 255:02x}"
        self.v4, self.v6 = str(bridge.v4[number]), str(bridge.v6[number])

    def inside(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]

    def remove(self):
        self.end_processes()
        self.world.forget(self)
        # First the link: the kernel takes it down only a second after the namespace, and an address that is used again must not
        # meet the old one.
        ip_batch([f"link delete {self.host_interface}"])
        run(["ip", "netns", "delete", self.name])


class Outside(Place):
    """A machine beyond the host: a namespace behind a routed link. Works in any lab."""

    NET4, NET6 = "198.19.200", "fd00:200:"

    def __init__(self, name="outside"):
        super().__init__(name)
        refuse_outside()
        self.v4, self.v6 = f"{self.NET4}.2", f"{self.NET6}:2"
        self.host_v4, self.host_v6 = f"{self.NET4}.1", f"{self.NET6}:1"
        run(["ip", "netns", "add", name])
        ip_batch(["link add uplink type veth peer name eth0 netns " + name, f"addr add {self.host_v4}/24 dev uplink",
                  f"addr add {self.host_v6}/64 dev uplink nodad", "link set uplink up"])
        ip_batch(["link set lo up", f"addr add {self.v4}/24 dev eth0", f"addr add {self.v6}/64 dev eth0 nodad", "link set eth0 up",
                  f"route add 198.18.0.0/15 via {self.host_v4}", f"route add fd00::/8 via {self.host_v6}"], netns=name)
        write_knob("net/ipv4/ip_forward", 1)
        write_knob("net/ipv6/conf/all/forwarding", 1)

    def inside(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]


class Bridge:
    def __init__(self, name, number):
        self.name, self.number = name, number
        self.v4 = ipaddress.ip_network(f"198.18.{number}.0/24")
        self.v6 = ipaddress.ip_network(f"fd00:18:{number}::/64")


class World:
    kind = "netns"
    hands = 1  # how many workloads can be made at a time

    def __init__(self, folder):
        refuse_outside()
        self.workloads_dir = os.path.join(folder, "workloads.d")
        os.makedirs(self.workloads_dir)
        self.bridges, self.workloads, self.count = {}, {}, 9
        # Duplicate address detection would hold every new address back for a second.
        write_knob("net/ipv6/conf/all/accept_dad", 0)
        write_knob("net/ipv6/conf/default/accept_dad", 0)

    def bridge(self, name="br0"):
        if name not in self.bridges:
            bridge = Bridge(name, len(self.bridges) + 1)
            ip_batch([f"link add {name} type bridge mcast_snooping 0", f"addr add {bridge.v4[1]}/24 dev {name}",
                      f"addr add {bridge.v6[1]}/64 dev {name} nodad", f"link set {name} up"])
            self.bridges[name] = bridge
        return self.bridges[name]

    def namespace(self, name, bridge="br0", number=None):
        """A network namespace on a bridge that Bulkhead has not been told of. number: takes over an address and a MAC."""
        at = self.bridge(bridge)
        if number is None:
            self.count += 1
            number = self.count
        made = Namespace(self, name, at, number)
        run(["ip", "netns", "add", name])
        run(made.inside(["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"]))
        ip_batch([f"link add {made.host_interface} type veth peer name eth0 address {made.mac} netns {name}",
                  f"link set {made.host_interface} master {bridge} up"])
        ip_batch(["link set lo up", f"addr add {made.v4}/24 dev eth0", f"addr add {made.v6}/64 dev eth0 nodad", "link set eth0 up",
                  f"route add 198.18.0.0/15 via {at.v4[1]}", f"route add fd00::/8 via {at.v6[1]}"], netns=name)
        self.workloads[name] = made
        return made

    def workload(self, name, service, ns="shop", labels=None, serve=(), size=64, like=None, ports=None, published=None, version=1,
                 **where):
        """A namespace that is a workload: what `docker run` is to an engine. serve: what it listens on ("tcp:80"). like: a removed
        workload whose address it takes over. ports: {name: number}, what policy may call its ports. published: [{"host_port",
        "port", "protocol"}], which somebody else has to forward. version: of its image."""
        made = self.namespace(name, **where, **({"number": like.number} if like else {}))
        self.describe(made, service, ns, labels, ports, published, version)
        if serve:
            made.start("serve", name, *serve, "--size", size)
        return made

    def describe(self, workload, service, ns="shop", labels=None, ports=None, published=None, version=1, file=None):
        """file: by which name it is told of, if not by the workload's own; names what an engine's id would."""
        image = f"registry.example/{service}:{version}"
        text = {"name": workload.name, "namespace": ns, "labels": {"app": service} if labels is None else labels, "image": image,
                "digest": "sha256:" + hashlib.sha256(image.encode()).hexdigest(), "netns": f"/run/netns/{workload.name}"}
        # As an engine tells what it gave out: what a workload gives itself is not believed.
        text["networks"] = [{"mac": workload.mac, "addresses": [workload.v4, workload.v6]}]
        if ports:
            text["ports"] = [{"name": port, "port": number} for port, number in ports.items()]
        if published:
            text["published"] = published
        path = os.path.join(self.workloads_dir, (file or workload.name) + ".yaml")
        with open(path + ".new", "w", encoding="utf-8") as out:
            json.dump(text, out)  # JSON is YAML
        os.rename(path + ".new", path)

    def forget(self, workload):
        path = os.path.join(self.workloads_dir, workload.name + ".yaml")
        if os.path.exists(path):
            os.unlink(path)
        self.workloads.pop(workload.name, None)

    def config(self):
        """What the daemon's configuration says of its sources."""
        return {"sources": {"docker": [], "static": self.workloads_dir}}

    def front_door(self, _outside, workload, port):
        """Where somebody outside reaches a port of a workload: here, by its own address."""
        return workload.v4, port
