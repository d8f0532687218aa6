// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/self_check.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

constexpr size_t kMostEvents = 20'000;  // looked through in one round
constexpr uint64_t kLogged = 20;        // disagreements; the others are only counted

}  // namespace

SelfCheck::SelfCheck(SelfCheckParts parts) : parts_(std::move(parts)) { view_.on = parts_.most > 0; }

std::vector<GivenVerdict> SelfCheck::Sample() {
  std::vector<GivenVerdict> out;
  const size_t half = (parts_.most + 1) / 2;
  size_t seen = 0, read = 0;
  last_event_ = parts_.events->Read(last_event_, [&](uint64_t, const bh_event& event) {
    if (const std::optional<GivenVerdict> verdict = VerdictOf(event)) {
      const size_t place = out.size() < half ? out.size() : std::uniform_int_distribution<size_t>(0, seen)(random_);
      ++seen;
      if (place == out.size()) out.push_back(*verdict);
      if (place < half) out[place] = *verdict;
    }
    return ++read < kMostEvents;
  });
  for (const FlowRecord& flow : parts_.sample_flows(parts_.most - out.size())) out.push_back(VerdictOf(flow));
  return out;
}

void SelfCheck::Tick() {
  if (running_ || !view_.on) return;
  running_ = true;
  parts_.run([this] {
    parts_.back([this, verdicts = Sample()] { Judge(verdicts); });
  });
}

void SelfCheck::Judge(const std::vector<GivenVerdict>& verdicts) {
  const std::optional<InForce> in_force = parts_.in_force();
  if (!in_force) {
    view_.skipped["no policy to compare with"] += verdicts.size();
    running_ = false;
    return;
  }
  parts_.run([this, judged = AskReference(verdicts, *in_force), view = parts_.view()]() mutable {
    for (bulkhead::Judged& each : judged) {
      if (each.opinion.kind == Opinion::Kind::kAgrees) each.opinion = AskDocuments(each, *view);
    }
    parts_.back([this, judged = std::move(judged)] { Tell(judged); });
  });
}

void SelfCheck::Tell(const std::vector<Judged>& judged) {
  running_ = false;
  for (const Judged& each : judged) {
    if (each.opinion.kind == Opinion::Kind::kSkipped) {
      ++view_.skipped[each.opinion.text];
      continue;
    }
    ++view_.checked;
    if (each.opinion.kind == Opinion::Kind::kAgrees) continue;
    if (++view_.disagreements <= kLogged) spdlog::error("self-check: {}", each.opinion.text);
    view_.last = each.opinion.text;
    view_.last_at = parts_.unix_now();
  }
}

}  // namespace bulkhead
