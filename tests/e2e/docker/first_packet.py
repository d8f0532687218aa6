# SPDX-License-Identifier: Apache-2.0
"""Containers that send from their first instruction: nothing that is denied arrives, and what is allowed passes at once."""
import time
from concurrent.futures import ThreadPoolExecutor

from docker_lab import frames, peer, policy, port, rule, wait_until

ROUNDS = 10
FIRST = 77


def shop(lab):
    db = lab.world.workload("db-1", "db", serve=["tcp:5432", "udp:53"])
    lab.start("enforce")
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(5432), port(53, "UDP")])]))
    return db


def address(number, family):
    return f"198.18.1.{FIRST + number}" if family == 4 else f"fd00:18:1::{FIRST + number}"


def start(lab, name, app, number, *command):
    """The container's first process is `command` itself: nothing runs in it before that."""
    lab.docker("run", "-d", "--name", name, "--stop-timeout", "0", "--network", "shopnet",
               "--ip", address(number, 4), "--ip6", address(number, 6),
               "--label", "bulkhead.dev/namespace=shop", "--label", f"app={app}", "busybox", *command)


SENDERS = {
    "ping": lambda to, family: ("ping", f"-{family}", "-A", to),
    "udp": lambda to, _: ("sh", "-c", f"for i in $(seq 60); do nslookup knock {to} & usleep 5000; done; wait"),
    "tcp": lambda to, _: ("sh", "-c", f"for i in $(seq 60); do nc -w 1 {to} 5432 </dev/null & usleep 5000; done; wait"),
}


def received(lab, db, kind, family, count):
    """How many packets of so many containers reach db, each a sender from its first instruction to its end."""
    to = db.address(family)
    protocol = {"ping": "icmp"}.get(kind, kind)
    finish = lab.watching(db, *(frames.between(address(number, family), to, protocol) for number in range(count)))
    names = [f"evil-{kind}-{family}-{number}" for number in range(count)]
    with ThreadPoolExecutor(lab.world.hands) as hands:
        list(hands.map(lambda number: start(lab, names[number], "evil", number, *SENDERS[kind](to, family)), range(count)))
    time.sleep(0.3)
    lab.docker("rm", "-f", *names)
    return sum(finish().values())


def check_nothing_denied_arrives(lab):
    db = shop(lab)
    for kind in SENDERS:
        for family in (4, 6):
            lab.mode("audit")
            lab.check(f"a container that sends {kind} over IPv{family} is heard while nothing is enforced",
                      received(lab, db, kind, family, 1) > 0)
            lab.mode("enforce")
            lab.equal(f"packets that reach db, of {ROUNDS} containers that send {kind} over IPv{family} from their start",
                      received(lab, db, kind, family, ROUNDS), 0)


def check_what_is_allowed_passes_at_once(lab):
    """A first packet that is dropped comes again only after a second (RFC 6298, section 2): so none was."""
    db = shop(lab)
    slow = []
    for family in (4, 6):
        for number in range(ROUNDS):
            name = f"web-{family}-{number}"
            start(lab, name, "web", 0, "sh", "-c", f"t=$(cut -d' ' -f1 /proc/uptime); echo hello | nc -w 3 {db.address(family)} 5432; "
                  "echo took $t $(cut -d' ' -f1 /proc/uptime)")
            wait_until(f"{name} ends", lambda name=name: lab.inspect(name, "{{.State.Status}}") == "exited", 20, 0.1)
            said = lab.docker("logs", name)
            begin, end = (float(each) for each in said.rsplit("took ", 1)[-1].split()) if "took" in said else (0.0, 99.0)
            if "db-1 answers" not in said or end - begin > 0.9:
                slow.append((name, round(end - begin, 2), said[:60]))
            lab.docker("rm", "-f", name)
    lab.equal(f"of {2 * ROUNDS} containers that ask from their start, those that are not answered at once", slow, [])
