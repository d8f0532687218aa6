// SPDX-License-Identifier: Apache-2.0
// bench_path: what enforcement costs real connections between two containers of a bridge, as ratios to a bridge with no firewall.
//
// A round measures every metric on every bridge in turn, in several short passes, so that whatever else the machine does meets all of
// them. A figure of a round is the median of its passes, a ratio that of two figures of one round, and what is printed of both is the
// median over the rounds.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/path/traffic.h"
#include "bench/path/world.h"
#include "nlohmann/json.hpp"

namespace bulkhead::bench {
namespace {

using Json = nlohmann::ordered_json;

// Of one pass, each for some ten milliseconds.
constexpr int kPasses = 9, kPings = 400, kConnections = 50;
constexpr uint64_t kBulkBytes = 16ull << 20;

struct Case {
  const char* name;
  Guarding guarding;
};
constexpr Case kCases[] = {{"none", Guarding::kNone},
                           {"enforce", Guarding::kEnforce},
                           {"enforce/fast", Guarding::kEnforceFast},
                           {"nftables", Guarding::kNftables}};

struct Metric {
  const char* name;
  const char* unit;
};
constexpr Metric kMetrics[] = {{"rtt_p50", "us"},
                               {"connections", "1/s"},
                               {"cpu_per_connection", "us"},
                               {"bulk", "Gbit/s"},
                               {"cpu_per_byte", "ns"}};

using Figures = std::map<std::string, double>;  // by metric

absl::StatusOr<Figures> OnePass(Traffic& traffic, const CpuMeter& meter) {
  const auto round_trip = traffic.RoundTrip(kPings);
  if (!round_trip.ok()) return round_trip.status();
  const auto connection = traffic.Connections(meter, kConnections);
  if (!connection.ok()) return connection.status();
  const auto byte = traffic.Bulk(meter, kBulkBytes);
  if (!byte.ok()) return byte.status();
  return Figures{{"rtt_p50", *round_trip * 1e6},
                 {"connections", 1 / connection->seconds},
                 {"cpu_per_connection", connection->cpu_seconds * 1e6},
                 {"bulk", 8 / byte->seconds / 1e9},
                 {"cpu_per_byte", byte->cpu_seconds * 1e9}};
}

Figures MedianOf(const std::vector<Figures>& passes) {
  Figures out;
  for (const Metric& metric : kMetrics) {
    std::vector<double> values;
    for (const Figures& pass : passes) values.push_back(pass.at(metric.name));
    out[metric.name] = Median(values);
  }
  return out;
}

class Bench {
 public:
  static absl::StatusOr<Bench> Open(World& world) {
    Bench out;
    for (const Bridge& bridge : world.bridges()) {
      auto traffic = Traffic::Open(bridge);
      if (!traffic.ok()) return traffic.status();
      out.traffic_.push_back(*std::move(traffic));
    }
    return out;
  }

  absl::Status Round() {
    std::vector<std::vector<Figures>> passes(traffic_.size());
    for (int pass = 0; pass < kPasses; ++pass) {
      for (size_t i = 0; i < traffic_.size(); ++i) {
        const size_t at = (i + turn_) % traffic_.size();  // each goes first in turn
        auto figures = OnePass(traffic_[at], meter_);
        if (!figures.ok()) return figures.status();
        passes[at].push_back(*std::move(figures));
      }
      ++turn_;
    }
    std::vector<Figures> round;
    for (const auto& each : passes) round.push_back(MedianOf(each));
    rounds_.push_back(std::move(round));
    return absl::OkStatus();
  }

  void Forget() { rounds_.clear(); }

  Json Report() const {
    Json out = Json::array();
    for (const Metric& metric : kMetrics) {
      const double floor = Median(Column(0, metric.name));
      for (size_t i = 0; i < std::size(kCases); ++i) {
        const std::vector<double> values = Column(i, metric.name), base = Column(0, metric.name);
        std::vector<double> ratios;
        for (size_t round = 0; round < values.size(); ++round) ratios.push_back(values[round] / base[round]);
        out.push_back({{"case", kCases[i].name},
                       {"metric", metric.name},
                       {"unit", metric.unit},
                       {"median", Median(values)},
                       {"min", *std::min_element(values.begin(), values.end())},
                       {"max", *std::max_element(values.begin(), values.end())},
                       {"floor", floor},
                       {"ratio", Median(ratios)},
                       {"ratio_min", *std::min_element(ratios.begin(), ratios.end())},
                       {"ratio_max", *std::max_element(ratios.begin(), ratios.end())}});
      }
    }
    return out;
  }

 private:
  std::vector<double> Column(size_t which, const std::string& metric) const {
    std::vector<double> out;
    for (const auto& round : rounds_) out.push_back(round[which].at(metric));
    return out;
  }

  CpuMeter meter_;
  std::vector<Traffic> traffic_;
  std::vector<std::vector<Figures>> rounds_;
  size_t turn_ = 0;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "bench_path: %s\n", std::string(status.message()).c_str());
  return 2;
}

void Print(const Json& report) {
  std::printf("%-20s %-14s %10s %10s %10s %8s %8s %17s\n", "metric", "case", "median", "min", "max", "unit", "ratio", "its spread");
  for (const Json& row : report) {
    std::printf("%-20s %-14s %10.3f %10.3f %10.3f %8s %8.3f %8.3f-%8.3f\n", row["metric"].get<std::string>().c_str(),
                row["case"].get<std::string>().c_str(), row["median"].get<double>(), row["min"].get<double>(), row["max"].get<double>(),
                row["unit"].get<std::string>().c_str(), row["ratio"].get<double>(), row["ratio_min"].get<double>(),
                row["ratio_max"].get<double>());
  }
}

int Run(bool json, int rounds) {
  std::vector<Guarding> guardings;
  for (const Case& each : kCases) guardings.push_back(each.guarding);
  // Best effort: others' work gets less in between.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, -20));
  const auto world = World::Create(guardings);
  if (!world.ok()) return Fail(world.status());
  auto bench = Bench::Open(**world);
  if (!bench.ok()) return Fail(bench.status());
  for (int round = -1; round < rounds; ++round) {
    if (const auto status = (*world)->Vouch(); !status.ok()) return Fail(status);
    if (const auto status = bench->Round(); !status.ok()) return Fail(status);
    if (round < 0) bench->Forget();
  }
  const auto fast = (*world)->FastFlows();
  if (!fast.ok()) return Fail(fast.status());
  if (*fast == 0) return Fail(absl::InternalError("no flow took the fast path"));
  const Json report = bench->Report();
  if (json) {
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    Print(report);
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead::bench

int main(int argc, char** argv) {
  CLI::App app("What enforcement costs connections over a bridge: ratios to a bridge with no firewall");
  bool json = false;
  int rounds = 15;
  app.add_flag("--json", json, "Print JSON");
  app.add_option("--rounds", rounds, "How often each thing is measured")->check(CLI::Range(3, 1000));
  CLI11_PARSE(app, argc, argv);
  return bulkhead::bench::Run(json, rounds);
}
