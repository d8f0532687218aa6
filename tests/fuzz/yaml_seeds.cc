// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

constexpr char kConfigSeed[] = R"(sources:
  docker: [/run/docker.sock]
  static: /etc/bulkhead/workloads.d
policy_dir: /etc/bulkhead/policies.d
attach: tcx
workload_hook: xdp
uplinks: [eth0]
uplink_hook: generic
fast_path: off
default_mode: audit
new_image: learn
new_image_grace: 7d
resolvers: [192.0.2.53, "fd00::53"]
default_verdict: deny
allow_from_host: false
flow_table_entries: 65536
flow_quota: 8
timeouts:
  tcp: {unanswered: 60, established: 28800, closing: 120, closed: 10}
  udp: {unanswered: 30, established: 180, closing: 30, closed: 10}
node_labels: {rack: a1}
learn: {window: 3600, retain_days: 90, max_edges: 200000, occurrences: 3, ready_new_percent: 5}
log_level: debug
)";

constexpr char kModesSeed[] = R"(global: learn
namespaces: {shop: audit, "1.5": enforce}
services: {shop/db: enforce, "no/yes": learn}
)";

constexpr char kWorkloadSeed[] = R"(name: db-0
namespace: shop
labels: {app: db}
image: registry/db:1
digest: sha256:0123
netns: /run/netns/db-0
ports:
  - {name: sql, port: 5432}
  - {name: dns, port: 53, protocol: UDP}
published:
  - {host_port: 15432, port: 5432, protocol: TCP, host_address: 192.0.2.1}
networks:
  - {bridge: br0, mac: "02:42:12:01:00:0a", addresses: [198.18.1.10, "fd00:18:1::a"]}
)";

}  // namespace

std::vector<std::string> YamlSeeds() {
  std::vector<std::string> seeds = {kConfigSeed, kModesSeed, kWorkloadSeed};
  for (const char* folder : {"tests/data/shop", "tests/data/tiers"}) {
    for (std::string& text : FilesBelow(folder)) seeds.push_back(std::move(text));
  }
  return WithFound(std::move(seeds), "yaml");
}

}  // namespace bulkhead
