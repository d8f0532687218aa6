// SPDX-License-Identifier: Apache-2.0
// What Prometheus reads, and the address where it may.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <regex>
#include <set>

#include "bulkhead/abi/event.h"
#include "controlplane/api/metrics_server.h"
#include "controlplane/api/resources.h"
#include "dataplane/kernel/unique_fd.h"
#include "fake/fake_service.h"
#include "tests/places/temporary_folder.h"

namespace bulkhead::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string MetricsOf(bulkhead::testing::FakeService* service) {
  ActivityWindow activity;
  const absl::StatusOr<Response> response = GetMetrics({service, &activity, "1.2.3", {}}, {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? response->body : "";
}

TEST(Metrics, TellsOfEveryPart) {
  bulkhead::testing::FakeService service;
  service.counters.assign(BH_COUNTER_COUNT, 0);
  service.counters[BH_REASON_POLICY * 3 + BH_DENY] = 5;
  service.counters[BH_REASON_SPOOFED_IP * 3 + BH_DENY] = 2;
  service.counters[BH_REASON_POLICY * 3 + BH_WOULD_DENY] = 3;
  service.counters[0] = 40;
  service.counters[BH_COUNTER_EDGES_LOST] = 9;
  service.progress = {11, 4, 3, 2, 1};
  auto view = std::make_shared<View>(*service.GetView());
  view->epoch = 77;
  view->policy_size.subjects = 21;
  view->durations.policy_compile.AddNs(2'000'000);
  view->durations.policy_compile.AddNs(9'000'000'000);
  view->self_check = {true, 30, 1, {{"from before a change", 6}}, "", 0};
  service.SetView(view);
  const std::string text = MetricsOf(&service);
  for (const char* line :
       {"bulkhead_build_info{version=\"1.2.3\"} 1", "bulkhead_policy_epoch 77", "bulkhead_verdicts_total{verdict=\"allow\"} 40",
        "bulkhead_verdicts_total{verdict=\"deny\"} 7", "bulkhead_verdicts_total{verdict=\"would-deny\"} 3",
        "bulkhead_dropped_packets_total{reason=\"spoofed-ip\"} 2", "bulkhead_dropped_packets_total{reason=\"table-full\"} 0",
        "bulkhead_would_drop_packets_total{reason=\"policy\"} 3", "bulkhead_edges_lost_total 9",
        "bulkhead_table_entries{table=\"flows_ipv4\"} 3", "bulkhead_table_max_entries{table=\"flows_ipv4\"} 65536",
        "bulkhead_table_entries{table=\"subjects\"} 21", "bulkhead_policy_compile_duration_seconds_bucket{le=\"+Inf\"} 2",
        "bulkhead_policy_compile_duration_seconds_bucket{le=\"5\"} 1", "bulkhead_policy_compile_duration_seconds_count 2",
        "bulkhead_self_check_verdicts_total{result=\"agrees\"} 29", "bulkhead_self_check_verdicts_total{result=\"disagrees\"} 1",
        "bulkhead_self_check_skipped_total{reason=\"from before a change\"} 6", "bulkhead_learn_edges 11",
        "bulkhead_learn_ready_versions 3", "bulkhead_learn_quarantined_sources 1", "bulkhead_state_size_bytes 4096"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line + "\n")) << line;
  }
  EXPECT_THAT(text, HasSubstr("\nbulkhead_flows{state=\"est\"} "));
  EXPECT_TRUE(std::regex_search(text, std::regex("\nprocess_resident_memory_bytes [1-9]"))) << text;
  EXPECT_TRUE(std::regex_search(text, std::regex("\nprocess_open_fds [1-9]"))) << text;
}

TEST(Metrics, NoFamilyComesTwice) {
  bulkhead::testing::FakeService service;
  std::istringstream text(MetricsOf(&service));
  std::set<std::string> seen;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_TRUE(seen.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
  }
  EXPECT_GT(seen.size(), 40u);
}

TEST(Metrics, HostileNamesStayInsideTheirLabels) {
  bulkhead::testing::FakeService service;
  auto view = std::make_shared<View>(*service.GetView());
  view->sources = {{"a\"} 1\nbulkhead_policy_generation 666\n# \\", "synced", "", 1}};
  service.SetView(view);
  const std::string text = MetricsOf(&service);
  EXPECT_THAT(text, HasSubstr("bulkhead_source_synced{source=\"a\\\"} 1\\nbulkhead_policy_generation 666\\n# \\\\\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nbulkhead_policy_generation 666")));
}

TEST(Metrics, PromtoolHasNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
  bulkhead::testing::FakeService service;
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "metrics").string();
  std::ofstream(file) << MetricsOf(&service);
  FILE* pipe = popen(("promtool check metrics <" + file + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  char block[512];
  while (std::fgets(block, sizeof(block), pipe) != nullptr) said += block;
  EXPECT_EQ(pclose(pipe), 0) << said;
  EXPECT_EQ(said, "");
}

// One answer to what is sent to the address.
std::string TcpAsk(uint16_t port, const std::string& request) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return "no connection";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return "not sent";
  std::string answer;
  char block[4096];
  for (ssize_t size; (size = recv(fd.get(), block, sizeof(block), 0)) > 0;) answer.append(block, static_cast<size_t>(size));
  return answer;
}

TEST(MetricsServer, ServesMetricsAndNothingElse) {
  bulkhead::testing::FakeService service;
  auto server = MetricsServer::Start(*IpAddress::Parse("127.0.0.1"), 0, "1", &service);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto ask = [&](const std::string& line, const std::string& rest = "") {
    return TcpAsk((*server)->port(), line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + rest + "\r\n");
  };
  const std::string metrics = ask("GET /metrics");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("bulkhead_policy_generation"));
  EXPECT_THAT(ask("GET /v1/status"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("POST /metrics"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask("DELETE /v1/policies/shop/db"), StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(service.calls().size(), 0u);
}

TEST(MetricsServer, MoreConnectionsThanItTakesAreTurnedAwayAndItGoesOn) {
  bulkhead::testing::FakeService service;
  auto server = MetricsServer::Start(*IpAddress::Parse("127.0.0.1"), 0, "1", &service);
  ASSERT_TRUE(server.ok()) << server.status();
  {
    std::vector<UniqueFd> idle;
    for (unsigned i = 0; i < 3 * MetricsServer::kConnections; ++i) {
      idle.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons((*server)->port());
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ASSERT_EQ(connect(idle.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    usleep(200'000);
  }
  std::string answer;
  for (int i = 0; i < 50 && !answer.starts_with("HTTP/1.1 200 "); ++i, usleep(50'000)) {
    answer = TcpAsk((*server)->port(), "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST(MetricsServer, AnAddressThatCannotBeHadIsAnError) {
  bulkhead::testing::FakeService service;
  const auto server = MetricsServer::Start(*IpAddress::Parse("198.18.255.254"), 9477, "1", &service);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("metrics_address 198.18.255.254 port 9477"));
}

}  // namespace
}  // namespace bulkhead::api
