// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/measure.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/dataplane/world.h"
#include "bulkhead/abi/event.h"

namespace bulkhead::bench {
namespace {

// Of a round. A round's figure is the median of its slices, so that what else the machine does in some of them does not count;
// under churn, which does count, it is their mean.
constexpr int kSlices = 5;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

absl::StatusOr<std::unique_ptr<World>> MakeWorld(const Tools& tools, const Setting& setting) {
  std::shared_ptr<const CompiledPolicy> policy, draft;
  if (setting.shape) {
    policy = PolicyOf(*setting.shape);
  } else {
    for (auto& [target, is_draft] : {std::pair{&policy, false}, {&draft, true}}) {
      auto made = ShopPolicy(is_draft);
      if (!made.ok()) return made.status();
      *target = *std::move(made);
    }
  }
  auto world = World::Create(tools.writer, tools.clock, setting.name, setting.flow_entries, policy,
                             setting.shape ? EndpointsOf(*setting.shape) : ShopEndpoints(), setting.xdp);
  if (!world.ok() || !setting.staged) return world;
  if (auto status = (*world)->backend().StagePolicy(draft); !status.ok()) return status;
  return world;
}

// One case in the course of its group's rounds.
struct Course {
  Case what;
  World* world = nullptr;
  Shot pass{}, lru{};  // as what.shot, for the floors' programs
  struct Round {
    std::vector<double> values, floors, lrus;
  } now{};
  std::vector<double> values{}, floors{}, lrus{};  // by round
};

class Meter {
 public:
  Meter(const Tools& tools, uint32_t starts_per_second) : tools_(tools), churns_(starts_per_second != 0) {}

  absl::Status Open(const Group& group) {
    for (const Setting& setting : group.worlds) {
      auto world = MakeWorld(tools_, setting);
      if (!world.ok()) return world.status();
      worlds_.push_back(*std::move(world));
    }
    for (const Case& each : group.cases) {
      runs_.push_back({each, worlds_[each.world].get(), each.shot, each.shot});
      if (auto status = Establish(runs_.back()); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Round(bool counts) {
    for (int slice = 0; slice < kSlices; ++slice) {
      for (size_t i = 0; i < runs_.size(); ++i) {
        Course& run = runs_[(i + turn_) % runs_.size()];  // each goes first in turn
        if (auto status = tools_.lab.Check(); !status.ok()) return status;
        if (auto status = Slice(run); !status.ok()) return status;
      }
      ++turn_;
    }
    for (Course& run : runs_) {
      const auto one = [this](const std::vector<double>& slices) { return churns_ ? Mean(slices) : Median(slices); };
      if (counts) {
        run.values.push_back(one(run.now.values));
        run.floors.push_back(one(run.now.floors));
        if (run.what.to_lru) run.lrus.push_back(one(run.now.lrus));
      }
      run.now = {};
    }
    for (const auto& world : worlds_) world->Forget();
    return tools_.driver.EmptyLru();
  }

  std::vector<Row> Rows() const {
    std::vector<Row> out;
    for (const Course& run : runs_) {
      out.push_back({run.what.name, run.what.metric, run.values, run.floors});
      if (run.what.to_lru) out.push_back({run.what.name, run.what.metric + "_to_lru_insert", run.values, run.lrus});
      if (run.what.grows_as.empty()) continue;
      const auto first = std::find_if(runs_.begin(), runs_.end(),
                                      [&run](const Course& other) { return other.what.grows_as == run.what.grows_as; });
      if (&*first != &run) out.push_back({run.what.name, run.what.grows_as, run.values, first->values});
    }
    return out;
  }

  std::vector<std::unique_ptr<World>>& worlds() { return worlds_; }

 private:
  // Opens the flows that the case's packets are of.
  absl::Status Establish(Course& run) {
    if (run.what.expect != Expect::kQuick) return absl::OkStatus();
    Shot opens = run.what.shot;
    opens.packet[run.what.shot.packet.size() - 7] = kSyn;
    opens.ifindex = kFirstIfindex + kWeb;
    opens.driven = true;
    opens.xdp = false;
    opens.repeat = run.what.flows;
    if (auto took = tools_.driver.Run(run.world->Program(BH_HOOK_INGRESS), opens); !took.ok()) return took.status();
    run.world->Answer();
    const uint64_t before = run.world->Counted();
    if (auto took = Judge(run); !took.ok()) return took.status();
    const uint64_t counted = run.world->Counted() - before, expected = run.what.hook == BH_HOOK_INGRESS ? run.what.shot.repeat : 0;
    if (counted == expected) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(run.what.name, ": flows counted ", counted, " of ", expected, " packets"));
  }

  absl::StatusOr<double> Judge(Course& run) {
    const auto before = run.world->Count();
    if (!before.ok()) return before.status();
    auto took = tools_.driver.Run(run.what.shot.xdp ? run.world->XdpProgram() : run.world->Program(run.what.hook), run.what.shot);
    if (!took.ok()) return took;
    const auto after = run.world->Count();
    if (!after.ok()) return after.status();
    const uint64_t judged = after->packets - before->packets;
    const bool quick = run.what.expect == Expect::kQuick;
    const bool passes = run.what.expect != Expect::kDenied;
    if (tools_.driver.passed() != passes || (churns_ && quick ? false : judged != (quick ? 0 : run.what.shot.repeat)) ||
        after->failed != before->failed) {
      return absl::InternalError(absl::StrCat(run.what.name, ": the packets met another fate: ", judged, " of ",
                                              run.what.shot.repeat, " judged, ", after->failed - before->failed, " without room"));
    }
    return took;
  }

  // What the program takes: with the driver, T(driver, program) - T(driver, pass) + T(pass).
  absl::Status Slice(Course& run) {
    Shot direct = run.pass;
    direct.driven = false;
    const auto with = Judge(run);
    if (!with.ok()) return with.status();
    const auto floor = tools_.driver.Run(tools_.driver.pass(run.what.shot.xdp), direct);
    if (!floor.ok()) return floor.status();
    double driving = 0;
    if (run.what.shot.driven) {
      const auto driven = tools_.driver.Run(tools_.driver.pass(run.what.shot.xdp), run.pass);
      if (!driven.ok()) return driven.status();
      driving = *driven - *floor;
    }
    run.now.values.push_back(*with - driving);
    run.now.floors.push_back(*floor);
    if (!run.what.to_lru) return absl::OkStatus();
    const auto lru = tools_.driver.Run(tools_.driver.insert_lru(), run.lru);
    if (!lru.ok()) return lru.status();
    if (!tools_.driver.passed()) return absl::InternalError("the LRU hash took no element");
    run.now.lrus.push_back(*lru - driving);
    return absl::OkStatus();
  }

  const Tools& tools_;
  const bool churns_;
  std::vector<std::unique_ptr<World>> worlds_;
  std::vector<Course> runs_;
  size_t turn_ = 0;
};

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

absl::StatusOr<std::vector<Row>> Measure(const Tools& tools, const Group& group, int rounds) {
  Meter meter(tools, group.starts_per_second);
  if (auto status = meter.Open(group); !status.ok()) return status;
  if (group.starts_per_second != 0) meter.worlds().front()->StartChurn(group.starts_per_second);
  absl::Status status;
  for (int round = -1; round < rounds && status.ok(); ++round) status = meter.Round(round >= 0);
  if (group.starts_per_second != 0) {
    const absl::Status churned = meter.worlds().front()->StopChurn();
    if (status.ok()) status = churned;
  }
  if (!status.ok()) return status;
  return meter.Rows();
}

}  // namespace bulkhead::bench
