#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""UDP packets that carry numbers, counted where they arrive.

  send HOST PORT [--interval SECONDS]   numbers from 0 on, from one socket, until stdin ends; prints {"sent", "answered", "unanswered"},
                                        the last being the first few numbers that no answer came for
  receive PORT                          answers each with its own number; until stdin ends; prints {"received": {source address: how many
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


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def take(own, numbers):
    while select.select([own], [], [], 0)[0]:
        try:
            numbers.add(struct.unpack("!Q", own.recv(64))[0])
        except (ConnectionRefusedError, OSError):
            pass


def send(args):
    with socket.socket(family_of(args.host), socket.SOCK_DGRAM) as own:
        own.connect((args.host, args.port))
        answered, sent = set(), 0
        print("ready", flush=True)
        begin = time.monotonic()
        while not select.select([sys.stdin], [], [], max(0, begin + sent * args.interval - time.monotonic()))[0]:
            try:
                own.send(struct.pack("!Q", sent))
            except OSError:
                pass  # an ICMP error of an earlier one
            sent += 1
            take(own, answered)
        time.sleep(0.3)  # for what is under way
        take(own, answered)
    missing = [number for number in range(sent) if number not in answered]
    return {"sent": sent, "answered": len(answered), "unanswered": missing[:SHOWN]}


def receive(args):
    numbers = {}
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        own.bind(("::", args.port))
        print("ready", flush=True)
        while True:
            readable = select.select([own, sys.stdin], [], [])[0]
            if own in readable:
                message, source = own.recvfrom(64)
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
