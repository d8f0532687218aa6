# SPDX-License-Identifier: Apache-2.0
"""Workloads by the thousand: network namespaces with one veth on a bridge each, made and taken away by one `ip` that stays."""
import json
import os
import subprocess
import time

from world import LabError, refuse_outside

PER_BRIDGE = 1000  # the kernel takes 1023 ports


class Member:
    def __init__(self, number):
        self.number = number
        self.name, self.link = f"w{number}", f"v{number}"
        self.bridge = f"br{number // PER_BRIDGE}"
        self.mac = f"02:42:c6:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        self.v4 = f"198.18.{number // 250}.{number % 250 + 2}"
        self.service = f"s{number % 50}"


class Crowd:
    """All of it ends with the lab."""

    def __init__(self, world):
        refuse_outside()
        self.folder = world.workloads_dir
        self.ip = subprocess.Popen(["ip", "-force", "-batch", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.bridges, self.members, self.next = set(), [], 1

    def tell(self, *lines):
        self.ip.stdin.write("\n".join(lines) + "\n")
        self.ip.stdin.flush()

    def start(self):
        """As engines do it: the engine says what it will be; then there is a namespace, a link in it, a port of the bridge."""
        made = Member(self.next)
        self.next += 1
        if made.bridge not in self.bridges:
            self.bridges.add(made.bridge)
            self.tell(f"link add {made.bridge} type bridge mcast_snooping 0", f"link set {made.bridge} up")
        self.tell(f"netns add {made.name}")
        self.wait(f"/run/netns/{made.name}", True)
        text = {"name": made.name, "namespace": "crowd", "labels": {"app": made.service}, "image": f"registry.example/{made.service}:1",
                "netns": f"/run/netns/{made.name}", "networks": [{"mac": made.mac, "addresses": [made.v4]}]}
        path = os.path.join(self.folder, made.name + ".yaml")
        with open(path + ".new", "w", encoding="utf-8") as out:
            json.dump(text, out)  # JSON is YAML
        self.tell(f"link add {made.link} type veth peer name eth0 address {made.mac} netns {made.name}",
                  f"link set {made.link} master {made.bridge} up")
        os.rename(path + ".new", path)
        self.members.append(made)
        return made

    def stop(self, member):
        os.unlink(os.path.join(self.folder, member.name + ".yaml"))
        self.tell(f"link delete {member.link}", f"netns delete {member.name}")

    def wait(self, path, there, seconds=30):
        deadline = time.monotonic() + seconds
        while os.path.exists(path) != there:
            if time.monotonic() > deadline or self.ip.poll() is not None:
                raise LabError(f"waited in vain for {path}")
            time.sleep(0.0005)

    def close(self):
        self.ip.stdin.close()
        self.ip.wait(timeout=60)
