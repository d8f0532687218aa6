#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small network programs that tests and demos run inside workloads: servers, clients, senders of frames, watchers of frames.

  serve NAME SPEC...                 SPEC = tcp:PORT, udp:PORT or sctp:PORT; both families; answers each request with NAME's answer
  call PROTOCOL HOST PORT [options]  asks a server; prints one JSON line {"ok", "failed", "bytes", "answer", "error"}
  batch JSON [--timeout SECONDS]     calls: [[PROTOCOL, HOST, PORT, COUNT], ...]; prints a JSON list of what call prints
  ping HOST [options]                ICMP echo; prints the same
  sink PORT                          takes one TCP connection's bytes to their end, and tells their number
  push HOST PORT COUNT [--datagrams] that many bytes to a sink, in writes as large as the kernel takes; prints {"sent", "taken"}. Datagrams:
                                     by UDP, cut up by the kernel (UDP_SEGMENT); nobody counts what is taken
  stream HOST PORT                   one TCP connection, a request every 50 ms until stdin ends; prints {"exchanges",
                                     "longest_gap_ms", "broken"}
  pour PROTOCOL HOST PORT [options]  --senders processes at once, each on a CPU of its own, send --messages of --size bytes each;
                                     tcp: each its own connection, until all is answered; udp: one socket for all, paced
  send INTERFACE HEX... [--count N]  raw Ethernet frames, all of them N times
  flood INTERFACE HEX COUNT          the frame, IPv4 with TCP or UDP and its checksum right, COUNT times, each with another pair of ports;
                                     prints {"sent", "seconds"}
  watch INTERFACE TEXT...            counts incoming frames, also those for others, that hold each of the bytes TEXT, until stdin
                                     ends; prints {TEXT: count}

  agent                              reads verbs, one JSON list of words a line (["ping", "198.18.1.2"]), and prints the answer of each

Clients exit 0 even when nobody answers: the caller reads the counts.
"""
import argparse
import json
import os
import select
import socket
import struct
import sys
import threading
import time

PACKET_OUTGOING = 4  # packet(7), as the next three
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
IPPROTO_SCTP = 132
UDP_SEGMENT = 103  # udp(7)


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def serve_stream(listener, answer):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=talk, args=(connection, answer), daemon=True).start()


def talk(connection, answer):
    with connection:
        try:
            while True:
                request = connection.recv(4096)
                if not request:
                    return
                connection.sendall(answer)
        except OSError:
            return


def serve_datagrams(server, answer):
    while True:
        _, peer = server.recvfrom(4096)
        try:
            server.sendto(answer, peer)
        except OSError:
            pass  # the peer went away, or policy will not let us answer: neither is the server's end


def serve(args):
    answer = (args.name + " answers: " + "x" * max(0, args.size - len(args.name) - 11) + "\n").encode()
    kinds = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "sctp": (socket.SOCK_STREAM, IPPROTO_SCTP)}
    for spec in args.specs:
        protocol, port = spec.split(":")
        kind, number = kinds[protocol]
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            server = socket.socket(family, kind, number)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, int(port)))
            if kind == socket.SOCK_STREAM:
                server.listen(64)
            target = serve_stream if kind == socket.SOCK_STREAM else serve_datagrams
            threading.Thread(target=target, args=(server, answer), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def ask(protocol, host, port, message, timeout, source_port):
    """One request; the bytes of the answer."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    number = IPPROTO_SCTP if protocol == "sctp" else 0
    with socket.socket(family_of(host), kind, number) as client:
        client.settimeout(timeout)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if source_port:
            client.bind(("::" if ":" in host else "0.0.0.0", source_port))
        client.connect((host, port))
        client.send(message)
        answer = client.recv(65536)
        if not answer:
            raise OSError("closed without an answer")
        return answer


def repeat(protocol, host, port, count, message=b"hello", timeout=1.0, source_port=0, interval=0.0):
    result = {"ok": 0, "failed": 0, "bytes": 0, "answer": "", "error": ""}
    for i in range(count):
        try:
            answer = ask(protocol, host, port, message, timeout, source_port)
            result["ok"] += 1
            result["bytes"] += len(answer)
            result["answer"] = answer[:60].decode(errors="replace").rstrip("x\n")
        except OSError as error:
            result["failed"] += 1
            result["error"] = str(error)
        if interval and i + 1 < count:
            time.sleep(interval)
    return result


def call(args):
    return repeat(args.protocol, args.host, args.port, args.count, args.message.encode(), args.timeout, args.source_port,
                  args.interval)


def batch(args):
    return [repeat(*each, timeout=args.timeout) for each in json.loads(args.calls)]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(args):
    six = ":" in args.host
    number = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    result = {"ok": 0, "failed": 0, "bytes": 0, "answer": "", "error": ""}
    asks, answers = (128, 129) if six else (8, 0)
    ident = os.getpid() & 0xFFFF
    with socket.socket(family_of(args.host), socket.SOCK_RAW, number) as client:
        client.connect((args.host, 0))
        for sequence in range(args.count):
            body = struct.pack("!HH", ident, sequence) + b"bulkhead"
            head = struct.pack("!BBH", asks, 0, 0)
            total = 0 if six else checksum(head + body)  # ICMPv6: the kernel fills it in (RFC 3542, section 3.1)
            client.send(struct.pack("!BBH", asks, 0, total) + body)
            deadline = time.monotonic() + args.timeout
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([client], [], [], left)[0]:
                    result["failed"] += 1
                    result["error"] = "timed out"
                    break
                packet = client.recv(2048)
                packet = packet if six else packet[(packet[0] & 15) * 4:]
                if packet[0] == answers and packet[4:8] == body[:4]:
                    result["ok"] += 1
                    result["bytes"] += len(packet)
                    break
    return result


def stream(args):
    result = {"exchanges": 0, "longest_gap_ms": 0, "broken": ""}
    with socket.create_connection((args.host, args.port), timeout=10) as client:
        print("connected", flush=True)
        last = time.monotonic()
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            try:
                client.sendall(b"still there?")
                if not client.recv(65536):
                    raise OSError("closed by the server")
            except OSError as error:
                result["broken"] = str(error)
                break
            now = time.monotonic()
            result["longest_gap_ms"] = max(result["longest_gap_ms"], round((now - last) * 1000))
            result["exchanges"] += 1
            last = now
    return result


def pour_one(args, number, shared):
    os.sched_setaffinity(0, {number % os.cpu_count()})
    message = b"x" * args.size
    if shared is not None:
        for i in range(args.messages):
            shared.send(message)
            if i % 16 == 15:
                time.sleep(0.001)  # as much as the queues between two namespaces hold
        return
    with socket.create_connection((args.host, args.port), timeout=10) as client:
        for _ in range(args.messages):
            client.sendall(message)
            while select.select([client], [], [], 0)[0]:
                client.recv(1 << 20)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 20):
            pass


def pour(args):
    shared = None
    if args.protocol == "udp":
        shared = socket.socket(family_of(args.host), socket.SOCK_DGRAM)
        shared.connect((args.host, args.port))
    children = []
    for number in range(args.senders):
        child = os.fork()
        if child == 0:
            try:
                pour_one(args, number, shared)
                os._exit(0)
            except OSError:
                os._exit(1)
        children.append(child)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    # The port stays open until the last answer is there: one more would be refused, and the refusal counted by nobody but the interface.
    while shared is not None and select.select([shared], [], [], 1)[0]:
        shared.recv(1 << 16)
    return {"failed": failed}


def sink(args):
    with socket.create_server(("::", args.port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        print("ready", flush=True)
        connection, _ = listener.accept()
        with connection:
            taken = 0
            while block := connection.recv(1 << 20):
                taken += len(block)
            connection.sendall(str(taken).encode())


def push(args):
    kind = socket.SOCK_DGRAM if args.datagrams else socket.SOCK_STREAM
    with socket.socket(family_of(args.host), kind) as client:
        client.settimeout(args.timeout)
        sent = 0
        try:
            client.connect((args.host, args.port))
            if args.datagrams:
                client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
            block = bytes(60000 if args.datagrams else 1 << 20)
            while sent < args.size:
                sent += client.send(block[:args.size - sent])
            if args.datagrams:
                return {"sent": sent, "taken": 0}
            client.shutdown(socket.SHUT_WR)
            return {"sent": sent, "taken": int(client.recv(64) or 0)}
        except OSError as error:
            return {"sent": sent, "taken": 0, "error": str(error)}


def send(args):
    frames = [bytes.fromhex(frame) for frame in args.frames]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((args.interface, 0))
        for frame in frames * args.count:
            out.send(frame)
            time.sleep(0.002)


def flood(args):
    """Source ports first, then destination ports, from those of the frame on."""
    frame = bytearray.fromhex(args.frame)
    at = 14 + (frame[14] & 15) * 4
    sum_at = at + (16 if frame[23] == socket.IPPROTO_TCP else 6)
    source, destination, total = *struct.unpack_from("!HH", frame, at), struct.unpack_from("!H", frame, sum_at)[0]
    begin = time.monotonic()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((args.interface, 0))
        for number in range(args.count):
            ports = (source + number) & 0xFFFF, (destination + (number >> 16)) & 0xFFFF
            changed = ((total ^ 0xFFFF) + (source ^ 0xFFFF) + (destination ^ 0xFFFF) + sum(ports))  # RFC 1624, equation 3
            while changed >> 16:
                changed = (changed & 0xFFFF) + (changed >> 16)
            struct.pack_into("!HH", frame, at, *ports)
            struct.pack_into("!H", frame, sum_at, changed ^ 0xFFFF)
            out.send(frame)
    return {"sent": args.count, "seconds": round(time.monotonic() - begin, 1)}


def watch(args):
    wanted = {text: 0 for text in args.texts}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:  # ETH_P_ALL
        tap.bind((args.interface, 0))
        tap.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                       struct.pack("iHH8s", socket.if_nametoindex(args.interface), PACKET_MR_PROMISC, 0, b""))
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        print("ready", flush=True)
        end = None
        while end is None or time.monotonic() < end:
            readable = select.select([tap] if end else [tap, sys.stdin], [], [], 0.05 if end else None)[0]
            if sys.stdin in readable:
                end = time.monotonic() + 0.2  # what has arrived before stdin ended is still counted
            if tap in readable:
                frame, meta = tap.recvfrom(65536)
                if meta[2] != PACKET_OUTGOING:
                    for text in wanted:
                        wanted[text] += args.decode(text) in frame
            elif end is not None and sys.stdin not in readable:
                break
    return wanted


def bytes_of(text):
    """"hex:0a0b" is those bytes; an address is its bytes; anything else is itself."""
    if text.startswith("hex:"):
        return bytes.fromhex(text[4:])
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text)
        except OSError:
            pass
    return text.encode()


def agent(args):
    for line in sys.stdin:
        try:
            verb = args.parser.parse_args(json.loads(line))
            print(json.dumps(verb.run(verb)), flush=True)
        except (OSError, ValueError) as error:
            print(json.dumps({"agent_error": f"{type(error).__name__}: {error}"}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)

    verb = verbs.add_parser("serve")
    verb.add_argument("name")
    verb.add_argument("specs", nargs="*")
    verb.add_argument("--size", type=int, default=64, help="bytes of an answer")
    verb.set_defaults(run=serve)

    verb = verbs.add_parser("call")
    verb.add_argument("protocol", choices=["tcp", "udp", "sctp"])
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("--count", type=int, default=1)
    verb.add_argument("--interval", type=float, default=0)
    verb.add_argument("--timeout", type=float, default=1)
    verb.add_argument("--message", default="hello")
    verb.add_argument("--source-port", type=int, default=0)
    verb.set_defaults(run=call)

    verb = verbs.add_parser("batch")
    verb.add_argument("calls")
    verb.add_argument("--timeout", type=float, default=1.0)
    verb.set_defaults(run=batch)

    verb = verbs.add_parser("ping")
    verb.add_argument("host")
    verb.add_argument("--count", type=int, default=1)
    verb.add_argument("--timeout", type=float, default=1)
    verb.set_defaults(run=ping)

    verb = verbs.add_parser("stream")
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.set_defaults(run=stream)

    verb = verbs.add_parser("pour")
    verb.add_argument("protocol", choices=["tcp", "udp"])
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("--senders", type=int, default=2)
    verb.add_argument("--messages", type=int, default=1000)
    verb.add_argument("--size", type=int, default=1000)
    verb.set_defaults(run=pour)

    verb = verbs.add_parser("sink")
    verb.add_argument("port", type=int)
    verb.set_defaults(run=sink)

    verb = verbs.add_parser("push")
    verb.add_argument("host")
    verb.add_argument("port", type=int)
    verb.add_argument("size", type=int)
    verb.add_argument("--datagrams", action="store_true")
    verb.add_argument("--timeout", type=float, default=10)
    verb.set_defaults(run=push)

    verb = verbs.add_parser("send")
    verb.add_argument("interface")
    verb.add_argument("frames", nargs="+")
    verb.add_argument("--count", type=int, default=1)
    verb.set_defaults(run=send)

    verb = verbs.add_parser("flood")
    verb.add_argument("interface")
    verb.add_argument("frame")
    verb.add_argument("count", type=int)
    verb.set_defaults(run=flood)

    verb = verbs.add_parser("watch")
    verb.add_argument("interface")
    verb.add_argument("texts", nargs="+")
    verb.set_defaults(run=watch, decode=bytes_of)

    verb = verbs.add_parser("agent")
    verb.set_defaults(run=agent, parser=parser)

    args = parser.parse_args()
    result = args.run(args)
    if result is not None:
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
