#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small things done inside network namespaces at once, without the time that a process of its own takes to start.

Reads verbs, one JSON list a line, and prints the answer of each as JSON:

  ["call", NETNS, PROTOCOL, HOST, PORT]     asks a server of traffic.py once; {"ok", "error"}
  ["ask", NETNS, SERVER, NAME, TYPE, COUNT] asks a DNS server for A (1) or AAAA (28) records; {"ok", "error"}
  ["resolve", NETNS, ADDRESS, {NAME: [TEXT, ...]}]  serves DNS on port 53 until the process ends: a text is an address, or the name that
                                            NAME is an alias of; {"ok"}
  ["listen", NETNS, PROTOCOL, ADDRESS, PORT]  a socket that listens, or is bound, until the process ends; {"ok"}

NETNS is a file of /run/netns. Refuses to act in the namespace that the test started from.
"""
import ctypes
import ipaddress
import json
import os
import socket
import struct
import sys
import threading

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
KEPT = []


def enter(netns):
    origin = os.environ["BULKHEAD_LAB_ORIGIN"]
    with open(netns, "rb") as place:
        status = os.fstat(place.fileno())
        if f"{status.st_dev}:{status.st_ino}" == origin:
            raise OSError("refused: it is the namespace that the test started from")
        if LIBC.setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), netns)


def made(netns, protocol, host):
    """A socket of that namespace."""
    enter(netns)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    out = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    out.settimeout(0.3)
    return out


def call(netns, protocol, host, port):
    with made(netns, protocol, host) as client:
        client.connect((host, port))
        client.send(b"hello")
        return bool(client.recv(4096))


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, data):
    return name_bytes(owner) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def answer_to(question, zone):
    name, at = [], 12
    while question[at]:
        name.append(question[at + 1:at + 1 + question[at]].decode().lower())
        at += 1 + question[at]
    owner, (kind, _) = ".".join(name), struct.unpack("!HH", question[at + 1:at + 5])
    records, wanted = [], [owner]
    while wanted:
        owner = wanted.pop()
        for text in zone.get(owner, []):
            try:
                address = ipaddress.ip_address(text)
                if (kind == 1) == (address.version == 4):
                    records.append(record(owner, kind, address.packed))
            except ValueError:
                records.append(record(owner, 5, name_bytes(text)))
                wanted.append(text)
    return question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question[12:at + 5] + b"".join(records)


def resolve(netns, address, zone):
    server = made(netns, "udp", address)
    server.bind((address, 53))
    server.settimeout(None)
    KEPT.append(server)

    def serve():
        while True:
            question, peer = server.recvfrom(4096)
            server.sendto(answer_to(question, zone), peer)
    threading.Thread(target=serve, daemon=True).start()
    return True


def ask(netns, server, name, kind, count):
    with made(netns, "udp", server) as client:
        client.connect((server, 53))
        for number in range(count):
            client.send(struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + name_bytes(name) + struct.pack("!HH", kind, 1))
            if struct.unpack("!H", client.recv(4096)[:2])[0] != number:
                return False
    return True


def listen(netns, protocol, address, port):
    server = made(netns, protocol, address)
    server.bind((address, port))
    if protocol == "tcp":
        server.listen(4)
    KEPT.append(server)
    return True


def main():
    verbs = {"call": call, "ask": ask, "resolve": resolve, "listen": listen}
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *words = json.loads(line)
        try:
            answer = {"ok": verbs[verb](*words), "error": ""}
        except OSError as error:
            answer = {"ok": False, "error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
