# SPDX-License-Identifier: Apache-2.0
"""Workloads come and go while the daemon is killed and started at random: what is denied never arrives, and nothing is left behind."""
import json
import random
import threading
import time

from faults_lab import SEQUENCE, HostLab, LabError, Process, Seeds, start, wait_until

SCENARIO_LAB = HostLab
SEED = 6


class Killer(threading.Thread):
    """Kills the daemon and starts it again until it is told to end."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.dice, self.kills = lab, random.Random(SEED), 0
        self.over = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.over.wait(self.dice.choice([0.05, 0.5, 3, 6]) * self.dice.random() * self.lab.pick(0.3, 1)):
                self.lab.bulkhead.kill()
                self.kills += 1
                time.sleep(self.dice.uniform(0, 0.3))
                self.lab.bulkhead.launch()
        except (LabError, OSError) as error:
            self.error = error

    def end(self):
        self.over.set()
        self.join()


class Crowd:
    """Workloads of which a few live at a time; half of them may talk to db, all of them try, from their first moment on."""

    def __init__(self, lab, db):
        self.lab, self.dice, self.alive = lab, random.Random(SEED), []
        self.watch = start(db, "reap", "eth0", "web-knocks-", "evil-knocks-").expect("ready", 60)
        self.knocker = Process([*SEQUENCE, "knock", db.v4, "53"]).expect("ready", 60)

    def order(self, *words):
        self.knocker.process.stdin.write(json.dumps(words) + "\n")
        self.knocker.process.stdin.flush()
        self.knocker.expect("done")

    def add(self, name, service):
        made = self.lab.world.namespace(name)
        told_first = self.dice.random() < 0.5  # or it runs before anybody is told of it
        if told_first:
            self.lab.world.describe(made, service)
        self.order("add", f"/run/netns/{name}", f"{service}-knocks-")
        if not told_first:
            self.lab.world.describe(made, service)
        self.alive.append(made)

    def remove(self, number):
        made = self.alive.pop(number)
        self.order("drop", f"/run/netns/{made.name}")
        made.remove()

    def live(self, count):
        for number in range(count):
            service = self.dice.choice(["web", "evil"])
            self.add(f"{service}-{number}x", service)
            while len(self.alive) > 6 or self.alive and self.dice.random() < 0.3:
                self.remove(self.dice.randrange(len(self.alive)))

    def end(self):
        """What was sent, and what arrived."""
        sent = self.knocker.finish()
        self.knocker.kill()
        return sent, self.watch.finish()


def check_workloads_come_and_go_while_the_daemon_is_killed(lab):
    web, evil, db = lab.shop()
    seeds, crowd, killer = Seeds(lab, db, allowed=[web], denied=[evil]), Crowd(lab, db), Killer(lab)
    killer.start()
    crowd.live(lab.pick(40, 200))
    killer.end()
    lab.check("the daemon could be started each time", killer.error is None, killer.error)
    lab.check("it was killed often", killer.kills >= lab.pick(4, 20), killer.kills)
    wait_until("the daemon answers", lab.bulkhead.answers, 30)
    lab.bulkhead.wait_protected(3 + len(crowd.alive), 30)
    seeds.end("while workloads came and went")
    sent, arrived = crowd.end()
    lab.check("nothing of what workloads that may not, sent from their first moment on, arrived",
              arrived["evil-knocks-"]["received"] == 0 and sent["evil-knocks-"] > 50, (sent, arrived))
    lab.check("what those that may sent, did", arrived["web-knocks-"]["received"] > 20, (sent, arrived))
    lab.judges("at the end", web, evil, db)
    nothing_is_left(lab)


def nothing_is_left(lab):
    held, pins, fds = lab.settle(), lab.pins(), lab.fds()
    lab.bulkhead.stop()
    lab.equal("uninstall", lab.bulkhead.cli("uninstall", "--yes").returncode, 0)
    lab.bulkhead.start()
    lab.bulkhead.wait_protected(len(lab.world.workloads))
    fresh = lab.settle()
    for what, state in fresh.items():
        lab.equal(f"{what}: as after a fresh start", held[what], state)
    lab.equal("pins: as after a fresh start", pins, lab.pins())
    lab.check("descriptors: as after a fresh start", abs(fds - lab.fds()) <= 4, (fds, lab.fds()))
