# SPDX-License-Identifier: Apache-2.0
"""Bulkhead as its user has it: the daemon with a configuration of its own, and the CLI."""
import json
import os
import signal
import subprocess

from world import LabError, refuse_outside, wait_until


def parse(text):
    """The JSON of one answer: a value, or one object a line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


class Bulkhead:
    def __init__(self, bin_dir, folder, world, pin_root="/sys/fs/bpf/bulkhead", **settings):
        refuse_outside()
        self.daemon_path = os.path.join(bin_dir, "bulkheadd")
        self.cli_path = os.path.join(bin_dir, "bulkhead")
        self.folder = folder
        self.policy_dir = os.path.join(folder, "policies.d")
        self.socket = os.path.join(folder, "api.sock")
        self.pin_root = pin_root
        self.log_path = os.path.join(folder, "bulkheadd.log")
        self.process = None
        os.makedirs(self.policy_dir, exist_ok=True)
        config = {"policy_dir": self.policy_dir, "state_dir": os.path.join(folder, "state"), "api_socket": self.socket,
                  "pin_root": self.pin_root, **world.config(), **settings}
        self.config_path = os.path.join(folder, "bulkhead.yaml")
        self.config = config
        self.configure()

    def configure(self, **settings):
        """Changes the configuration, from the next start on."""
        self.config.update(settings)
        with open(self.config_path, "w", encoding="utf-8") as out:
            json.dump(self.config, out)  # JSON is YAML

    def launch(self):
        """Starts the daemon and waits for nothing."""
        refuse_outside()
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([self.daemon_path, "--config", self.config_path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def start(self):
        self.launch()

        def answers():
            if self.process.poll() is not None:
                raise LabError(f"bulkheadd ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            return self.cli("status", "-o", "json", check=False).returncode in (0, 1)
        wait_until("the daemon answers", answers, 90)  # the verifier works long where CPU is scarce
        return self

    def signal(self, number):
        self.process.send_signal(number)
        self.process.wait(timeout=15)

    def kill(self):
        self.signal(signal.SIGKILL)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.returncode if self.process is not None else None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, count=30):
        return "\n".join(self.log().splitlines()[-count:]) if os.path.exists(self.log_path) else "(no log)"

    def cli(self, *args, check=True, timeout=30, stdin=""):
        """check: exit 0, or 1 (the answer is no); anything else fails."""
        done = subprocess.run([self.cli_path, *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False, input=stdin,
                              env={**os.environ, "BULKHEAD_SOCKET": self.socket, "BULKHEAD_CONFIG": self.config_path})
        if check and done.returncode not in (0, 1):
            raise LabError(f"bulkhead {' '.join(map(str, args))}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done

    def json(self, *args):
        return parse(self.cli(*args, "-o", "json").stdout)

    def status(self):
        return self.json("status")

    def wait_protected(self, count, seconds=15):
        """Until so many workloads are known and all of them protected."""
        def all_protected():
            rows = self.json("workloads", "-A")
            return len(rows) == count and all(row["state"] == "protected" and row["interfaces"] for row in rows)
        wait_until(f"{count} workloads are protected", all_protected, seconds)

    def wait_service(self, workload_name, seconds=15):
        """Until this workload is protected."""
        def is_protected():
            rows = self.json("workloads", "-A")
            return any(row["name"] == workload_name and row["state"] == "protected" for row in rows)
        wait_until(f"{workload_name} is protected", is_protected, seconds)

    def apply(self, name, text, *options):
        """Writes a file and applies it; the finished command, whatever it said."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return self.cli("policy", "apply", path, *options, check=False)


def kernel_state():
    """Everything that ours could leave in the kernel: programs on interfaces, pins, nftables. Compared before and after."""
    def out(*argv):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout
    pins = []
    for folder, folders, files in os.walk("/sys/fs/bpf"):
        pins += [os.path.join(folder, name) for name in folders + files]
    return {
        "bpftool net": out("bpftool", "net"),
        "qdiscs": [line for line in out("tc", "qdisc", "show").splitlines() if "clsact" in line or "ingress" in line],
        "nftables": out("nft", "-s", "list", "ruleset"),
        "bpffs": sorted(pins),
    }
