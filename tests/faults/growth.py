# SPDX-License-Identifier: Apache-2.0
"""Thousands of workloads live and end: neither the daemon nor the kernel holds anything for those that are gone.

BULKHEAD_LIVES: how many of them (short form: 500, long: 20,000)."""
import os
import time

from faults_lab import HostLab, ip_batch, wait_until

SCENARIO_LAB = HostLab
AT_ONCE = 25
SERVICES = ["web", "api", "batch"]


class Nursery:
    """Namespaces that stay, in which workloads begin and end: an interface and what an engine would tell of it."""

    def __init__(self, lab):
        self.lab, self.lived = lab, 0
        self.places = [lab.world.namespace(f"place-{number}") for number in range(AT_ONCE)]
        ip_batch([f"link delete {place.host_interface}" for place in self.places])
        lab.world.workloads.clear()

    def generation(self):
        """So many workloads begin, are protected, and end."""
        born = []
        for place in self.places:
            place.file = f"life-{self.lived}"
            self.lived += 1
            born.append(place)
        ip_batch([f"link add {place.host_interface} type veth peer name eth0 address {place.mac} netns {place.name}" for place in born]
                 + [f"link set {place.host_interface} master br0 up" for place in born])
        for number, place in enumerate(born):
            self.lab.world.describe(place, SERVICES[number % len(SERVICES)], file=place.file)
        self.lab.bulkhead.wait_protected(len(born), 60)
        for place in born:
            os.unlink(os.path.join(self.lab.world.workloads_dir, place.file + ".yaml"))
        ip_batch([f"link delete {place.host_interface}" for place in born])
        wait_until("they are gone", lambda: not self.lab.bulkhead.json("workloads", "-A"), 60, 0.1)


def weigh(lab):
    """When nothing is under way: what the daemon and the kernel hold."""
    time.sleep(6)  # tables are tended every 5 s
    maps = ("bh_ports", "bh_addresses", "bh_published", "bh_targets", "bh_edges", "bh_edges_outside")
    held = {name: len(lab.elements(name)) for name in maps}
    held["bh_endpoints"] = sum(1 for row in lab.elements("bh_endpoints") if row["value"]["ifindex"])
    held["pins"], held["attachments"] = len(lab.pins()), len(lab.attachments())
    return lab.memory_kb(), lab.fds(), held


def check_nothing_grows(lab):
    lab.bulkhead.start()
    lab.mode("enforce")
    nursery = Nursery(lab)
    lives = int(os.environ.get("BULKHEAD_LIVES", lab.pick(500, 20_000)))
    warm = lab.pick(200, 2000)  # what is kept for reuse has been taken by then
    while nursery.lived < warm:
        nursery.generation()
    memory, fds, held = weigh(lab)
    while nursery.lived < warm + lives:
        nursery.generation()
    memory_now, fds_now, held_now = weigh(lab)
    lab.equal("what the kernel holds", held_now, held)
    lab.check(f"descriptors after {lives} more workloads", fds_now <= fds + 2, (fds, fds_now))
    # A page here and there is the allocator's; 1 kB for each workload is not.
    bound = max(1500, lives * 64 // 1024)
    lab.check(f"memory after {lives} more workloads: {memory_now - memory} kB more, of {memory}", memory_now - memory <= bound, bound)
    print(f"    {lives} workloads: {memory} -> {memory_now} kB, {fds} -> {fds_now} descriptors, {held_now}", flush=True)
