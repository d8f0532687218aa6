# SPDX-License-Identifier: Apache-2.0
"""When things happened, by the kernel's own word: links, tc filters, elements of nftables sets; and how the daemon does meanwhile."""
import os
import re
import select
import socket
import struct
import threading
import time

RTM_NEWLINK, RTM_NEWTFILTER = 16, 44
NFT_MSG_NEWSETELEM = 12
RTMGRP = 1 | 1 << 3        # RTNLGRP_LINK, RTNLGRP_TC
NFNLGRP_NFTABLES = 7
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_NETFILTER = 270, 1, 12
IFLA_IFNAME = 3
CLSACT_PARENTS = {0xFFFFFFF2: "ingress", 0xFFFFFFF3: "egress"}


def messages(data):
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return
        yield kind, data[at + 16:at + length]
        at += (length + 3) & ~3


def name_of(payload):
    at = 16
    while at + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, at)
        if length < 4:
            return ""
        if kind == IFLA_IFNAME:
            return payload[at + 4:at + length].split(b"\0")[0].decode()
        at += (length + 3) & ~3
    return ""


class KernelWatch(threading.Thread):
    """Moments (CLOCK_MONOTONIC, seconds) by interface: .links {name: (ifindex, moment)}, .attached {ifindex: {hook: moment}},
    .guarded {ifindex: moment}."""

    def __init__(self):
        super().__init__(daemon=True)
        self.links, self.attached, self.guarded = {}, {}, {}
        self.route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.route.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.route.bind((0, RTMGRP))
        self.netfilter = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.netfilter.bind((0, 0))
        self.netfilter.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        self.ended = False

    def run(self):
        while not self.ended:
            ready = select.select([self.route, self.netfilter], [], [], 0.2)[0]
            now = time.monotonic()
            if self.route in ready:
                self.on_route(self.route.recv(1 << 20), now)
            if self.netfilter in ready:
                self.on_netfilter(self.netfilter.recv(1 << 20), now)

    def on_route(self, data, now):
        for kind, payload in messages(data):
            ifindex = struct.unpack_from("=i", payload, 4)[0]
            if kind == RTM_NEWLINK:
                name = name_of(payload)
                if name not in self.links or self.links[name][0] != ifindex:
                    self.links[name] = (ifindex, now)
            elif kind == RTM_NEWTFILTER:
                hook = CLSACT_PARENTS.get(struct.unpack_from("=I", payload, 12)[0])
                if hook:
                    self.attached.setdefault(ifindex, {}).setdefault(hook, now)

    def on_netfilter(self, data, now):
        """Elements are interfaces: their numbers stand there in the host's byte order."""
        for kind, payload in messages(data):
            if kind & 0xFF != NFT_MSG_NEWSETELEM:
                continue
            for name, (ifindex, _) in list(self.links.items()):
                if name.startswith("v") and ifindex not in self.guarded and struct.pack("=I", ifindex) in payload:
                    self.guarded[ifindex] = now


class Task:
    """CPU time of a daemon's threads, in seconds: the control thread is the first one."""

    def __init__(self, pid):
        self.pid = pid

    def read(self):
        """{"control": (user, system), "others": (user, system)}"""
        tick = os.sysconf("SC_CLK_TCK")
        out = {"control": [0.0, 0.0], "others": [0.0, 0.0]}
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
            row = out["control" if int(thread) == self.pid else "others"]
            row[0] += int(fields[11]) / tick
            row[1] += int(fields[12]) / tick
        return out

    def memory(self):
        """(its own, with what it shares with the kernel: the mapped tables), in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            text = file.read()
        return tuple(int(re.search(rf"{field}:\s+(\d+)", text).group(1)) * 1024 for field in ("RssAnon", "VmRSS"))


class LoopProbe(threading.Thread):
    """How long the control thread takes to answer: a request that changes nothing and has to wait for its turn."""

    REQUEST = b"POST /v1/confirm HTTP/1.1\r\nHost: bulkhead\r\nContent-Length: 0\r\n\r\n"

    def __init__(self, path, every=0.1):
        super().__init__(daemon=True)
        self.path, self.every, self.took, self.ended = path, every, [], False

    def run(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self.path)
        while not self.ended:
            begun = time.monotonic()
            connection.sendall(self.REQUEST)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            length = int(re.search(rb"Content-Length: (\d+)", head, re.I).group(1))
            left = length - (len(head) - head.index(b"\r\n\r\n") - 4)
            while left > 0:
                left -= len(connection.recv(left))
            self.took.append(time.monotonic() - begun)
            time.sleep(self.every)


def histogram(text, name):
    """{upper bound: cumulative count} of a Prometheus histogram."""
    return {float(bound): float(count) for bound, count in re.findall(rf'{name}_bucket{{le="([^"]+)"}} (\S+)', text)}


def quantile(before, after, share):
    """Of what came between two readings: the upper bound of the bucket that holds it."""
    counts = sorted((bound, count - before.get(bound, 0)) for bound, count in after.items())
    if not counts or counts[-1][1] == 0:
        return float("nan")
    return next(bound for bound, count in counts if count >= share * counts[-1][1])
