# SPDX-License-Identifier: Apache-2.0
"""Ports that a container publishes on the host: by whichever way somebody gets there, policy of the container behind it decides."""
from docker_lab import frames, peer, policy, port, rule
from world import Outside

PUBLISHED = 8080


def reaches(lab, source, address):
    return source.traffic("call", "tcp", address, PUBLISHED, "--timeout", 1)["ok"] == 1


def stopped(lab, db, senders, ask):
    """Not answered, and none of the addresses that it may come from by then has sent db a packet."""
    finish = lab.watching(db, *[frames.between(sender, db.v4) for sender in senders])
    answered = ask()
    return not answered and sum(finish().values()) == 0


def check_from_everywhere(lab):
    db = lab.world.workload("db-1", "db", serve=["tcp:80", "tcp:81"], publish={PUBLISHED: 80})
    near = {app: lab.world.workload(f"{app}-near", app) for app in ("web", "evil")}
    far = {app: lab.world.workload(f"{app}-far", app, network="farnet") for app in ("web", "evil")}
    beyond = Outside()
    # Who is masqueraded, or carried over by docker-proxy, comes from a bridge's own address.
    gateways = [lab.inspect(f"web-{place}", '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}') for place in ("near", "far")]
    doors = {"its own bridge's address": gateways[0], "another address of the host": beyond.host_v4}
    lab.start("learn")
    # What the engine itself lets through, without policy: with and without docker-proxy these differ.
    open_before = {(who, place, door): reaches(lab, where[who], address) for door, address in doors.items()
                   for place, where in (("near", near), ("far", far)) for who in ("web", "evil")}
    lab.check("without policy somebody gets to the published port", any(open_before.values()), open_before)
    world_before = reaches(lab, beyond, beyond.host_v4)
    lab.check("without policy the world gets to the published port", world_before)
    host_before = lab.host_reaches(beyond.host_v4, PUBLISHED)

    lab.mode("enforce")
    # docker-proxy opens the second half of a connection itself, and that half is judged as the world's.
    proxies = [peer(cidr=f"{gateway}/32") for gateway in gateways] if lab.proxy else []
    lab.apply(policy("db", "db", ingress=[rule([peer("web"), *proxies], [port(80)])]))
    for (who, place, door), was_open in open_before.items():
        source, address = (near if place == "near" else far)[who], doors[door]
        if was_open and who == "web":
            lab.check(f"web ({place}) still reaches db's published port by {door}", reaches(lab, source, address))
        else:
            lab.check(f"{who} ({place}) is stopped on the way to db's published port by {door}",
                      stopped(lab, db, [source.v4, *gateways], lambda source=source, address=address: reaches(lab, source, address)))
    lab.check("the world is stopped", stopped(lab, db, [beyond.v4], lambda: reaches(lab, beyond, beyond.host_v4)))
    lab.equal("the host reaches another port of db (allow_from_host)", lab.host_reaches(db.v4, 81), True)
    lab.apply(policy("db", "db", ingress=[rule([peer("web")], [port(80)])]))
    lab.check("the host is stopped at a published port (judged as the world)",
              stopped(lab, db, [beyond.host_v4, *gateways], lambda: lab.host_reaches(beyond.host_v4, PUBLISHED)))
    lab.check("... and on the way to the container behind it", stopped(lab, db, gateways, lambda: lab.host_reaches(db.v4, 80)))

    lab.apply(policy("db", "db", ingress=[rule([peer(cidr="0.0.0.0/0"), peer(cidr="::/0")], [port(80)])]))
    lab.equal("the world reaches it when an address block lets it in", reaches(lab, beyond, beyond.host_v4), True)
    lab.equal("the host, too, as far as the engine lets it", lab.host_reaches(beyond.host_v4, PUBLISHED), host_before)
