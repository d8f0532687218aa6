# SPDX-License-Identifier: Apache-2.0
"""bulkheadd is exchanged under traffic: for the same layout, for a newer one, and back, which is refused unless it is asked for."""
import os
import shutil
import signal

from shop import Shop
from world import run, wait_until


def layouts(lab):
    return sorted(os.listdir(lab.bulkhead.pin_root))


def check_a_swap_of_the_program(lab):
    """As packages do it: a new file takes the name of the old one, then the daemon is restarted."""
    real = os.path.join(lab.bin_dir, "bulkheadd")
    installed = os.path.join(lab.folder, "bulkheadd")
    shutil.copy(real, installed)
    lab.bulkhead.daemon_path = installed
    shop = Shop(lab)
    shop.enforce()
    expected = shop.state()
    shop.begin()
    for _ in range(4 if lab.long else 1):
        shutil.copy(real, installed + ".new")
        os.rename(installed + ".new", installed)
        lab.equal("exit status of the old one", lab.bulkhead.stop(), 0)
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
    checked = run([installed, "--config", lab.bulkhead.config_path, "--check"], check=False, timeout=150)
    lab.equal("--check beside the one that runs", (checked.returncode, checked.stderr), (0, ""))
    shop.end()
    shop.converged_by(expected, "the swap")


def check_a_newer_layout_and_back(lab):
    shop = Shop(lab)
    shop.enforce()
    real = os.path.join(lab.bin_dir, "bulkheadd")
    ours = layouts(lab)[0]
    number = int(ours.removeprefix("v"))
    expected = shop.state()
    shop.begin()
    for step, fresh in enumerate([[], ["--fresh", "bh_flows6"]], 1):
        lab.bulkhead.stop()
        lab.bulkhead.daemon_args = ["--layout", str(number + step), *fresh]
        lab.bulkhead.start()
        lab.bulkhead.wait_protected(3)
        wait_until("the older layout is gone", lambda step=step: layouts(lab) == [f"v{number + step}"], 20)
        shop.converged_by(expected, "flows made anew" if fresh else "flows carried over")
    lab.bulkhead.stop()
    refused = run([real, "--config", lab.bulkhead.config_path], check=False, timeout=150)
    lab.equal("an older build does not start", refused.returncode, 2)
    lab.check("and says what to do", "--reset" in refused.stderr, refused.stderr)
    checked = run([real, "--config", lab.bulkhead.config_path, "--check"], check=False, timeout=150)
    lab.check("--check says so, too", checked.returncode == 1 and "--reset" in checked.stdout, checked.stdout + checked.stderr)
    lab.equal("nothing was touched", layouts(lab), [f"v{number + 2}"])
    shop.end()
    lab.bulkhead.daemon_path, lab.bulkhead.daemon_args = real, ["--reset"]
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    wait_until("the newer layout is gone", lambda: layouts(lab) == [ours], 20)
    shop.converged_by(expected, "--reset")
    lab.reaches(shop.web, shop.db, 5432)
    lab.stopped(shop.api, shop.db, 5432)


def check_what_is_taken_up_while_it_runs(lab):
    """Policy, modes and configuration change, again and again."""
    shop = Shop(lab)
    shop.enforce()
    shop.begin()
    for turn in range(20 if lab.long else 3):
        lab.mode("audit", "shop/mon")
        lab.apply(*shop.allowed, shop.other(turn))
        lab.bulkhead.configure(timeouts={"udp": {"established": 60 + turn}}, default_mode="audit" if turn % 2 else "learn")
        lab.bulkhead.process.send_signal(signal.SIGHUP)
        lab.mode("enforce", "shop/mon")
    wait_until("the time-out is taken up", lambda: "taken up: default_mode" in lab.bulkhead.log(), 10)
    shop.end()
    problems = lambda: " ".join(lab.bulkhead.status()["problems"])  # noqa: E731
    lab.bulkhead.configure(attach="tcx" if lab.attach == "clsact" else "clsact")
    lab.bulkhead.process.send_signal(signal.SIGHUP)
    wait_until("status names what waits", lambda: "attach: changed" in problems(), 10)
    lab.bulkhead.configure(attach="sideways")
    lab.bulkhead.process.send_signal(signal.SIGHUP)
    wait_until("status names what is wrong", lambda: "sideways" in problems(), 10)
    lab.bulkhead.configure(attach=lab.attach)
    lab.bulkhead.process.send_signal(signal.SIGHUP)
    wait_until("all is well again", lambda: "attach" not in problems(), 10)
    lab.check("configuration: what waits, what is wrong, and its end are shown", True)
    lab.reaches(shop.web, shop.db, 5432)
    lab.stopped(shop.api, shop.db, 5432)


def check_what_somebody_broke_meanwhile(lab):
    """Programs and pins taken away while the daemon is down: the next start puts them back."""
    shop = Shop(lab)
    shop.enforce()
    expected = shop.state()
    base = os.path.join(lab.bulkhead.pin_root, layouts(lab)[0])
    lab.bulkhead.kill()
    run(["tc", "filter", "del", "dev", shop.db.host_interface, "egress"])
    os.unlink(f"{base}/maps/bh_ports")
    os.unlink(f"{base}/programs/0/bh_ingress")
    run(["bpftool", "map", "delete", "pinned", f"{base}/maps/bh_targets", "key", *["0"] * 24], check=False)
    run(["bpftool", "map", "update", "pinned", f"{base}/maps/bh_targets", "key", *["1"] * 24, "value", *["1"] * 4])
    real = os.path.join(lab.bin_dir, "bulkheadd")
    checked = run([real, "--config", lab.bulkhead.config_path, "--check"], check=False, timeout=150)
    lab.check("--check says what is wrong", checked.returncode == 1 and "egress: the program" in checked.stdout,
              checked.stdout + checked.stderr)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(3)
    shop.converged_by(expected, "the repair")
    lab.check("the log says what was put right", "put right: interface" in lab.bulkhead.log(), lab.bulkhead.tail(8))
    lab.reaches(shop.web, shop.db, 5432)
    lab.stopped(shop.api, shop.db, 5432)
