# SPDX-License-Identifier: Apache-2.0
"""What people get wrong: each is refused or reported, names its place, and disturbs nobody else."""
import os
import subprocess

from harness import policy
from world import wait_until


def daemon(lab, *args, prefix=()):
    return subprocess.run([*prefix, lab.bulkhead.daemon_path, *args], capture_output=True, text=True, timeout=20, check=False)


def check_a_second_daemon_is_refused(lab):
    lab.world.workload("web-0", "web")
    lab.start()
    done = daemon(lab, "--config", lab.bulkhead.config_path)
    lab.check("it fails", done.returncode not in (0, None), done.returncode)
    lab.check("and names the pid of the first", str(lab.bulkhead.process.pid) in done.stderr + done.stdout, done.stderr)
    lab.equal("the first goes on", lab.bulkhead.status()["pid"], lab.bulkhead.process.pid)


def check_without_root(lab):
    os.chmod(lab.folder, 0o755)
    done = daemon(lab, "--config", lab.bulkhead.config_path, prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    lab.check("it fails and says what is missing", done.returncode != 0 and ("root" in done.stderr or "CAP_" in done.stderr), done.stderr)


def check_a_broken_configuration(lab):
    path = os.path.join(lab.folder, "broken.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("attach: clsact\npolicy_dri: /x\n")
    done = daemon(lab, "--config", path)
    lab.check("it is refused with its place", done.returncode == 2 and f"{path}:2:1: " in done.stderr and "policy_dir" in done.stderr,
              (done.returncode, done.stderr))


def check_a_workload_whose_namespace_does_not_exist(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:80"])
    with open(os.path.join(lab.world.workloads_dir, "ghost.yaml"), "w", encoding="utf-8") as out:
        out.write("name: ghost\nnetns: /run/netns/ghost\n")
    with open(os.path.join(lab.world.workloads_dir, "broken.yaml"), "w", encoding="utf-8") as out:
        out.write("name: [broken\n")
    lab.bulkhead.start()
    wait_until("the good ones are protected", lambda: lab.bulkhead.status()["protected_workloads"] == 2)
    said = str(lab.bulkhead.status())
    lab.check("status names the missing namespace", "/run/netns/ghost" in said, said)
    lab.check("status names the broken file with its line", "broken.yaml:" in said, said)
    lab.mode("enforce")
    lab.apply(policy("db", "db", ingress=[]))
    lab.stopped(web, db, 80)


def check_commands_without_a_daemon(lab):
    for command in (["status"], ["flows"], ["mode", "get"], ["learn", "edges"]):
        lab.equal("exit status of " + " ".join(command), lab.bulkhead.cli(*command, check=False).returncode, 3)


def check_wrong_usage(lab):
    lab.world.workload("web-0", "web")
    lab.start()
    for command in (["flows", "--since", "yesterday"], ["mode", "set", "shop/web", "strict"], ["explain", "shop/web"],
                    ["explain", "shop/web", "shop/web", "80/quic"], ["no-such-verb"], ["policy", "apply", "/no/such/file"]):
        done = lab.bulkhead.cli(*command, check=False)
        lab.check(f"exit status of {' '.join(command)} is 2, and it says why", done.returncode == 2 and done.stderr, (done.returncode, done.stderr))
