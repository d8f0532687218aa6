# SPDX-License-Identifier: Apache-2.0
"""Call graphs of applications, as files: {"application", "edges": [[client, server, port(, protocol)], ...]}."""
import collections
import json

Edge = collections.namedtuple("Edge", "client server port protocol")  # services; protocol: "tcp" or "udp"

WORLD = "world"  # as a client: somebody beyond the host


class GraphError(Exception):
    pass


def read(path):
    """The application's name and its edges. GraphError says what is wrong where."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError) as error:
        raise GraphError(f"{path}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("edges"), list) or not data["edges"]:
        raise GraphError(f'{path}: expected an object with "edges": [[client, server, port], ...]')
    edges = []
    for number, row in enumerate(data["edges"]):
        if not isinstance(row, list) or len(row) not in (3, 4) or not all(isinstance(name, str) and name for name in row[:2]):
            raise GraphError(f"{path}: edge {number}: found {row!r}, expected [client, server, port(, protocol)]")
        protocol = row[3] if len(row) == 4 else "tcp"
        if not isinstance(row[2], int) or not 0 < row[2] < 65536 or protocol not in ("tcp", "udp"):
            raise GraphError(f"{path}: edge {number}: found {row!r}, expected a port from 1 to 65535 and tcp or udp")
        edges.append(Edge(row[0], row[1], row[2], protocol))
    return str(data.get("application", path)), edges


def entry(edges):
    """Where clients from beyond the host come in: the service that calls most others, at its own port if somebody calls it."""
    clients = [edge.client for edge in edges]
    front = max(dict.fromkeys(clients), key=clients.count)
    return next((edge for edge in edges if edge.server == front), Edge(WORLD, front, 8080, "tcp"))
