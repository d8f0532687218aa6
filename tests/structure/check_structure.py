#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a machine can check: include directions, SPDX lines, include guards, file lengths.

usage: check_structure.py ROOT     exit 0: all hold; 1: prints one line for each breach
       check_structure.py --self-test
"""
import os
import re
import sys
import tempfile

# A folder may include itself and what stands here. The order is that of the two data paths.
MODEL = ["include/bulkhead/model"]
ABI = ["include/bulkhead/abi"]
ALLOWED = {
    "include/bulkhead/abi": [],
    "include/bulkhead/model": [],
    "include/bulkhead/api": MODEL,
    "bpf": ABI,
    "dataplane/kernel": MODEL + ABI,
    "dataplane/reference": MODEL + ABI + ["dataplane"],
    # The store of the flow table is one piece of code for both sides.
    "dataplane/flow": MODEL + ABI + ["dataplane", "dataplane/kernel", "bpf"],
    "dataplane/ebpf": MODEL + ABI + ["dataplane", "dataplane/kernel", "dataplane/flow", "bpf"],
    "dataplane/fast_path": MODEL + ABI + ["dataplane/kernel"],
    "dataplane": MODEL + ABI,
    "controlplane/yaml": MODEL,
    "controlplane/policy": MODEL + ABI + ["controlplane/yaml"],
    "controlplane/lint": MODEL + ["controlplane/policy", "controlplane/identity", "controlplane/yaml"],
    "controlplane/diff": MODEL + ["controlplane/policy"],
    "controlplane/store": MODEL,
    "controlplane/identity": MODEL + ["controlplane/runtime", "controlplane/policy"],
    "controlplane/runtime": MODEL + ["controlplane/yaml", "controlplane/policy", "dataplane/kernel"],
    "controlplane/inventory": MODEL + ABI + ["controlplane/runtime", "controlplane/identity", "dataplane/kernel", "dataplane"],
    "controlplane/config": MODEL + ["controlplane/yaml", "controlplane/policy", "controlplane/api", "controlplane/learn", "dataplane"],
    "controlplane/learn": MODEL + ["include/bulkhead/api", "controlplane/store", "controlplane/policy", "controlplane/api"],
    "controlplane/doctor": MODEL + ["include/bulkhead/api", "controlplane/config", "controlplane/runtime", "controlplane/api", "dataplane/ebpf",
                                    "dataplane/fast_path", "dataplane/kernel"],
    "controlplane/api": MODEL + ABI + ["include/bulkhead/api", "controlplane/policy", "controlplane/lint", "controlplane/diff"],
}
ANYTHING = ("controlplane/daemon", "controlplane/cli", "tests", "bench")
SOURCE = (".h", ".c", ".cc")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def folder_of(include, root):
    """The project folder that an include names, or None for a library's header."""
    for base in ("", "include/"):
        if os.path.exists(os.path.join(root, base + include)):
            return os.path.dirname(base + include)
    return None


def allowed(folder, target):
    if folder.startswith(ANYTHING) or target == folder:
        return True
    rule = folder
    while rule and rule not in ALLOWED:
        rule = os.path.dirname(rule)
    if not rule:
        return False
    return target == rule or target.startswith(rule + "/") or any(
        target == a or (a not in ("dataplane",) and target.startswith(a + "/")) for a in ALLOWED[rule])


def check_file(path, root):
    folder = os.path.dirname(path)
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    head = "\n".join(lines[:3])
    licence = "GPL-2.0-only OR Apache-2.0" if folder.startswith(("bpf", "include/bulkhead/abi")) else "Apache-2.0"
    if f"SPDX-License-Identifier: {licence}" not in head:
        yield f"{path}:1: no 'SPDX-License-Identifier: {licence}' in the first lines"
    if not path.endswith(SOURCE):
        return
    if len(lines) > 500:
        yield f"{path}: {len(lines)} lines; a file has one job and at most 500 lines"
    if path.endswith(".h"):
        inner = path[len("include/bulkhead/"):] if path.startswith("include/bulkhead/") else path
        guard = "BULKHEAD_" + re.sub(r"[^A-Z0-9]", "_", inner.upper()) + "_"
        if f"#ifndef {guard}" not in lines:
            yield f"{path}: include guard is not {guard}"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        target = match and folder_of(match.group(1), root)
        if target is not None and match and not allowed(folder, target):
            yield f"{path}:{number}: {folder} must not include {target}"


def files(root):
    for top in ("bpf", "include", "dataplane", "controlplane", "tests", "bench", "scripts"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith(SOURCE + (".py", ".sh")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check(root):
    return [breach for path in files(root) for breach in check_file(path, root)]


def self_test():
    with tempfile.TemporaryDirectory() as root:
        def write(path, text):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        spdx = "// SPDX-License-Identifier: Apache-2.0\n"
        write("controlplane/policy/a.h", spdx + "#ifndef BULKHEAD_CONTROLPLANE_POLICY_A_H_\n#endif\n")
        write("dataplane/kernel/b.cc", spdx + '#include "controlplane/policy/a.h"\n')
        write("dataplane/kernel/c.cc", "int x;\n")
        write("dataplane/kernel/d.h", spdx + "#pragma once\n")
        write("dataplane/kernel/e.cc", spdx + "\n" * 501)
        write("controlplane/daemon/f.cc", spdx + '#include "controlplane/policy/a.h"\n')
        found = "\n".join(check(root))
        for part in ("b.cc:2: dataplane/kernel must not include controlplane/policy", "c.cc:1: no 'SPDX", "d.h: include guard",
                     "e.cc: 502 lines"):
            assert part in found, f"missed: {part}\n{found}"
        assert "a.h" not in found.replace("a.h\"", "") or "policy/a.h:" not in found, found
        assert "f.cc" not in found, found


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        sys.exit(0)
    breaches = check(sys.argv[1])
    print("\n".join(breaches))
    sys.exit(1 if breaches else 0)
