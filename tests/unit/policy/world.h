// SPDX-License-Identifier: Apache-2.0
// Small worlds for tests: identities by a line of text, policies from YAML, and questions about them put to the compiler and the
// documents.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_WORLD_H_
#define BULKHEAD_TESTS_UNIT_POLICY_WORLD_H_

#include <optional>
#include <string>

#include "controlplane/policy/compile.h"
#include "controlplane/policy/evaluate.h"

namespace bulkhead {

// One side of a connection in a CompileInput.
struct TestParty {
  Party::Kind kind = Party::Kind::kWorld;
  size_t identity = 0;  // kWorkload: index into CompileInput::identities
  std::optional<IpAddress> address;
};

// Adds an identity with the next free id and returns its index. labels: "app=web,tier=front".
size_t AddIdentity(CompileInput* input, const std::string& ns, const std::string& labels,
                   const std::vector<std::string>& addresses = {});

// Parses; a test failure when there are errors.
std::shared_ptr<const PolicyDocuments> Documents(const std::string& yaml);

SubjectId SubjectOf(const CompiledPolicy& policy, const CompileInput& input, const TestParty& party);
Party PartyOf(const CompileInput& input, const TestParty& party);

Question MakeQuestion(const CompileInput& input, const TestParty& source, const TestParty& destination, uint8_t protocol,
                      uint16_t port);

// What the compiled policy says, in Evaluate's words.
Answer AskCompiled(const CompiledPolicy& policy, const CompileInput& input, const TestParty& source, const TestParty& destination,
                   uint8_t protocol, uint16_t port);

// "allow default / deny shop/db isolated": egress, then ingress. Of a policy in audit: "would-deny shop/db isolated".
std::string Text(const SideAnswer& side);
std::string Text(const Answer& answer);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_WORLD_H_
