# SPDX-License-Identifier: Apache-2.0
"""What every scenario with containers has: the lab of the scenarios with namespaces, with a Docker Engine for its world."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

from harness import Lab, checks, frames, peer, policy, port, rule  # noqa: E402,F401
from docker_world import DockerWorld  # noqa: E402
from product import Bulkhead  # noqa: E402
from world import LAB, TRAFFIC, LabError, run, wait_until  # noqa: E402,F401


ENGINE = os.path.join(LAB, "engine")


class ContainerWorld(DockerWorld):
    """With the engine's own network, too: network="bridge"."""

    def network(self, name):
        return name if name == "bridge" else super().network(name)


class DockerLab(Lab):
    def __init__(self, bin_dir, engine_dir, attach, proxy):
        folder = os.path.join(engine_dir, "lab")
        os.makedirs(folder)
        os.makedirs(os.path.join(engine_dir, "workloads.d"))
        self.folder, self.attach, self.bin_dir, self.proxy = folder, attach, bin_dir, proxy
        self.world = ContainerWorld(engine_dir)
        self.bulkhead = Bulkhead(bin_dir, folder, self.world, attach=attach)
        self.failures = []
        self.claims = 0

    def watching(self, place, *patterns):
        """A container that moves between networks has more than one interface."""
        process = place.start("watch", place.interface, *patterns)

        def finish():
            time.sleep(0.05)
            return process.finish()
        return finish

    def docker(self, *args):
        return self.world.docker(*args).stdout.strip()

    def inspect(self, name, template):
        return self.docker("inspect", "-f", template, name)

    def look_again(self, container, network):
        """After a restart or a new network the container may have other addresses."""
        about = "{{with index .NetworkSettings.Networks \"%s\"}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.MacAddress}}{{end}}" % network
        container.v4, container.v6, container.mac = self.inspect(container.name, about).split(" ")
        return container

    def host_reaches(self, address, number):
        """Whether the host itself is answered; asked from here, where the engine runs."""
        return '"ok": 1' in run([*TRAFFIC, "call", "tcp", address, str(number), "--timeout", "1"]).stdout

    def rows(self):
        return {row["id"]: row for row in self.bulkhead.json("workloads", "-A")}

    def wait_rows_equal_engine(self, seconds=30):
        """Until the workloads that are known are the containers that run, and no other."""
        def equal():
            running = set(self.docker("ps", "-q", "--no-trunc").split())
            return set(self.rows()) == running
        wait_until("the inventory equals the engine's", equal, seconds, 0.2)

    def shell(self, script):
        """A script in which `docker` talks to the engine."""
        run(["sh", "-c", script], timeout=200, env={**os.environ, "DOCKER_HOST": self.world.client[2]})

    def restart_engine(self):
        for verb in ("stop", "start"):
            run([ENGINE, verb, self.world.engine_dir], timeout=60)
