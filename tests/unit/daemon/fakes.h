// SPDX-License-Identifier: Apache-2.0
// A dataplane that remembers what it was told, a folder that goes with the test, and short policies.
#ifndef BULKHEAD_TESTS_UNIT_DAEMON_FAKES_H_
#define BULKHEAD_TESTS_UNIT_DAEMON_FAKES_H_

#include "controlplane/daemon/changer.h"
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/backend.h"
#include "dataplane/uplinks.h"
#include "tests/places/temporary_folder.h"

namespace bulkhead {

class FakeBackend : public Backend {
 public:
  absl::Status SetOptions(const DataplaneOptions&) override { return absl::OkStatus(); }
  absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) override {
    log.push_back("policy");
    if (!policy_status.ok()) return policy_status;
    if (policy->rules.size() > most_rules) return absl::ResourceExhaustedError("too many rules");
    policies.push_back(std::move(policy));
    return absl::OkStatus();
  }
  absl::Status GrowPolicy(const PolicyGrowth& growth) override {
    log.push_back("grow");
    if (grow_status.ok()) growths.push_back(growth);
    return grow_status;
  }
  absl::Status StagePolicy(std::shared_ptr<const CompiledPolicy> policy) override {
    log.push_back(policy ? "stage" : "unstage");
    if (stage_status.ok()) staged = std::move(policy);
    return stage_status;
  }
  absl::Status GrowStaged(const PolicyGrowth&) override {
    log.push_back("grow staged");
    return grow_staged_status;
  }
  absl::Status PutEndpoint(const EndpointState& endpoint) override {
    log.push_back(std::string(endpoint.bound ? "bound " : "unbound ") + std::to_string(endpoint.slot));
    if (!put_status.ok()) return put_status;
    endpoints[endpoint.slot] = endpoint;
    return absl::OkStatus();
  }
  absl::Status RemoveEndpoint(uint16_t slot) override {
    log.push_back("remove " + std::to_string(slot));
    endpoints.erase(slot);
    return absl::OkStatus();
  }
  absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses) override {
    host_addresses = addresses;
    return absl::OkStatus();
  }
  absl::Status SetPublished(const std::vector<PublishedTarget>& targets) override {
    published = targets;
    return absl::OkStatus();
  }
  absl::Status SetFastPath(const std::vector<uint16_t>& slots, uint32_t) override {
    fast = slots;
    return absl::OkStatus();
  }
  absl::Status Attach(uint32_t ifindex, uint16_t zone) override {
    attached[ifindex] = zone;
    return attach_status;
  }
  absl::Status Detach(uint32_t ifindex) override {
    attached.erase(ifindex);
    return absl::OkStatus();
  }
  absl::Status ReadFlows(const std::function<bool(const FlowRecord&)>&) override { return absl::OkStatus(); }
  absl::Status ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) override {
    for (const EdgeRecord& edge : edges) {
      if (!callback(edge)) break;
    }
    return absl::OkStatus();
  }
  absl::Status TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                             const std::function<void(const EdgeRecord&)>& callback) override {
    if (before_take) before_take();
    std::erase_if(edges, [&](const EdgeRecord& edge) {
      if (edge.last_seen >= (edge.answered == 0 ? std::max(seen_before, unanswered_before) : seen_before)) return false;
      callback(edge);
      return true;
    });
    return absl::OkStatus();
  }
  absl::Status ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::map<uint32_t, RuleCounts>> ReadRules() override { return std::map<uint32_t, RuleCounts>(); }
  absl::Status DrainEvents(const std::function<void(const bh_event&)>&) override { return absl::OkStatus(); }
  absl::Status DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) override {
    for (const bh_dns_answer& answer : std::exchange(answers, {})) callback(answer);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<SimulatedRun>> Simulate(const std::vector<SimulatedPacket>& packets) override {
    return std::vector<SimulatedRun>(packets.size());
  }
  absl::Status SetCapture(const std::optional<CaptureFilter>&) override { return absl::OkStatus(); }
  absl::Status DrainCapture(const std::function<bool(const bh_capture_packet&)>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<uint64_t>> ReadCounters() override { return counters; }
  absl::StatusOr<uint64_t> Sweep() override { return 0; }

  std::vector<std::string> log;
  std::vector<bh_dns_answer> answers;
  std::vector<EdgeRecord> edges;
  std::vector<uint64_t> counters = std::vector<uint64_t>(BH_COUNTER_COUNT);
  std::function<void()> before_take;
  std::vector<std::shared_ptr<const CompiledPolicy>> policies;
  size_t most_rules = SIZE_MAX;
  std::vector<PolicyGrowth> growths;
  std::shared_ptr<const CompiledPolicy> staged;
  std::map<uint16_t, EndpointState> endpoints;
  std::vector<IpAddress> host_addresses;
  std::vector<PublishedTarget> published;
  std::map<uint32_t, uint16_t> attached;
  std::vector<uint16_t> fast;
  absl::Status policy_status, grow_status, stage_status, grow_staged_status, put_status, attach_status;
};

class FakeUplinks : public Uplinks {
 public:
  UplinkHook hook() const override { return wanted; }
  absl::StatusOr<XdpMode> Attach(uint32_t ifindex) override {
    log.push_back("attach " + std::to_string(ifindex));
    if (!attach_status.ok()) return attach_status;
    attached.insert(ifindex);
    return mode;
  }
  absl::Status Detach(uint32_t ifindex) override {
    log.push_back("detach " + std::to_string(ifindex));
    attached.erase(ifindex);
    return absl::OkStatus();
  }
  std::vector<uint32_t> Attached() const override { return {attached.begin(), attached.end()}; }
  absl::Status SetHostMacs(const std::set<MacAddress>& given) override {
    macs = given;
    return absl::OkStatus();
  }
  absl::Status SetLocalPorts(uint16_t first, uint16_t last) override {
    ports = {first, last};
    return absl::OkStatus();
  }
  absl::Status SetBlocked(const std::set<Prefix>& prefixes) override {
    if (blocked_status.ok()) blocked = prefixes;
    return blocked_status;
  }
  absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() const override { return std::map<Prefix, BlockCount>(); }
  absl::StatusOr<std::map<uint32_t, uint64_t>> ReadDrops() const override { return std::map<uint32_t, uint64_t>(); }

  UplinkHook wanted = UplinkHook::kXdp;
  XdpMode mode = XdpMode::kNative;
  std::vector<std::string> log;
  std::set<uint32_t> attached;
  std::set<MacAddress> macs;
  std::pair<uint16_t, uint16_t> ports;
  std::set<Prefix> blocked;
  absl::Status attach_status, blocked_status;
};

class TestFolder {
 public:
  std::string path() const { return path_.string(); }
  void Write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  bool Has(const std::string& name) const { return std::filesystem::exists(path_ / name); }
  std::string Read(const std::string& name) const {
    std::ifstream file(path_ / name);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
  }
  size_t Files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path();
};

class FakeHost : public PolicyHost {
 public:
  explicit FakeHost(std::string folder) : folder_(std::move(folder)) { (void)Reload(); }
  const LoadedPolicies& policies() const override { return policies_; }
  const std::map<std::string, Workload>& workloads() const override { return workloads_; }
  uint64_t generation() const override { return generation_; }
  absl::Status Check(const LoadedPolicies&) const override { return check; }
  absl::Status Reload() override {
    policies_ = LoadPolicyFolder(*ReadPolicyFolder(folder_), folder_, policies_, generation_);
    ++generation_;
    return reload;
  }

  absl::Status check, reload;
  std::map<std::string, Workload> workloads_;

 private:
  std::string folder_;
  LoadedPolicies policies_;
  uint64_t generation_ = 0;
};

// Isolates the ingress of app=APP; allows from app=FROM.
inline std::string PolicyYaml(const std::string& ns, const std::string& name, const std::string& app, const std::string& from) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: " + ns +
         "}\nspec:\n  podSelector: {matchLabels: {app: " + app + "}}\n  policyTypes: [Ingress]\n" +
         "  ingress: [{from: [{podSelector: {matchLabels: {app: " + from + "}}}]}]\n";
}

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_DAEMON_FAKES_H_
