// SPDX-License-Identifier: Apache-2.0
// bench_verdict: what judging a packet costs, at the hook of the workload that
// sends it, as ratios to a program that does nothing, measured in turn with it.
// usage: bench_verdict [--json] [--rounds N]
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/verdict/lab.h"
#include "nlohmann/json.hpp"

namespace bulkhead::bench {
namespace {

using Json = nlohmann::ordered_json;
using Sample = absl::StatusOr<double>;  // ns

constexpr uint32_t kRepeat = 20'000;  // of one packet, in one call: the kernel takes the mean
constexpr int kSingles = 400;         // packets that are judged once each: the median

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

Sample MedianOf(int count, const std::function<Sample()> &one) {
  std::vector<double> samples;
  for (int i = 0; i < count; ++i) {
    const Sample sample = one();
    if (!sample.ok()) return sample;
    samples.push_back(*sample);
  }
  return Quantile(samples, 0.5);
}

struct Line {
  std::string what;
  bool staged = false;
  bool single = false;  // one run for each call: such runs are slower, and so is
                        // their floor
  bool passes = true;
  std::function<Sample()> sample;
  std::vector<double> ns = {};
};

class Bench {
 public:
  explicit Bench(Lab &lab) : lab_(lab) {
    lines_ = {{"floor", false, false, true, [this] { return lab_.Floor(ack_, kRepeat); }},
              {"floor, single runs", false, true, true, [this] { return Singles([this] { return lab_.Floor(ack_, 1); }); }}};
    for (const bool staged : {false, true}) {
      lines_.push_back({"established", staged, false, true, [this] { return lab_.Judge(ack_, kRepeat); }});
      lines_.push_back({"denied", staged, false, false, [this] { return lab_.Judge(denied_, kRepeat); }});
      lines_.push_back({"new flow", staged, true, true, [this] { return Singles([this] { return NewFlow(); }); }});
    }
  }

  absl::Status Measure(int rounds) {
    for (int round = -1; round < rounds; ++round) {
      for (Line &line : lines_) {
        if (auto status = Prepare(line.staged); !status.ok()) return status;
        const Sample sample = line.sample();
        if (!sample.ok()) return sample.status();
        if (lab_.passed() != line.passes) return absl::InternalError(line.what + ": the packet met another verdict");
        if (round >= 0) line.ns.push_back(*sample);
      }
    }
    return absl::OkStatus();
  }

  Json Report() const {
    Json out = Json::array();
    for (const Line &line : lines_) {
      const double floor = Quantile(lines_[line.single ? 1 : 0].ns, 0.5), median = Quantile(line.ns, 0.5);
      out.push_back({{"what", line.what},
                     {"staged", line.staged},
                     {"median_ns", median},
                     {"quartiles_ns", {Quantile(line.ns, 0.25), Quantile(line.ns, 0.75)}},
                     {"ratio", median / floor}});
    }
    return out;
  }

 private:
  Sample Singles(const std::function<Sample()> &one) const { return MedianOf(kSingles, one); }

  // The flow is judged again after each change, which the first packet pays for
  // here.
  absl::Status Prepare(bool staged) {
    if (staged != staged_) {
      if (auto status = lab_.Stage(staged); !status.ok()) return status;
      staged_ = staged;
    }
    return lab_.Judge(TcpPacket(kWeb, kDb, 40'000, 5432, kAck), 1).status();
  }

  // No two have both ports.
  Sample NewFlow() {
    const uint32_t flow = flows_++;
    return lab_.Judge(
        TcpPacket(kWeb, kDb, static_cast<uint16_t>(1024 + flow % 30'000), static_cast<uint16_t>(1 + flow / 30'000), kSyn), 1);
  }

  Lab &lab_;
  const Bytes ack_ = TcpPacket(kWeb, kDb, 40'000, 5432, kAck);
  const Bytes denied_ = TcpPacket(kEvil, kDb, 40'000, 5432, kSyn);
  std::vector<Line> lines_;
  uint32_t flows_ = 0;
  bool staged_ = false;
};

int Fail(const absl::Status &status) {
  std::fprintf(stderr, "bench_verdict: %s\n", std::string(status.message()).c_str());
  return 2;
}

int Run(bool json, int rounds) {
  const auto lab = Lab::Create();
  if (!lab.ok()) return Fail(lab.status());
  Bench bench(**lab);
  if (const auto status = bench.Measure(rounds); !status.ok()) return Fail(status);
  const Json report = bench.Report();
  if (json) {
    std::printf("%s\n", Json({{"rounds", rounds}, {"verdicts", report}}).dump(2).c_str());
    return 0;
  }
  std::printf("%-22s %8s %10s %20s %9s\n", "", "", "median", "quartiles", "x floor");
  for (const Json &line : report) {
    std::printf("%-22s %8s %7.0f ns %8.0f .. %5.0f ns %9.2f\n", line["what"].get<std::string>().c_str(),
                line["staged"].get<bool>() ? "staged" : "", line["median_ns"].get<double>(), line["quartiles_ns"][0].get<double>(),
                line["quartiles_ns"][1].get<double>(), line["ratio"].get<double>());
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead::bench

int main(int argc, char **argv) {
  CLI::App app(
      "What judging a packet costs: medians, and ratios to a program "
      "that does nothing");
  bool json = false;
  int rounds = 30;
  app.add_flag("--json", json, "Print JSON");
  app.add_option("--rounds", rounds, "How often each thing is measured")->check(CLI::Range(3, 100));
  CLI11_PARSE(app, argc, argv);
  return bulkhead::bench::Run(json, rounds);
}
