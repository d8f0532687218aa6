# SPDX-License-Identifier: Apache-2.0
"""Stands between a Docker client and its engine, and does wrong what `faults` says: answers late, cuts the stream of events in the middle
of one, tells events twice, in another order, or not at all."""
import os
import re
import select
import socket
import threading
import time


class EngineProxy:
    def __init__(self, path, engine):
        self.path, self.engine = path, engine
        self.delay = 0.0  # seconds before the first byte of an answer
        self.events = "all"  # "twice", "reversed", "none", "every other"
        self.cuts, self.told = 0, 0
        self.listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def cut(self):
        """Ends each stream of events in the middle of the next one."""
        self.cuts += 1

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as engine:
            try:
                engine.connect(self.engine)
                self.carry(client, engine)
            except OSError:
                pass  # the engine is down, or the client has gone: both see the connection end

    def carry(self, client, engine):
        late = True
        while True:
            for ready in select.select([client, engine], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                if ready is client:
                    late = True
                    engine.sendall(data)
                    if b"/events?" in data.partition(b"\r\n")[0]:
                        Stream(self, client, engine).carry()
                        return
                else:
                    if late:
                        time.sleep(self.delay)
                    late = False
                    client.sendall(data)


class Stream:
    """The events of one connection; in chunks, as HTTP has them (RFC 9112, section 7.1)."""

    def __init__(self, proxy, client, engine):
        self.proxy, self.client, self.engine = proxy, client, engine
        self.raw, self.text, self.held, self.number = b"", b"", [], 0
        self.cuts = proxy.cuts

    def carry(self):
        while b"\r\n\r\n" not in self.raw:
            self.raw += self.read()
        head, _, self.raw = self.raw.partition(b"\r\n\r\n")
        self.client.sendall(head + b"\r\n\r\n")
        while True:
            if select.select([self.engine, self.client], [], [], 0.3)[0]:
                if select.select([self.client], [], [], 0)[0]:
                    return  # a client that streams says nothing but that it goes
                self.raw += self.read()
                for line in self.lines():
                    self.tell(line)
            elif self.held:
                for line in reversed(self.held):
                    self.send(line)
                self.held = []

    def read(self):
        data = self.engine.recv(65536)
        if not data:
            raise OSError("the engine has ended the stream")
        return data

    def lines(self):
        while match := re.match(rb"([0-9a-fA-F]+)\r\n", self.raw):
            size, at = int(match[1], 16), match.end()
            if len(self.raw) < at + size + 2:
                break
            self.text += self.raw[at:at + size]
            self.raw = self.raw[at + size + 2:]
        *whole, self.text = self.text.split(b"\n")
        return [line + b"\n" for line in whole]

    def tell(self, line):
        self.number += 1
        self.proxy.told += 1
        if self.cuts != self.proxy.cuts:
            self.send(line[:len(line) // 2])
            raise OSError("cut")
        events = self.proxy.events
        if events == "reversed":
            self.held.append(line)
        elif events == "all" or events == "every other" and self.number % 2:
            self.send(line)
        elif events == "twice":
            self.send(line)
            self.send(line)

    def send(self, line):
        self.client.sendall(b"%x\r\n%s\r\n" % (len(line), line))
