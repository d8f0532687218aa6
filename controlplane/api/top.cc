// SPDX-License-Identifier: Apache-2.0
// Top: who talks most, sample by sample.
#include "bulkhead/api/top.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/top_sampler.h"

namespace bulkhead::api {
namespace {

// Each remembers the whole flow table.
constexpr int kMaxWatchers = 4;
constexpr uint64_t kDefaultInterval = 2;  // s
constexpr uint64_t kSecond = 1'000'000'000;  // ns
constexpr std::chrono::milliseconds kTick(100);

using Count = uint64_t TopRow::*;
struct Order {
  const char* name;
  Count count;
};
constexpr Order kOrders[] = {{"bytes", &TopRow::bytes},   {"packets", &TopRow::packets}, {"flows", &TopRow::flows},
                             {"new", &TopRow::new_flows}, {"denied", &TopRow::denied}};

struct TopQuery {
  std::string ns;
  bool by_service = false;
  Count order = &TopRow::bytes;
  uint64_t limit = kMaxTopRows;
  uint64_t interval_seconds = kDefaultInterval;
};

absl::StatusOr<TopQuery> ParseTopQuery(const Request& request) {
  TopQuery query;
  query.ns = request.Query(kNamespace);
  const std::string by = request.Query(kBy), sort = request.Query(kSort);
  if (!by.empty() && by != "pair" && by != "service")
    return absl::InvalidArgumentError(absl::StrCat("by: found \"", by, "\", expected pair or service"));
  query.by_service = by == "service";
  const auto order = std::find_if(std::begin(kOrders), std::end(kOrders), [&](const Order& one) { return sort == one.name; });
  if (!sort.empty() && order == std::end(kOrders))
    return absl::InvalidArgumentError(absl::StrCat("sort: found \"", sort, "\", expected bytes, packets, flows, new or denied"));
  if (!sort.empty()) query.order = order->count;
  const absl::StatusOr<uint64_t> limit = QueryNumber(request, kLimit, 1, kMaxTopRows, kMaxTopRows);
  if (!limit.ok()) return limit.status();
  const absl::StatusOr<uint64_t> interval = QueryNumber(request, kInterval, 1, kMaxTopInterval, kDefaultInterval);
  if (!interval.ok()) return interval.status();
  query.limit = *limit;
  query.interval_seconds = *interval;
  return query;
}

// Each pair counts for both its ends, once where they are one.
std::map<std::string, TopRow> ByService(const std::map<std::pair<std::string, std::string>, TopRow>& pairs) {
  std::map<std::string, TopRow> out;
  for (const auto& [pair, row] : pairs) {
    AddTo(row, &out[pair.first]);
    if (pair.second != pair.first) AddTo(row, &out[pair.second]);
  }
  for (auto& [name, row] : out) row.from = name;
  return out;
}

TopSnapshot MakeSnapshot(const TopQuery& query, const TopSampler& sampler, const Names& names, const Moment& now) {
  TopSnapshot out;
  out.time_unix_ms = now.unix_ms;
  out.interval_ms = sampler.interval_ms();
  std::map<std::pair<std::string, std::string>, TopRow> pairs = sampler.ByPair(names);
  if (!query.ns.empty()) {
    std::erase_if(pairs, [&](const auto& item) { return !IsPartyOf(item.first.first, query.ns) && !IsPartyOf(item.first.second, query.ns); });
  }
  for (const auto& [pair, row] : pairs) AddTo(row, &out.total);
  if (query.by_service) {
    for (auto& [name, row] : ByService(pairs)) {
      if (query.ns.empty() || IsPartyOf(name, query.ns)) out.rows.push_back(std::move(row));
    }
  } else {
    for (auto& [pair, row] : pairs) out.rows.push_back(std::move(row));
  }
  std::stable_sort(out.rows.begin(), out.rows.end(),
                   [&](const TopRow& a, const TopRow& b) { return a.*query.order > b.*query.order; });
  if (out.rows.size() > query.limit) {
    out.more = out.rows.size() - query.limit;
    out.rows.resize(query.limit);
  }
  return out;
}

// One of the few that may watch at a time.
class Seat {
 public:
  Seat() : taken_(++watchers_ <= kMaxWatchers) {}
  ~Seat() { --watchers_; }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  bool taken() const { return taken_; }

 private:
  static inline std::atomic<int> watchers_{0};
  const bool taken_;
};

}  // namespace

absl::StatusOr<Response> GetTop(const Context& context, const Request& request) {
  const absl::StatusOr<TopQuery> query = ParseTopQuery(request);
  if (!query.ok()) return query.status();
  Response response;
  response.lines = [context, query = *query](LinePipe& pipe) -> absl::Status {
    const Seat seat;
    if (!seat.taken()) return absl::UnavailableError(absl::StrCat(kMaxWatchers, " clients watch top already"));
    TopSampler sampler;
    uint64_t due_ns = 0;
    // Looks more often than there is a sample, so that a client that waits long gets its signs of life.
    return Follow(pipe, kTick, [&]() -> absl::StatusOr<uint64_t> {
      const Moment now = Moment::Now();
      if (now.monotonic_ns < due_ns) return 0;
      const bool first = due_ns == 0;
      due_ns = now.monotonic_ns + query.interval_seconds * kSecond;
      if (absl::Status status = sampler.Sample(context.service, now); !status.ok()) return status;
      if (first) return 0;
      const Names names(context.service->GetView());
      pipe.Write(DumpJson(ToJson(MakeSnapshot(query, sampler, names, now))));
      return 1;
    });
  };
  return response;
}

}  // namespace bulkhead::api
