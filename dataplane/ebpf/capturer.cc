// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/capturer.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "dataplane/kernel/flow_tick.h"

namespace bulkhead {
namespace {

constexpr uint32_t kCaptureFlags = BH_CONTROL_CAPTURE | BH_CONTROL_CAPTURE_PASSED;

bh_capture CaptureOf(const CaptureFilter& filter) {
  bh_capture out{};
  out.verdicts = (filter.allowed ? 1u << BH_ALLOW : 0) | (filter.denied ? 1u << BH_DENY : 0) |
                 (filter.would_deny ? 1u << BH_WOULD_DENY : 0);
  const uint64_t per_tick = (uint64_t{filter.packets_per_second} * FlowTickNs() + 999'999'999) / 1'000'000'000;
  out.per_tick = static_cast<uint32_t>(std::max<uint64_t>(per_tick, 1));
  return out;
}

}  // namespace

absl::Status Capturer::SetFlags(uint32_t flags) {
  const uint32_t others = std::atomic_ref<uint32_t>(maps_.control->flags).load() & ~kCaptureFlags;
  return writer_.StoreWord(&maps_.control->flags, others | flags);
}

// Leaves nothing of a capture before, whose daemon may have been killed.
absl::Status Capturer::Begin() {
  if (auto status = SetFlags(0); !status.ok()) return status;
  if (auto status = writer_.EmptyHash(maps_.captured); !status.ok()) return status;
  named_.clear();
  if (reader_ == nullptr) {
    auto reader = CaptureReader::Create(maps_.captures);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
  }
  running_ = true;
  return reader_->Drain([](const bh_capture_packet&) { return true; });
}

absl::Status Capturer::Name(const std::set<Key>& wanted) {
  if (wanted.size() > BH_MAX_CAPTURED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a capture of ", wanted.size(), " endpoints and identities; at most ", BH_MAX_CAPTURED, " fit"));
  }
  for (auto at = named_.begin(); at != named_.end();) {
    if (wanted.contains(*at)) {
      ++at;
      continue;
    }
    const bh_captured_key key{at->first, at->second};
    if (auto status = writer_.DeleteElement(maps_.captured, &key); !status.ok() && !absl::IsNotFound(status)) return status;
    at = named_.erase(at);
  }
  for (const Key& one : wanted) {
    if (named_.contains(one)) continue;
    const bh_captured_key key{one.first, one.second};
    const uint32_t here = 1;
    if (auto status = writer_.UpdateElement(maps_.captured, &key, &here); !status.ok()) return status;
    named_.insert(one);
  }
  return absl::OkStatus();
}

absl::Status Capturer::Set(const std::optional<CaptureFilter>& filter) {
  if (!filter) {
    running_ = false;
    if (auto status = SetFlags(0); !status.ok()) return status;
    return Name({});
  }
  if (!running_) {
    if (auto status = Begin(); !status.ok()) return status;
  }
  std::set<Key> wanted;
  for (const uint16_t slot : filter->slots) wanted.emplace(BH_CAPTURED_SLOT, slot);
  for (const IdentityId identity : filter->identities) wanted.emplace(BH_CAPTURED_IDENTITY, identity);
  if (auto status = Name(wanted); !status.ok()) return status;
  const uint32_t zero = 0;
  const bh_capture capture = CaptureOf(*filter);
  if (auto status = writer_.UpdateElement(maps_.capture, &zero, &capture); !status.ok()) return status;
  // What is would-deny may be an established flow's, which says no more than that it passes.
  return SetFlags(BH_CONTROL_CAPTURE | (filter->allowed ? BH_CONTROL_CAPTURE_PASSED : 0));
}

absl::Status Capturer::Drain(const std::function<bool(const bh_capture_packet&)>& callback) {
  return reader_ == nullptr ? absl::OkStatus() : reader_->Drain(callback);
}

}  // namespace bulkhead
