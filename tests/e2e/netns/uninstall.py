# SPDX-License-Identifier: Apache-2.0
"""Uninstall takes everything out of the kernel that was ever put there."""
from harness import peer, policy, rule
from product import kernel_state


def check_nothing_is_left(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    before = kernel_state()
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[]))
    lab.stopped(web, db, 5432)
    during = kernel_state()
    lab.check("pins were there to remove", during["bpffs"] != before["bpffs"])
    if lab.attach == "clsact":  # Debian 12's bpftool does not list tcx
        lab.check("programs were there to remove", during["bpftool net"] != before["bpftool net"])
    lab.bulkhead.stop()
    done = lab.bulkhead.cli("uninstall", "--yes")
    lab.equal("exit status", done.returncode, 0)
    lab.check("it lists what it removes", lab.bulkhead.pin_root in done.stdout, done.stdout)
    after = kernel_state()
    for what, state in before.items():
        lab.equal(what, after[what], state)
    lab.reaches(web, db, 5432)


def check_twice_and_after_kill(lab):
    web, db = lab.world.workload("web-0", "web"), lab.world.workload("db-0", "db", serve=["tcp:5432"])
    before = kernel_state()
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")])]))
    lab.bulkhead.kill()
    lab.equal("after kill -9", lab.bulkhead.cli("uninstall", "--yes").returncode, 0)
    lab.equal("a second time", lab.bulkhead.cli("uninstall", "--yes").returncode, 0)
    lab.equal("the kernel", kernel_state(), before)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(2)
    lab.reaches(web, db, 5432, claim="and it can be started again")
