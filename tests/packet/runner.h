// SPDX-License-Identifier: Apache-2.0
// Runner: a backend that packets can be put through one by one. Used from one thread.
#ifndef BULKHEAD_TESTS_PACKET_RUNNER_H_
#define BULKHEAD_TESTS_PACKET_RUNNER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/backend.h"
#include "dataplane/reference/flow_table.h"
#include "dataplane/reference/packet.h"

namespace bulkhead::packet_test {

using reference::Flow;
using reference::FlowKey;
using reference::Outcome;
using reference::Packet;

class Runner {
 public:
  virtual ~Runner() = default;

  virtual std::string name() const = 0;
  virtual Backend& backend() = 0;
  virtual uint32_t stamp() = 0;  // as in abi/config.h
  // A backend may be unable to tell identities and rules of a packet: it leaves them 0. Verdict and reason of an established packet
  // mean nothing.
  virtual absl::StatusOr<Outcome> Run(const Packet& packet) = 0;
  // Lets time pass for the flow table.
  virtual absl::Status Advance(uint32_t seconds) = 0;
  // Every entry that has not expired, linked ones too.
  virtual absl::StatusOr<std::map<FlowKey, Flow>> Flows() = 0;
  // Whether the tag that a packet bears after ingress can be seen; else Outcome::tag is what it was before.
  virtual bool ShowsTag() const = 0;
};

std::unique_ptr<Runner> NewReferenceRunner();

// One of each backend that this machine can run, the reference first. What cannot run is said, once, on stderr.
std::vector<std::unique_ptr<Runner>> NewRunners();

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_RUNNER_H_
