// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/supervisor.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr uint64_t kStatusMs = 5000;

}  // namespace

absl::Status Supervisor::Start(EventLoop* loop, std::function<std::shared_ptr<const View>()> view) {
  view_ = std::move(view);
  absl::Status status = loop->Every(
      kStatusMs, [this] { TellStatus(); }, "supervisor");
  uint64_t period_us = 0;
  if (!status.ok() || sd_watchdog_enabled(0, &period_us) <= 0) return status;
  const uint64_t every_ms = std::max<uint64_t>(period_us / 3000, 1);
  return loop->Every(
      every_ms, [] { sd_notify(0, "WATCHDOG=1"); }, "watchdog");
}

void Supervisor::Ready() {
  sd_notify(0, "READY=1");
  TellStatus();
}

void Supervisor::Stopping() { sd_notify(0, "STOPPING=1\nSTATUS=ending; enforcement stays"); }

void Supervisor::TellStatus() {
  const std::shared_ptr<const View> view = view_();
  if (view == nullptr) return;
  std::string text = absl::StrCat("generation ", view->generation, ", ", view->workloads.size(), " workloads, ",
                                  view->problems.size(), " problems");
  if (text == told_) return;
  sd_notify(0, absl::StrCat("STATUS=", text).c_str());
  told_ = std::move(text);
}

}  // namespace bulkhead
