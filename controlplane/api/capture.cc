// SPDX-License-Identifier: Apache-2.0
// Capture: the packets of a service as they come, with what was said of each. One at a time; it ends when its reader goes away.
#include "bulkhead/api/capture.h"

#include <atomic>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controlplane/api/events.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr std::chrono::milliseconds kCaptureEvery(100);
constexpr int kQuietPolls = 5;           // then an empty line goes out: a reader that is gone is noticed soon, for the next capture waits
constexpr uint64_t kDefaultRate = 1000;  // packets/s for each CPU

struct CaptureQuery {
  std::string service;  // "shop/db"
  std::optional<Verdict> verdict;
  uint32_t rate = kDefaultRate;
};

absl::StatusOr<CaptureQuery> ParseCaptureQuery(const Request& request) {
  CaptureQuery query;
  query.service = request.Query(kService);
  if (query.service.empty()) return absl::InvalidArgumentError("service: expected NAMESPACE/SERVICE");
  const absl::StatusOr<std::optional<Verdict>> verdict = QueryVerdict(request);
  if (!verdict.ok()) return verdict.status();
  const absl::StatusOr<uint64_t> rate = QueryNumber(request, kRate, 1, kMaxCaptureRate, kDefaultRate);
  if (!rate.ok()) return rate.status();
  query.verdict = *verdict;
  query.rate = static_cast<uint32_t>(*rate);
  return query;
}

// The service as it is now: its workloads come and go while a capture runs.
CaptureFilter FilterOf(const CaptureQuery& query, const View& view) {
  CaptureFilter filter;
  const auto wants = [&](Verdict verdict) { return !query.verdict || *query.verdict == verdict; };
  filter.allowed = wants(Verdict::kAllow);
  filter.denied = wants(Verdict::kDeny);
  filter.would_deny = wants(Verdict::kWouldDeny);
  filter.packets_per_second = query.rate;
  for (const auto& [id, identity] : view.identities) {
    if (PartyName(identity.ns, identity.service) == query.service) filter.identities.insert(id);
  }
  for (const EndpointView& endpoint : view.endpoints) {
    const auto at = view.workloads.find(endpoint.workload_key);
    if (at != view.workloads.end() && PartyName(at->second.ns, at->second.service) == query.service) filter.slots.insert(endpoint.slot);
  }
  return filter;
}

std::map<uint32_t, std::string> InterfaceNames(const View& view) {
  std::map<uint32_t, std::string> out;
  for (const auto& [key, workload] : view.workloads) {
    for (const Endpoint& endpoint : workload.endpoints) out[endpoint.ifindex] = endpoint.ifname;
  }
  return out;
}

// One capture of the dataplane, which is over when this ends.
class RunningCapture {
 public:
  RunningCapture(DaemonService* service, const CaptureQuery& query) : service_(service), query_(query), mine_(!running_.exchange(true)) {}
  ~RunningCapture() {
    if (!mine_) return;
    (void)service_->SetCapture(std::nullopt);  // else the next one does
    running_ = false;
  }
  RunningCapture(const RunningCapture&) = delete;
  RunningCapture& operator=(const RunningCapture&) = delete;

  absl::Status Begin() {
    if (!mine_) return absl::UnavailableError("another capture runs");
    const absl::StatusOr<uint64_t> lost = Lost();
    if (!lost.ok()) return lost.status();
    lost_before_ = *lost;
    return Follow();
  }

  // Writes what has come.
  absl::StatusOr<uint64_t> Poll(LinePipe& pipe) {
    if (absl::Status status = Follow(); !status.ok()) return status;
    const absl::StatusOr<uint64_t> lost = Lost();
    if (!lost.ok()) return lost.status();
    const Names names(service_->GetView());
    const std::map<uint32_t, std::string> interfaces = InterfaceNames(names.view());
    const Moment now = Moment::Now();
    uint64_t written = 0;
    const absl::Status status = service_->DrainCapture([&](const bh_capture_packet& packet) {
      CapturedPacket row = RowOf(names, packet, now);
      const auto interface = interfaces.find(packet.event.ifindex);
      row.interface = interface == interfaces.end() ? absl::StrCat("if", packet.event.ifindex) : interface->second;
      row.lost = *lost - lost_before_;
      ++written;
      return pipe.Write(DumpJson(ToJson(row)));
    });
    if (!status.ok()) return status;
    return written;
  }

 private:
  absl::Status Follow() {
    CaptureFilter filter = FilterOf(query_, *service_->GetView());
    if (filter.identities.empty()) return absl::NotFoundError(absl::StrCat("no service ", query_.service));
    if (filter == filter_) return absl::OkStatus();
    filter_ = std::move(filter);
    return service_->SetCapture(filter_);
  }

  absl::StatusOr<uint64_t> Lost() {
    const absl::StatusOr<std::vector<uint64_t>> counters = service_->ReadCounters();
    if (!counters.ok()) return counters.status();
    return counters->size() > BH_COUNTER_CAPTURES_LOST ? (*counters)[BH_COUNTER_CAPTURES_LOST] : 0;
  }

  CapturedPacket RowOf(const Names& names, const bh_capture_packet& packet, const Moment& now) {
    CapturedPacket row;
    row.packet = MakeEventRow(names, ++sequence_, packet.event, now);
    const uint64_t age_ns = now.monotonic_ns > packet.event.time ? now.monotonic_ns - packet.event.time : 0;
    row.time_unix_ns = now.unix_ms * 1'000'000 - age_ns;
    const size_t captured = std::min<size_t>(packet.captured, sizeof(packet.data));
    row.data = absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(packet.data), captured));
    return row;
  }

  static inline std::atomic<bool> running_{false};
  DaemonService* const service_;
  const CaptureQuery& query_;
  const bool mine_;
  CaptureFilter filter_;
  uint64_t lost_before_ = 0, sequence_ = 0;
};

}  // namespace

absl::StatusOr<Response> GetCapture(const Context& context, const Request& request) {
  const absl::StatusOr<CaptureQuery> query = ParseCaptureQuery(request);
  if (!query.ok()) return query.status();
  Response response;
  response.lines = [context, query = *query](LinePipe& pipe) -> absl::Status {
    RunningCapture capture(context.service, query);
    if (absl::Status status = capture.Begin(); !status.ok()) return status;
    int quiet = 0;
    return Follow(pipe, kCaptureEvery, [&]() -> absl::StatusOr<uint64_t> {
      const absl::StatusOr<uint64_t> written = capture.Poll(pipe);
      if (!written.ok() || *written != 0 || ++quiet < kQuietPolls) return written;
      quiet = 0;
      pipe.Write("");
      return 1;
    });
  };
  return response;
}

}  // namespace bulkhead::api
