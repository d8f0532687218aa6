// SPDX-License-Identifier: Apache-2.0
// Stage: the cast under a policy, on every backend at once. Each packet runs on all of them; they must agree.
#ifndef BULKHEAD_TESTS_PACKET_STAGE_H_
#define BULKHEAD_TESTS_PACKET_STAGE_H_

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "controlplane/policy/compile.h"
#include "tests/packet/cast.h"
#include "tests/packet/runner.h"

namespace bulkhead::packet_test {

struct Setting {
  std::string policies = {};               // YAML; all workloads are in namespace shop, labelled app: SERVICE
  std::string audits = {};                 // the same; these are in audit
  Mode mode = Mode::kEnforce;              // of every service
  std::map<std::string, Mode> modes = {};  // of single services, instead
  Mode global_mode = Mode::kEnforce;
  PolicyOptions options = {};
};

// For a cast of which those that come late are not known yet.
CompileInput InputOf(const Setting& setting, const std::vector<EndpointState>& endpoints, uint64_t generation);
// The policy of a setting for these endpoints; rules have no ids yet.
CompiledPolicy CompileSetting(const Setting& setting, const std::vector<EndpointState>& endpoints, uint64_t generation);

class Stage {
 public:
  // With the whole cast, the host's addresses and the setting. One stage at a time: they share the kernel's maps.
  explicit Stage(const Setting& setting);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void Apply(const Setting& setting);  // a new generation
  // Makes the policy, and the staged one, know an identity of that service, from now on. Identities of Late() and behind it. False:
  // the compiler cannot; they are compiled and put anew.
  bool Grow(IdentityId identity, const std::string& service);
  // All endpoints of the identity, as they are.
  void PutAgain(IdentityId identity);
  void StageDraft(const Setting& setting);
  void Discard();
  void Publish(const std::vector<PublishedTarget>& targets);
  void SetHostAddresses(const std::vector<IpAddress>& addresses);
  // What the stage begins with.
  static DataplaneOptions Options();
  void SetOptions(const DataplaneOptions& options);
  // No events any more: all that is denied counts as a flood.
  void Flood();
  bool flooded() const { return flooded_; }
  void Put(const EndpointState& endpoint);
  void Remove(uint16_t slot);
  // Outcome::fast is what a backend says that has the fast path, if there is one.
  void SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds = 3600);
  // Of the endpoint that has the interface now: programs are attached by it.
  std::optional<uint16_t> ZoneOf(uint32_t ifindex) const;
  bool Has(uint16_t slot) const { return endpoints_.contains(slot); }
  void Advance(uint32_t seconds);
  void Sweep();

  Outcome Run(const Packet& packet);
  // The actor sends the frame; its ingress hook sees it.
  Outcome Leaves(const Actor& from, const Frame& frame);
  // The frame is delivered to the actor; its egress hook sees it. tag: of who sent it; came_in: ifindex, 0 = made by the host.
  Outcome Arrives(const Actor& to, const Frame& frame, uint16_t tag, uint32_t came_in);
  Outcome ArrivesFromOutside(const Actor& to, const Frame& frame) { return Arrives(to, frame, 0, kUplink); }
  Outcome ArrivesFromHost(const Actor& to, const Frame& frame) { return Arrives(to, frame, 0, 0); }
  // Both, on one bridge or routed: the second only if the first passes. The last one's outcome.
  Outcome Travels(const Actor& from, const Actor& to, const Frame& frame);

  // Entries of the first backend; all backends have the same.
  std::map<FlowKey, Flow> Flows();
  std::vector<EdgeRecord> Edges();
  std::vector<StagedEdgeRecord> StagedEdges();
  // Out of all backends, however lately they were seen; calls back for the first backend's.
  void TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before, const std::function<void(const EdgeRecord&)>& callback);
  // DNS answers since the last call; all backends must have the same.
  std::vector<bh_dns_answer> Answers();
  // Everything that the backends keep must be equal: entries, edges, counters. Also done at the end of each stage.
  void Compare();

  uint32_t stamp() { return runners_.front()->stamp(); }
  const std::string& RuleKey(uint32_t id) const;

 private:
  template <typename F>
  void OnAll(const std::string& what, F&& change);

  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<std::vector<uint64_t>> counters_;  // at the start, by runner
  std::vector<std::map<uint32_t, RuleCounts>> rules_;  // likewise
  // A policy that may grow, and who compiled it.
  struct Draft {
    Setting setting;
    std::unique_ptr<Compiler> compiler = std::make_unique<Compiler>();
    std::shared_ptr<CompiledPolicy> policy;
  };
  Draft Make(const Setting& setting);

  Draft active_;
  std::optional<Draft> staged_;
  std::vector<KnownIdentity> grown_;
  std::map<uint16_t, EndpointState> endpoints_;
  std::map<std::string, uint32_t> rule_ids_;
  uint64_t generation_ = 0;
  bool flooded_ = false;
};

// Policy text for the cast: who may reach whom. Each isolates what it selects.
std::string AllowIngress(const std::string& to, const std::string& from, const std::string& ports);
std::string AllowEgress(const std::string& from, const std::string& to, const std::string& ports);
std::string IsolateIngress(const std::string& service);
std::string IsolateEgress(const std::string& service);

// Established: the flow table alone let it pass. Allowed: judged, and passed with nothing to report.
MATCHER(Established, "passes as established") { return arg.pass && arg.established; }
MATCHER(Allowed, "is judged and allowed") {
  return arg.pass && !arg.established && arg.verdict == Verdict::kAllow && arg.reason == BH_REASON_NONE;
}
MATCHER(Passes, "passes, with nothing to report") { return arg.pass && (arg.established || arg.verdict == Verdict::kAllow); }
MATCHER_P(Denied, reason, "is dropped for the reason") {
  return !arg.pass && arg.verdict == Verdict::kDeny && arg.reason == reason;
}
MATCHER_P(WouldBeDenied, reason, "passes, reported for the reason") {
  return arg.pass && !arg.established && arg.verdict == Verdict::kWouldDeny && arg.reason == reason;
}

}  // namespace bulkhead::packet_test

namespace bulkhead::reference {
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);
}  // namespace bulkhead::reference

#endif  // BULKHEAD_TESTS_PACKET_STAGE_H_
