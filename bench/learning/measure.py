# SPDX-License-Identifier: Apache-2.0
"""What is measured of a set of proposals: by the product's own compiler, offline, and by what calls came through."""
import itertools
import json
import os
import re

from graph import WORLD, Edge

OUTSIDE = "198.19.200.2"  # Outside of tests/lab/world.py
FIRST_EPHEMERAL = 32768   # net.ipv4.ip_local_port_range


def inventory(services, namespace="shop"):
    """One workload of each service, as Kubernetes documents (JSON is YAML)."""
    documents = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    for service in services:
        template = {"metadata": {"labels": {"app": service}}, "spec": {"containers": [{"name": "main", "image": service}]}}
        documents.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": service, "namespace": namespace},
                          "spec": {"replicas": 1, "selector": {"matchLabels": {"app": service}}, "template": template}})
    return "\n---\n".join(map(json.dumps, documents))


def possible(town):
    """Every pair of services, the world with each, and each with what was called outside, on every port that somebody has or tried."""
    ports = sorted({(edge.port, edge.protocol) for edge in [*town.edges, *town.attacks]})
    outwards = sorted({(edge.client, edge.server) for edge in [*town.edges, *town.attacks] if edge.server not in town.services})
    pairs = [*itertools.permutations(town.services, 2), *((WORLD, service) for service in town.services), *outwards]
    return [Edge(client, server, port, protocol) for client, server in pairs for port, protocol in ports]


def permitted(bulkhead, town, policies):
    """Those of possible() that the proposals permit."""
    def name(who):
        """Attackers call outside by address."""
        return OUTSIDE if who == WORLD else f"shop/{who}-0" if who in town.services else who
    probes = [{"from": name(edge.client), "to": name(edge.server), "protocol": edge.protocol, "port": edge.port, "expect": "allow"}
              for edge in possible(town)]
    paths = {}
    for kind, text in (("inventory", inventory(town.services)), ("probes", json.dumps({"probes": probes}))):
        paths[kind] = os.path.join(bulkhead.folder, kind + ".yaml")
        with open(paths[kind], "w", encoding="utf-8") as out:
            out.write(text)
    judged = bulkhead.json("policy", "test", "--inventory", paths["inventory"], "--policy", policies, "--probes", paths["probes"])
    return {edge for edge, row in zip(possible(town), judged) if row["verdict"] == "allow"}


def share(part, whole):
    return len(part) / len(whole) if whole else 1.0


def of_proposals(town, allowed, proposals):
    """proposals: rows of `learn propose -o json`."""
    real = set(town.edges)
    known = {edge for edge, (answered, _) in town.legitimate.items() if answered >= 3}
    rules = {row["service"]: len(re.findall(r"^  - (?:from|to|ports):", row["yaml"], re.M)) for row in proposals}
    edges = {service: sum(service in (edge.client, edge.server) for edge in town.edges) for service in town.services}
    served = {edge.port for edge in town.edges}
    ports = [int(port) for row in proposals for port in re.findall(r"\bport: (\d+)", row["yaml"])]
    return {
        "precision": (share(allowed & real, allowed), "share"),
        "recall": (share(known & allowed, known), "share"),
        "over_permission": (share(allowed - real, possible(town)), "share"),
        "rules_per_service": (max((rules.get(service, 0) / edges[service] for service in town.services), default=0.0), "rules/edge, most"),
        "attack_edges": (len(town.attacks), "edges"),
        "attack_edges_accepted": (len(set(town.attacks) & allowed), "edges"),
        "ephemeral_port_rules": (sum(port >= FIRST_EPHEMERAL and port not in served for port in ports), "rules"),
    }
