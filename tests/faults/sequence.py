#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Datagrams that carry numbers, so that whoever gets them can tell which did not come. Runs inside workloads.

  sow HOST PORT MARKER [--rate N]  sends "MARKER" and ten digits until stdin ends, N a second: in turn from a socket that stays and from a
                                   new one, so that a flow that exists and a flow that is new are tried; prints {"sent"}
  reap INTERFACE MARKER...         looks at all that comes in by an interface, for others, too, until stdin ends; prints
                                   {MARKER: {"received": different ones, "repeated", "missing": the first that never came}}
  knock HOST PORT [--rate N]       sows from sockets in many network namespaces in turn, N a second in all; reads lines: ["add", NETNS,
                                   MARKER], ["drop", NETNS], and says "done" to each; prints {MARKER: sent}
  scan INTERFACE HEX PORTS         the frame, IPv4 with TCP or UDP and its checksum right, to so many destination ports from its own on;
                                   prints {"sent"}
"""
import argparse
import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

from traffic import (PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_OUTGOING, SOL_PACKET, family_of)  # noqa: E402
from visitor import enter  # noqa: E402

DIGITS = 10
LINGER = 0.3  # seconds


def sow(args):
    here = (args.host, args.port)
    family, sent, due = family_of(args.host), 0, time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as kept:
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
            message = f"{args.marker}{sent:0{DIGITS}d}".encode()
            try:
                if sent % 2:
                    with socket.socket(family, socket.SOCK_DGRAM) as fresh:
                        fresh.sendto(message, here)
                else:
                    kept.sendto(message, here)
            except OSError:
                continue  # it has not left: the number is used again
            sent += 1
            due = max(due + 1 / args.rate, time.monotonic() - 1)
    return {"sent": sent}


class Knockers:
    """A socket in each of several namespaces, by their names."""

    def __init__(self, host, port):
        self.here, self.sockets, self.sent = (host, port), {}, {}

    def add(self, netns, marker):
        home = f"/proc/{os.getpid()}/ns/net"
        with open(home, "rb") as back:
            enter(netns)
            self.sockets[netns] = marker, socket.socket(family_of(self.here[0]), socket.SOCK_DGRAM)
            enter(f"/proc/self/fd/{back.fileno()}")
        self.sent.setdefault(marker, 0)

    def drop(self, netns):
        self.sockets.pop(netns)[1].close()

    def send(self, netns):
        marker, out = self.sockets[netns]
        try:
            out.sendto(f"{marker}{self.sent[marker]:0{DIGITS}d}".encode(), self.here)
            self.sent[marker] += 1
        except OSError:
            pass  # it has not left: the number is used again


def knock(args):
    knockers, turn, due = Knockers(args.host, args.port), 0, time.monotonic()
    print("ready", flush=True)
    while True:
        if select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
            line = sys.stdin.readline()  # who asks waits for the answer, so there is never a second line
            if not line:
                return knockers.sent
            verb, *words = json.loads(line)
            {"add": knockers.add, "drop": knockers.drop}[verb](*words)
            print("done", flush=True)
        if knockers.sockets and time.monotonic() >= due:
            turn += 1
            knockers.send(list(knockers.sockets)[turn % len(knockers.sockets)])
        due = max(due + 1 / args.rate, time.monotonic() - 0.1)


def count(seen):
    numbers = {number for number in seen}
    missing = [number for number in range(max(numbers, default=-1) + 1) if number not in numbers]
    return {"received": len(numbers), "repeated": len(seen) - len(numbers), "missing": missing[:20]}


def reap(args):
    seen = {marker: [] for marker in args.markers}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:  # ETH_P_ALL
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        tap.bind((args.interface, 0))
        tap.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                       struct.pack("iHH8s", socket.if_nametoindex(args.interface), PACKET_MR_PROMISC, 0, b""))
        print("ready", flush=True)
        end = None
        while end is None or time.monotonic() < end:
            readable = select.select([tap] if end else [tap, sys.stdin], [], [], LINGER if end else None)[0]
            if sys.stdin in readable:
                end = time.monotonic() + LINGER  # what had arrived by then is counted
            if tap not in readable:
                continue
            frame, meta = tap.recvfrom(65536)
            if meta[2] == PACKET_OUTGOING:
                continue
            for marker, numbers in seen.items():
                at = frame.find(marker.encode())
                if at >= 0:
                    numbers.append(int(frame[at + len(marker):at + len(marker) + DIGITS]))
    return {marker: count(numbers) for marker, numbers in seen.items()}


def scan(args):
    frame = bytearray.fromhex(args.frame)
    at = 14 + (frame[14] & 15) * 4
    sum_at = at + (16 if frame[23] == socket.IPPROTO_TCP else 6)
    first, total = struct.unpack_from("!H", frame, at + 2)[0], struct.unpack_from("!H", frame, sum_at)[0]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((args.interface, 0))
        for port in range(first, min(first + args.ports, 65536)):
            changed = (total ^ 0xFFFF) + (first ^ 0xFFFF) + port  # RFC 1624, equation 3
            while changed >> 16:
                changed = (changed & 0xFFFF) + (changed >> 16)
            struct.pack_into("!H", frame, at + 2, port)
            struct.pack_into("!H", frame, sum_at, changed ^ 0xFFFF)
            out.send(frame)
    return {"sent": min(args.ports, 65536 - first)}


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)

    verb = verbs.add_parser("sow")
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("marker")
    verb.add_argument("--rate", type=float, default=500)
    verb.set_defaults(run=sow)

    verb = verbs.add_parser("knock")
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("--rate", type=float, default=400)
    verb.set_defaults(run=knock)

    verb = verbs.add_parser("reap")
    verb.add_argument("interface")
    verb.add_argument("markers", nargs="+")
    verb.set_defaults(run=reap)

    verb = verbs.add_parser("scan")
    verb.add_argument("interface")
    verb.add_argument("frame")
    verb.add_argument("ports", type=int)
    verb.set_defaults(run=scan)

    args = parser.parse_args()
    print(json.dumps(args.run(args)), flush=True)


if __name__ == "__main__":
    main()
