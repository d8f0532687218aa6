// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/config_change.h"

namespace bulkhead {
namespace {

struct ConfigTaker {
  ConfigChange change;

  template <typename Value>
  void Now(const char* key, const Value& changed, Value* running) {
    if (changed == *running) return;
    change.taken.push_back(key);
    *running = changed;
  }
  template <typename Value>
  void Later(const char* key, const Value& changed, const Value& running) {
    if (!(changed == running)) change.later.push_back(key);
  }
};

}  // namespace

ConfigChange TakeUp(const Config& changed, Config* running) {
  ConfigTaker taker;
  taker.Now("log_level", changed.log_level, &running->log_level);
  taker.Now("default_mode", changed.default_mode, &running->default_mode);
  taker.Now("resolvers", changed.resolvers, &running->resolvers);
  taker.Now("node_labels", changed.node_labels, &running->node_labels);
  DataplaneOptions& plane = running->dataplane;
  taker.Now("proxy_is_world", changed.dataplane.proxy_is_world, &plane.proxy_is_world);
  taker.Now("flow_quota", changed.dataplane.flow_quota_divisor, &plane.flow_quota_divisor);
  taker.Now("events_per_second", changed.dataplane.events_per_second, &plane.events_per_second);
  taker.Now("midstream_per_second", changed.dataplane.midstream_per_second, &plane.midstream_per_second);
  taker.Now("dns_answers_per_second", changed.dataplane.dns_answers_per_second, &plane.dns_answers_per_second);
  taker.Now("timeouts", changed.dataplane.timeouts, &plane.timeouts);

  taker.Later("sources.docker", changed.docker_sockets, running->docker_sockets);
  taker.Later("sources.static", changed.workloads_dir, running->workloads_dir);
  taker.Later("policy_dir", changed.policy_dir, running->policy_dir);
  taker.Later("state_dir", changed.state_dir, running->state_dir);
  taker.Later("api_socket", changed.api_socket, running->api_socket);
  taker.Later("pin_root", changed.pin_root, running->pin_root);
  taker.Later("attach", changed.attach, running->attach);
  taker.Later("workload_hook", changed.workload_xdp, running->workload_xdp);
  taker.Later("uplinks", changed.uplinks, running->uplinks);
  taker.Later("uplink_hook", changed.uplink_hook, running->uplink_hook);
  taker.Later("fast_path", changed.fast_path, running->fast_path);
  taker.Later("new_image", changed.new_image, running->new_image);
  taker.Later("new_image_grace", changed.new_image_grace, running->new_image_grace);
  taker.Later("default_verdict", changed.default_allow, running->default_allow);
  taker.Later("allow_from_host", changed.allow_from_host, running->allow_from_host);
  taker.Later("trust_image_labels", changed.trust_image_labels, running->trust_image_labels);
  taker.Later("flow_table_entries", changed.flow_table_entries, running->flow_table_entries);
  taker.Later("keep_unconfirmed", changed.keep_unconfirmed, running->keep_unconfirmed);
  taker.Later("learn", changed.learn, running->learn);
  return taker.change;
}

}  // namespace bulkhead
