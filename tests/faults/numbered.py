#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""UDP packets that carry numbers, counted where they arrive.

  send HOST PORT [--interval SECONDS]   numbers from 0 on, from one socket, until stdin ends; prints {"sent", "answered", "unanswered"},
                                        the last being the first few numbers that no answer came for
  receive PORT                          answers each with itself; until stdin ends; prints {"received": {source address: how many
                                        different numbers}}

Both say "ready" when they are.
"""
import argparse
import json
import select
import socket
import struct
import sys
import time

SHOWN = 12
SO_RCVBUFFORCE = 33  # socket(7)
ROOM = 32 << 20  # bytes: for what arrives while the machine has no time for the receiver


def make_socket(family):
    own = socket.socket(family, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    return own


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def take(own, numbers):
    while select.select([own], [], [], 0)[0]:
        try:
            numbers.add(struct.unpack("!Q", own.recv(64))[0])
        except (ConnectionRefusedError, OSError):
            pass


def send(args):
    with make_socket(family_of(args.host)) as own:
        own.connect((args.host, args.port))
        answered, sent = set(), 0
        print("ready", flush=True)
        begin = time.monotonic()
        while not select.select([sys.stdin], [], [], max(0, begin + sent * args.interval - time.monotonic()))[0]:
            try:
                own.send(struct.pack("!Q", sent))
            except OSError:
                continue  # an ICMP error of an earlier one: this one has not left, and is sent again
            sent += 1
            take(own, answered)
        end = time.monotonic() + 10  # for what is under way
        while len(answered) < sent and time.monotonic() < end and select.select([own], [], [], 1)[0]:
            take(own, answered)
    missing = [number for number in range(sent) if number not in answered]
    return {"sent": sent, "answered": len(answered), "unanswered": missing[:SHOWN]}


def receive(args):
    numbers = {}
    with make_socket(socket.AF_INET6) as own:
        own.bind(("::", args.port))
        print("ready", flush=True)
        while True:
            readable = select.select([own, sys.stdin], [], [])[0]
            if own in readable:
                message, source = own.recvfrom(64)
                if len(message) == 8:
                    numbers.setdefault(source[0].removeprefix("::ffff:"), set()).add(struct.unpack("!Q", message)[0])
                try:
                    own.sendto(message, source)
                except OSError:
                    pass  # policy does not let us answer
            elif sys.stdin in readable:
                break
    return {"received": {source: len(seen) for source, seen in numbers.items()}}


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("send")
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("--interval", type=float, default=0.005)
    verb.set_defaults(run=send)
    verb = verbs.add_parser("receive")
    verb.add_argument("port", type=int)
    verb.set_defaults(run=receive)
    args = parser.parse_args()
    print(json.dumps(args.run(args)), flush=True)


if __name__ == "__main__":
    main()
