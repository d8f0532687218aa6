# SPDX-License-Identifier: Apache-2.0
"""The same world as world.py, of real containers: a dockerd that tests/lab/engine has started in a network namespace of its own.

Runs inside that engine's namespaces (`engine in DIR ...`) and refuses to act anywhere else. A container's root is busybox with the
machine's own /usr mounted read-only, so that the same small Python programs run in it as in world.py.
"""
import json
import os
import threading

from world import LAB, LabError, Place, refuse_outside, run, wait_until


class Container(Place):
    python = ["/usr/bin/python3", "-E", "-s", "/lab/traffic.py"]

    def __init__(self, world, name, network, options, command):
        super().__init__(name)
        self.world = world
        mounts = ["-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v", "/usr/lib64:/lib64:ro", "-v", f"{LAB}:/lab:ro"]
        # Python as a container's first process ignores SIGTERM: without this the engine waits 10 s for each when it stops.
        world.docker("run", "-d", "--name", name, "--stop-timeout", "0", "--network", network, *mounts, *options, "busybox", *command)
        about = json.loads(world.docker("inspect", name).stdout)[0]
        at = about["NetworkSettings"]["Networks"][network]
        self.v4, self.v6, self.mac = at["IPAddress"], at["GlobalIPv6Address"], at["MacAddress"]

    def inside(self, argv):
        return [*self.world.client, "exec", "-i", self.name, *argv]

    def remove(self):
        self.end_processes()
        self.world.docker("rm", "-f", self.name)
        self.world.workloads.pop(self.name, None)


class DockerWorld:
    kind = "docker"
    hands = 4

    def __init__(self, engine_dir):
        refuse_outside()
        self.client = ["docker", "-H", f"unix://{engine_dir}/docker.sock"]
        self.engine_dir = engine_dir
        self.workloads, self.networks, self.doors = {}, {}, {}
        self.lock = threading.Lock()
        os.environ["DOCKER_CONFIG"] = os.path.join(engine_dir, "client")

    def docker(self, *args, check=True):
        return run([*self.client, *args], timeout=60, check=check)

    def network(self, name):
        with self.lock:
            if name not in self.networks:
                number = len(self.networks) + 1
                self.docker("network", "create", "--ipv6", "--subnet", f"198.18.{number}.0/24", "--subnet", f"fd00:18:{number}::/64",
                            name)
                self.networks[name] = number
        return name

    def workload(self, name, service, ns="shop", labels=None, serve=(), size=64, like=None, publish=None,
                 network="shopnet"):
        labels = {"app": service} if labels is None else labels
        options = ["--label", f"bulkhead.dev/namespace={ns}"]
        for key, value in labels.items():
            options += ["--label", f"{key}={value}"]
        for host_port, port in (publish or {}).items():
            options += ["-p", f"{host_port}:{port}"]
        if like:
            options += ["--ip", like.v4, "--ip6", like.v6]
        self.doors.update({(name, port): host_port for host_port, port in (publish or {}).items()})
        command = [*Container.python, "serve", name, *serve, "--size", str(size)]
        made = Container(self, name, self.network(network), options, command)
        self.workloads[name] = made
        if serve:
            self.wait_serving(made)
        return made

    def wait_serving(self, container):
        def ready():
            if "ready" in self.docker("logs", container.name).stdout:
                return True
            state = self.docker("inspect", "-f", "{{.State.Status}}", container.name).stdout.strip()
            if state not in ("running", "created"):
                raise LabError(f"{container.name} is {state}: {self.docker('logs', container.name).stderr[-500:]}")
            return False
        wait_until(f"{container.name} serves", ready, 20)

    def config(self):
        return {"sources": {"docker": [f"{self.engine_dir}/docker.sock"], "static": os.path.join(self.engine_dir, "workloads.d")}}

    def front_door(self, outside, workload, port):
        """Where somebody outside reaches a port of a workload: at the host's own address, where the engine publishes it."""
        return outside.host_v4, self.doors[(workload.name, port)]
