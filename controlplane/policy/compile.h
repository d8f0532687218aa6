// SPDX-License-Identifier: Apache-2.0
// Compile: documents + who lives here -> CompiledPolicy.
//
// Thread safety: Compile, Judge and CheckSupported are pure, any thread. A Compiler belongs to one thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_COMPILE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_COMPILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"

namespace bulkhead {

// More than a host's dataplane holds (BH_MAX_SUBJECTS in abi/policy.h, which it checks itself): an inventory is of a whole cluster.
inline constexpr uint32_t kMaxCompiledSubjects = 262'144;

// An identity whose image is new to its service. What no rule permits of it, on either end, is reported and passes, or is allowed,
// whatever the service's mode; what a rule denies stays denied. Of two ends the stricter holds.
enum class Newcomer : uint8_t { kNo, kAdmitted, kReported };

struct KnownIdentity {
  Identity identity;
  std::vector<IpAddress> addresses;  // of all its workloads; empty is allowed
  Mode mode = Mode::kLearn;
  bool local = true;                   // at least one of its workloads lives on this host: it gets a row
  std::vector<NamedPort> named_ports;  // empty: rules with named ports never match it
  Newcomer newcomer = Newcomer::kNo;
};

struct PolicyOptions {
  bool default_allow = true;    // what no policy decides
  bool allow_from_host = true;  // packets that the host itself made pass NetworkPolicy isolation
};

struct CompileInput {
  std::shared_ptr<const PolicyDocuments> documents;
  std::map<std::string, Labels> namespaces;  // those declared; others have only kubernetes.io/metadata.name
  std::vector<KnownIdentity> identities;
  std::vector<IpAddress> host_addresses;
  std::vector<KnownNode> nodes;    // for peers `nodes`
  std::vector<Prefix> more_cidrs;  // looked up as if a rule mentioned them: two policies with the same can be compared by subject
  PolicyOptions options;
  Mode global_mode = Mode::kLearn;
  uint64_t generation = 0;
};

// What the documents ask for and no compiler can give yet: "file:line:column: ...: not supported yet", one line each; empty:
// nothing.
std::vector<std::string> CheckSupported(const PolicyDocuments& documents);

// kInvalidArgument: CheckSupported says something. kResourceExhausted: a limit of abi/policy.h is exceeded; the message has the
// counts. rules[].id is left 0.
// Subjects: the three reserved ones; (identity, CIDR set of each address) and (identity, {}) for each identity; (host, ...)
// likewise for each host address; (world, set of P) for each prefix P. Rows: every class that holds a subject of a local identity
// or the unknown one.
absl::StatusOr<CompiledPolicy> Compile(const CompileInput& input);

// What the last compilation had to do.
struct CompileWork {
  bool from_scratch = false;
  uint32_t rows = 0;  // worked out, of both directions
};

// Compiles again and again, and remembers what it can use again: an incremental result is equal to one from scratch.
class Compiler {
 public:
  Compiler();
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // As Compile(). An identity's labels, namespace and named ports must not change between calls under the same id.
  absl::StatusOr<std::shared_ptr<CompiledPolicy>> Compile(const CompileInput& input);

  // Adds an identity, or addresses to one, to the policy that Compile returned last, in place. An identity of a known class costs a
  // few look-ups; a new class, one column and one row. kResourceExhausted: it does not fit, and nothing was added.
  // kFailedPrecondition: there is no such policy, or what exists would have to change. After any error: Compile anew.
  absl::StatusOr<PolicyGrowth> Extend(const KnownIdentity& known);

  CompileWork work() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a compiled policy says of one packet, by the same look-ups as the dataplane: used by `explain`, `policy test`, proposals.
struct Judgement {
  SideVerdict source, destination;
  bool allow() const { return source.allow && destination.allow; }
};
Judgement Judge(const CompiledPolicy& policy, SubjectId source, SubjectId destination, uint8_t protocol, uint16_t port);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_COMPILE_H_
