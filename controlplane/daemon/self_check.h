// SPDX-License-Identifier: Apache-2.0
// SelfCheck: looks at some of the dataplane's verdicts all the time, and has a second opinion on each. See second_opinion.h.
//
// Samples are taken, and documents asked, on a thread of its own; the compiled policy is asked on the control thread, a few microseconds
// for each sample. A flow that stands for long may be looked at again and again.
//
// Thread safety: the control thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_SELF_CHECK_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_SELF_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/daemon/event_ring.h"
#include "controlplane/daemon/second_opinion.h"

namespace bulkhead {

struct SelfCheckParts {
  size_t most = 0;  // samples in each round, half of them of flows, half of denied packets; 0: never looks
  std::function<std::vector<FlowRecord>(size_t most)> sample_flows;  // on the check's thread
  const EventRing* events = nullptr;
  // On the control thread; nullopt: nothing can be compared now.
  std::function<std::optional<InForce>()> in_force;
  std::function<std::shared_ptr<const View>()> view;
  std::function<uint64_t()> unix_now;
  std::function<void(std::function<void()>)> run;   // on the check's thread
  std::function<void(std::function<void()>)> back;  // on the control thread
};

class SelfCheck {
 public:
  explicit SelfCheck(SelfCheckParts parts);

  // Begins a round, if the one before is over.
  void Tick();
  const SelfCheckView& view() const { return view_; }

 private:
  std::vector<GivenVerdict> Sample();
  void Judge(const std::vector<GivenVerdict>& verdicts);
  void Tell(const std::vector<Judged>& judged);

  const SelfCheckParts parts_;
  bool running_ = false;
  SelfCheckView view_;
  uint64_t last_event_ = 0;  // the check's thread's, as is random_
  std::minstd_rand random_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_SELF_CHECK_H_
