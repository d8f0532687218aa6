// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/reference.h"
#include "tests/packet/runner.h"

namespace bulkhead::packet_test {
namespace {

using reference::Reference;

class ReferenceRunner : public Runner {
 public:
  // Starts just before the clock's wrap, so that every case meets it.
  ReferenceRunner() { reference_.SetClock(0xffffffffu); }

  std::string name() const override { return "reference"; }
  Backend& backend() override { return reference_; }
  uint32_t stamp() override { return reference_.stamp(); }
  absl::StatusOr<Outcome> Run(const Packet& packet) override { return reference_.Judge(packet); }
  absl::Status Advance(uint32_t seconds) override {
    reference_.SetClock(reference_.clock() + seconds * Reference::kTicksPerSecond);
    return absl::OkStatus();
  }
  absl::StatusOr<std::map<FlowKey, Flow>> Flows() override {
    if (const auto swept = reference_.Sweep(); !swept.ok()) return swept.status();
    return reference_.flows();
  }
  bool ShowsTag() const override { return true; }

 private:
  Reference reference_;
};

}  // namespace

std::unique_ptr<Runner> NewReferenceRunner() { return std::make_unique<ReferenceRunner>(); }

}  // namespace bulkhead::packet_test
