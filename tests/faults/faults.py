# SPDX-License-Identifier: Apache-2.0
"""What scenarios of faults have beyond those of tests/e2e/netns: a daemon that fails on order, and traffic that is numbered.

A scenario is a file of this folder with functions `check_...(lab)`; lab.long says which form is wanted.
"""
import mmap
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e", "netns")]

from harness import LAB, Lab, checks, frames, peer, policy, port, rule  # noqa: E402,F401
from world import Process  # noqa: E402

NUMBERED = [sys.executable, "-E", "-s", os.path.join(HERE, "numbered.py")]


class Orders:
    """What the faulty daemon is to do (faulty_daemon.cc has the shape)."""

    KILL, FAIL = 1, 2

    def __init__(self, path):
        with open(path, "wb") as out:
            out.write(bytes(64))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 64)

    def word(self, at):
        return struct.unpack_from("=Q", self.memory, at)[0]

    def calls(self):
        """How many calls have changed the kernel, over all daemons of this lab."""
        return self.word(0)

    def give(self, kind, nth):
        """At the nth call from now on."""
        self.memory[24:64] = bytes(40)
        struct.pack_into("=Q", self.memory, 16, kind)
        struct.pack_into("=Q", self.memory, 8, self.calls() + nth)

    def take_back(self):
        struct.pack_into("=Q", self.memory, 8, 0)

    def happened_at(self):
        """The name of the call at which it happened; empty: it did not."""
        return self.memory[24:64].rstrip(b"\0").decode()


class FaultLab(Lab):
    def __init__(self, bin_dir, folder, attach="clsact", long=False, **settings):
        super().__init__(bin_dir, folder, attach, **settings)
        self.long = long
        self.bulkhead.daemon_path = os.path.join(bin_dir, "faulty_daemon")
        os.environ["BULKHEAD_FAULTS"] = os.path.join(folder, "orders")
        self.orders = Orders(os.environ["BULKHEAD_FAULTS"])

    def numbered(self, place, *verb):
        """Starts numbered.py in a workload; finish() of the result gives its counts."""
        process = Process(place.inside([*NUMBERED, *map(str, verb)])).expect("ready")
        place.processes.append(process)
        return process
