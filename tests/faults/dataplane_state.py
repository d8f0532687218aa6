# SPDX-License-Identifier: Apache-2.0
"""What is in the kernel, in a form in which two starts can be compared: numbers that are handed out anew are left out or replaced by
what they stand for."""
import glob
import json
import os
import subprocess

from world import LabError, run

HOOKS = ("ingress", "egress")


def bpftool(*args):
    return json.loads(run(["bpftool", "-j", *args]).stdout or "[]")


def dump(base, name):
    """[{"key", "value"}] as BTF tells them."""
    path = f"{base}/maps/{name}" if name != "bh_attachments" else f"{base}/{name}"
    done = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", path], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise LabError(f"{path}: {done.stdout}{done.stderr}")
    rows = json.loads(done.stdout)
    return [row.get("formatted", row) for row in rows]


def pinned_maps(base):
    """{the kernel's number of a map: its name}"""
    return {bpftool("map", "show", "pinned", path)["id"]: os.path.basename(path) for path in glob.glob(f"{base}/maps/*")}


def filters(interface):
    """{hook: numbers of the programs there, in their order}"""
    out = {}
    for hook in HOOKS:
        text = run(["tc", "-j", "filter", "show", "dev", interface, hook]).stdout
        rows = json.loads(text or "[]")
        out[hook] = [row["options"]["prog"]["id"] for row in rows if "prog" in row.get("options", {})]
    return out


def attached(interface, maps):
    """For each hook the names of the programs, each with the maps of ours that it uses and that are not pinned."""
    out = {}
    for hook, programs in filters(interface).items():
        out[hook] = []
        for program in programs:
            info = bpftool("prog", "show", "id", str(program))
            used = [bpftool("map", "show", "id", str(number)) for number in info.get("map_ids", []) if number not in maps]
            strangers = sorted(each["name"] for each in used if each["name"].startswith("bh_"))
            out[hook].append((info["name"], strangers))
    return out


def dotted(raw, family):
    return ".".join(map(str, raw[:4])) if family == 4 else bytes(raw).hex()


def state(pin_root, interfaces):
    """Everything but the flows, counters and edges, which are the packets' own."""
    bases = sorted(glob.glob(pin_root + "/v*"))
    if len(bases) != 1:
        raise LabError(f"pinned layouts: {bases}")
    base = bases[0]
    maps = pinned_maps(base)
    # The first word of bh_control says which policy slot counts (abi/config.h).
    control = dump(base, "bh_control")[0]["value"]
    active = control["stamp"] & 1
    endpoints = {row["key"]: row["value"] for row in dump(base, "bh_endpoints") if row["value"]["ifindex"]}
    # The compiler hands subjects out anew; who has one tells whose it is.
    whose = {subject: e["identity"] for e in endpoints.values() for subject in e["subject"][active]}
    pins = []
    for folder, folders, files in os.walk(pin_root):
        pins += [os.path.relpath(os.path.join(folder, name), base) for name in folders + files]
    return {
        "pins": sorted(pins),
        "programs": {interface: attached(interface, maps) for interface in interfaces},
        "endpoints": sorted((e["ifindex"], e["zone"], e["flags"], e["mac"], e["identity"], all(e["subject"][active]))
                            for e in endpoints.values()),
        "ports": sorted((row["key"], endpoints.get(row["value"], {}).get("ifindex")) for row in dump(base, "bh_ports")),
        "addresses": sorted((row["key"]["zone"], dotted(row["key"]["address"], row["key"]["family"]), row["value"]["ifindex"],
                             endpoints.get(row["value"]["slot"], {}).get("ifindex"), row["value"]["flags"],
                             whose.get(row["value"]["subject"][active], row["value"]["subject"][active]))
                            for row in dump(base, "bh_addresses")),
        "published": sorted(map(str, dump(base, "bh_published"))),
        "targets": sorted(map(str, dump(base, "bh_targets"))),
        "attachments": sorted(str(row) for row in dump(base, "bh_attachments")),
        "options": {name: value for name, value in control.items() if name not in ("stamp", "secret", "arrivals")},
    }


def differences(before, now):
    """Sentences."""
    out = []
    for what in before:
        if before[what] != now[what]:
            if isinstance(before[what], list):
                gone = [each for each in before[what] if each not in now[what]]
                new = [each for each in now[what] if each not in before[what]]
                out.append(f"{what}: missing {gone}, not expected {new}")
            else:
                out.append(f"{what}: {now[what]}, expected {before[what]}")
    return out
