# SPDX-License-Identifier: Apache-2.0
# What scripts/test and scripts/demo have in common. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Says what it is doing; the same prefix for every line of progress.
say() { printf '== %s\n' "$*"; }

need_root() {
  [ "$(id -u)" = 0 ] && return
  echo "$1: needs root: it loads BPF programs, and makes network namespaces of its own to do so in. Nothing was done." >&2
  exit 2
}

# build PRESET: installs what is missing, configures and builds; quiet unless something goes wrong.
build() {
  local preset=$1 started=$SECONDS
  "$root/scripts/setup"
  mkdir -p "$root/build/$preset"
  local log=$root/build/$preset/build.log
  say "building the preset $preset"
  if ! (cd "$root" && cmake --preset "$preset" && cmake --build --preset "$preset") >"$log" 2>&1; then
    grep -n -A12 -E 'FAILED|error:|CMake Error' "$log" | head -60 >&2 || tail -n 40 "$log" >&2
    echo "build failed; the whole log: $log" >&2
    exit 1
  fi
  say "built in $((SECONDS - started)) s"
}
