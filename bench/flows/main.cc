// SPDX-License-Identifier: Apache-2.0
// bench_flows: what listing the flow table costs the daemon: CPU of the whole process (walk, rows, HTTP, socket) for one client that
// reads everything, and the memory that it takes meanwhile. The reader is a process of its own. The floor is a walk of the same table
// that makes no rows.
// usage: bench_flows [--json] [--flows N] [--rounds N]
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/flows/many_flows.h"
#include "bulkhead/api/paths.h"
#include "controlplane/api/server.h"
#include "nlohmann/json.hpp"

namespace bulkhead::bench {
namespace {

using Json = nlohmann::ordered_json;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// In a child: reads one answer to its end. Exit 0: it was whole.
int ReadAll(const std::string& socket_path, const std::string& target) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return 1;
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return 1;
  std::vector<char> block(1 << 20);
  std::string tail;
  size_t total = 0;
  for (ssize_t count; (count = recv(fd, block.data(), block.size(), 0)) > 0; total += static_cast<size_t>(count)) {
    tail.append(block.data(), static_cast<size_t>(count));
    if (tail.size() > 64) tail.erase(0, tail.size() - 64);
  }
  return total > 0 && tail.ends_with("\r\n0\r\n\r\n") ? 0 : 1;
}


struct Case {
  std::string name;
  size_t flows = 0;
  std::function<void()> run;
  size_t floor = 0;  // index of the case that is
  std::vector<double> ms = {};
};

class Bench {
 public:
  Bench(size_t flows, std::string folder)
      : folder_(std::move(folder)), v4_(flows, 4), v6_(flows, 6) {
    server4_ = StartServer("v4", &v4_);
    server6_ = StartServer("v6", &v6_);
    const std::string number = std::to_string(flows);
    failed_ = v4_.count() < flows / 100 * 99 || v6_.count() < flows / 100 * 99;
    cases_ = {{"walk/" + number, flows, [this] { Walk(); }, 0},
              {"list/v4/" + number, flows, [this] { Read("v4", api::kFlowsPath); }, 0},
              {"list/v6/" + number, flows, [this] { Read("v6", api::kFlowsPath); }, 0},
              {"list/none-wanted/" + number, flows, [this] { Read("v4", std::string(api::kFlowsPath) + "?namespace=other"); }, 0},
              {"list/last-100/" + number, flows, [this] { Read("v4", std::string(api::kFlowsPath) + "?last=100"); }, 0}};
  }

  bool Measure(int rounds) {
    for (int round = -1; round < rounds; ++round) {
      for (Case& one : cases_) {
        const double before = CpuSeconds();
        one.run();
        const double took = (CpuSeconds() - before) * 1e3;
        if (round >= 0) one.ms.push_back(took);
      }
    }
    return !failed_;
  }

  Json Report() {
    Json out = Json::array();
    for (Case& one : cases_) std::sort(one.ms.begin(), one.ms.end());
    for (const Case& one : cases_) {
      const double median = one.ms[one.ms.size() / 2], floor = cases_[one.floor].ms[cases_[one.floor].ms.size() / 2];
      out.push_back({{"case", one.name}, {"metric", "cpu"}, {"unit", "ms"}, {"median", median}, {"min", one.ms.front()},
                     {"max", one.ms.back()}, {"floor", floor}, {"ratio", median / floor}});
    }
    return out;
  }

 private:
  std::unique_ptr<ApiServer> StartServer(const std::string& name, ManyFlows* flows) {
    ApiServerOptions options;
    options.socket_path = folder_ + "/" + name;
    options.version = "bench";
    absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(options, flows);
    failed_ |= !server.ok();
    return server.ok() ? *std::move(server) : nullptr;
  }

  void Walk() {
    uint64_t bytes = 0;
    failed_ |= !v4_.ReadFlows([&bytes](const FlowRecord& flow) {
                     bytes += flow.bytes[0];
                     return true;
                   }).ok();
    failed_ |= bytes == 0;
  }

  void Read(const std::string& name, const std::string& target) {
    // vfork: a copy of this process's page tables would be on our account.
    const std::string path = folder_ + "/" + name;
    const pid_t child = vfork();
    if (child == 0) {
      execl("/proc/self/exe", "bench_flows", "--read", path.c_str(), "--target", target.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    failed_ |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  }

  const std::string folder_;
  ManyFlows v4_, v6_;
  std::unique_ptr<ApiServer> server4_, server6_;
  std::vector<Case> cases_;
  bool failed_ = false;
};

int Run(bool json, size_t flows, int rounds) {
  char pattern[] = "/tmp/bulkhead-bench-XXXXXX";
  if (mkdtemp(pattern) == nullptr) return 2;
  Json report;
  bool whole = false;
  {
    Bench bench(flows, pattern);
    whole = bench.Measure(rounds);
    report = bench.Report();
  }
  std::filesystem::remove_all(pattern);
  if (!whole) {
    std::fprintf(stderr, "bench_flows: an answer was not whole\n");
    return 1;
  }
  if (json) {
    std::printf("%s\n", report.dump(2).c_str());
    return 0;
  }
  std::printf("%-28s %12s %22s %9s\n", "", "CPU", "min .. max", "x walk");
  for (const Json& line : report) {
    std::printf("%-28s %9.0f ms %9.0f .. %6.0f ms %9.1f\n", line["case"].get<std::string>().c_str(), line["median"].get<double>(),
                line["min"].get<double>(), line["max"].get<double>(), line["ratio"].get<double>());
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead::bench

int main(int argc, char** argv) {
  CLI::App app("What listing the flow table costs the daemon: CPU of the process");
  bool json = false;
  size_t flows = 500'000;
  int rounds = 9;
  std::string read, target;
  app.add_flag("--json", json, "Print JSON");
  app.add_option("--flows", flows, "How many there are")->check(CLI::Range(1, 5'000'000));
  app.add_option("--rounds", rounds, "How often each case is measured")->check(CLI::Range(1, 100));
  app.add_option("--read", read, "")->group("");  // of the child that reads
  app.add_option("--target", target, "")->group("");
  CLI11_PARSE(app, argc, argv);
  return read.empty() ? bulkhead::bench::Run(json, flows, rounds) : bulkhead::bench::ReadAll(read, target);
}
