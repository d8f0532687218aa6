// SPDX-License-Identifier: Apache-2.0
// Server and client over a real socket.
#include "controlplane/api/server.h"

#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/api/change.h"
#include "bulkhead/api/paths.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/client.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/listen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::api {
namespace {

using ::testing::HasSubstr;

// Resident memory of this process, KiB.
long ResidentKiB() {
  std::ifstream file("/proc/self/statm");
  long total = 0, resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE) / 1024;
}

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    char pattern[] = "/tmp/bulkhead-api-XXXXXX";
    folder_ = mkdtemp(pattern);
    options_.socket_path = folder_ + "/run/api.sock";
    options_.version = "0.0.1";
    options_.idle_seconds = 2;
    options_.connections = 16;
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(options_, &service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  int Connect() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options_.socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << strerror(errno);
    return fd;
  }

  // Sends bytes as they are and reads until the server closes.
  std::string Raw(const std::string& bytes) {
    const int fd = Connect();
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<size_t>(count);
    }
    std::string answer;
    char block[4096];
    for (ssize_t count; (count = recv(fd, block, sizeof(block), 0)) > 0;) answer.append(block, static_cast<size_t>(count));
    close(fd);
    return answer;
  }

  // Connections that ended count until the server has seen it.
  absl::Status EventuallyOk() {
    absl::Status status;
    for (int i = 0; i < 250; ++i) {
      status = ApiClient(options_.socket_path).Get<Status>(kStatusPath).status();
      if (status.ok()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return status;
  }

  bulkhead::testing::FakeService service_;
  ApiServerOptions options_;
  std::string folder_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ServerTest, SocketHasItsModeAndGoesAway) {
  Start();
  struct stat info {};
  ASSERT_EQ(stat(options_.socket_path.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777, getgrnam("bulkhead") == nullptr ? 0600u : 0660u);
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.socket_path));
}

TEST_F(ServerTest, RefusesASocketThatSomebodyServesAndReplacesAStaleOne) {
  Start();
  const auto second = ApiServer::Start(options_, &service_);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("process ", getpid())));

  ApiServerOptions stale = options_;
  stale.socket_path = folder_ + "/stale.sock";
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  stale.socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  const auto replaced = ApiServer::Start(stale, &service_);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_TRUE(ApiClient(stale.socket_path).Get<Status>(kStatusPath).ok());

  ApiServerOptions file = options_;
  file.socket_path = folder_ + "/file";
  std::ofstream(file.socket_path) << "precious";
  EXPECT_EQ(ApiServer::Start(file, &service_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(file.socket_path));
}

TEST_F(ServerTest, AnswersObjectsLinesAndErrors) {
  Start();
  ApiClient client(options_.socket_path);
  const auto status = client.Get<Status>(kStatusPath);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->generation, 41u);
  EXPECT_EQ(status->version, "0.0.1");
  EXPECT_EQ(status->workloads, 5u);
  EXPECT_EQ(status->protected_workloads, 5u);
  EXPECT_TRUE(status->ok);

  std::vector<ServiceRow> rows;
  ASSERT_TRUE(client
                  .GetRows<ServiceRow>(kServicesPath, {},
                                       [&rows](ServiceRow row) {
                                         rows.push_back(std::move(row));
                                         return true;
                                       })
                  .ok());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].service, "db");
  EXPECT_TRUE(rows[1].ingress_isolated);
  EXPECT_FALSE(rows[1].egress_isolated);

  EXPECT_EQ(client.Get<Status>("/v1/nothing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client.Call("PUT", kStatusPath, {}, "{}").status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(client.Get<PolicyDetail>(absl::StrCat(kPoliciesPath, "/shop/none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client.Call("GET", kFlowsPath, {{kVerdict, "maybe"}}, "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Call("GET", kFlowsPath, {{kLast, "-1"}}, "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServerTest, NamesTheMethodsThatAreAllowed) {
  Start();
  const std::string answer = Raw("PATCH /v1/policies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("405"));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, POST"));
  EXPECT_THAT(answer, HasSubstr("\"code\":\"UNIMPLEMENTED\""));
}

TEST_F(ServerTest, ChangesReachTheService) {
  Start();
  ApiClient client(options_.socket_path);
  ApplyRequest apply{{{"db.yaml", "kind: x"}}, true, "audit", 60};
  const auto change = client.Send<Change>("POST", kPoliciesPath, apply);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->generation, 42u);
  EXPECT_THAT(change->notes, ::testing::ElementsAre("shop/db is in mode audit: nothing is dropped"));
  ASSERT_TRUE(client.Send<Change>("PUT", kModesPath, ModeRequest{"shop", "db", "enforce", 5}).ok());
  ASSERT_TRUE(client.Send<Change>("PUT", kModesPath, ModeRequest{"shop", "", std::nullopt, 0}).ok());
  ASSERT_TRUE(client.Call("POST", kConfirmPath, {}, "").ok());
  ASSERT_TRUE(client.Call("DELETE", absl::StrCat(kPoliciesPath, "/shop/d b"), {}, "").ok());
  EXPECT_THAT(
      service_.calls(),
      ::testing::ElementsAre("apply db.yaml(7) mode=audit confirm=60 dry_run=1", "mode ns=shop service=db mode=enforce confirm=5",
                             "mode ns=shop service= mode=inherit confirm=0", "confirm", "delete shop/d b"));
  service_.change = absl::InvalidArgumentError("db.yaml:14:9: unknown field");
  const auto refused = client.Send<Change>("POST", kPoliciesPath, apply);
  EXPECT_EQ(refused.status(), absl::InvalidArgumentError("db.yaml:14:9: unknown field"));
}

TEST_F(ServerTest, RefusesBadBodies) {
  options_.connections = 256;  // the server sees the end of one only after the next has come
  Start();
  ApiClient client(options_.socket_path);
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  for (const std::string& body :
       std::vector<std::string>{"{", "[]", "\"x\"", R"({"files": 3})", R"({"files": [{"name": 1}]})", R"({"files": []})", deep,
                                R"({"files": [{"name": "a", "text": "b"}], "confirm_seconds": -1})",
                                R"({"files": [{"name": "a", "text": "b"}], "confirm_seconds": 5000000000})",
                                R"({"files": [{"name": "a", "text": "b"}], "mode": "strict"})", std::string("\0\xff\xfe", 3)}) {
    EXPECT_EQ(client.Call("POST", kPoliciesPath, {}, body).status().code(), absl::StatusCode::kInvalidArgument)
        << body.substr(0, 60);
  }
  EXPECT_TRUE(service_.calls().empty());
}

TEST_F(ServerTest, LimitsBodies) {
  options_.max_body_bytes = 100'000;
  Start();
  ApiClient client(options_.socket_path);
  EXPECT_EQ(client.Call("POST", kPoliciesPath, {}, std::string(100'001, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
  // In chunks nothing tells the length ahead: the connection ends.
  std::string chunked = "POST /v1/policies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) absl::StrAppend(&chunked, "1000\r\n", std::string(4096, 'x'), "\r\n");
  EXPECT_THAT(Raw(chunked + "0\r\n\r\n"), ::testing::Not(HasSubstr("200 OK")));
  EXPECT_TRUE(client.Get<Status>(kStatusPath).ok());
}

TEST_F(ServerTest, SurvivesGarbage) {
  Start();
  for (const std::string& bytes : std::vector<std::string>{
           "", "\r\n\r\n", "GET\r\n\r\n", std::string(200'000, 'A'), std::string("\0\1\2\3\xff", 5) + "\r\n\r\n",
           "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n", "GET /%00%ff/../../etc HTTP/1.1\r\nHost: x\r\n\r\n",
           "POST /v1/modes HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
           "POST /v1/modes HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}", "GET /v1/status HTTP/9.9\r\n\r\n"}) {
    const int fd = Connect();
    if (!bytes.empty()) send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    close(fd);
  }
  EXPECT_EQ(EventuallyOk(), absl::OkStatus());
}

TEST_F(ServerTest, StreamsManyFlowsInBoundedMemory) {
  service_.generated_flows = 200'000;
  Start();
  ApiClient client(options_.socket_path);
  const long before = ResidentKiB();
  long peak = before;
  size_t rows = 0;
  const absl::Status status = client.GetLines(kFlowsPath, {}, [&](const Json& json) {
    if (++rows % 20'000 == 0) peak = std::max(peak, ResidentKiB());
    return json.is_object();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(rows, 200'000u);
  EXPECT_LT(peak - before, 24 * 1024) << "KiB";  // all rows together are more than 100 MiB
}

TEST_F(ServerTest, ASlowReaderHoldsUpNobodyAndIsCutOff) {
  service_.generated_flows = 200'000;
  Start();
  const int slow = Connect();
  const std::string request = absl::StrCat("GET ", kFlowsPath, " HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(send(slow, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const size_t read = service_.flows_read;
  EXPECT_LT(read, 20'000u) << "the source runs no further ahead than the pipe is long";
  EXPECT_TRUE(ApiClient(options_.socket_path).Get<Status>(kStatusPath).ok());
  // It takes nothing for longer than the timeout: what it reads then ends before the list does.
  std::this_thread::sleep_for(std::chrono::seconds(options_.idle_seconds + 2));
  std::string answer;
  char block[65536];
  for (ssize_t count; (count = recv(slow, block, sizeof(block), 0)) > 0;) answer.append(block, static_cast<size_t>(count));
  close(slow);
  EXPECT_LT(answer.size(), 10u << 20);
  EXPECT_FALSE(absl::EndsWith(answer, "\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, StopsWhileClientsFollow) {
  Start();
  std::atomic<int> lines{0};
  absl::Status ended;
  std::thread follower([&] {
    ended = ApiClient(options_.socket_path).GetLines(kEventsPath, {{kFollow, "1"}}, [&](const Json&) {
      ++lines;
      return true;
    });
  });
  for (int i = 0; i < 100 && lines == 0; ++i) {
    service_.AddEvent(bulkhead::testing::MakeShopEvent(bulkhead::testing::kWeb, BH_DENY, BH_REASON_POLICY));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GT(lines, 0);
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  follower.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_TRUE(IsUnreachable(ended)) << ended;
}

TEST_F(ServerTest, AFollowerOutlivesTheIdleTimeout) {
  Start();
  std::atomic<bool> seen{false};
  std::thread follower([&] {
    const absl::Status status = ApiClient(options_.socket_path).GetLines(kEventsPath, {{kFollow, "1"}}, [&](const Json& json) {
      seen = json["reason"] == "spoofed-mac";
      return false;
    });
    EXPECT_TRUE(status.ok()) << status;
  });
  std::this_thread::sleep_for(std::chrono::seconds(options_.idle_seconds + 2));
  service_.AddEvent(bulkhead::testing::MakeShopEvent(bulkhead::testing::kWeb, BH_DENY, BH_REASON_SPOOFED_MAC));
  follower.join();
  EXPECT_TRUE(seen);
}

TEST_F(ServerTest, ErrorsOfAStreamAreToldBeforeAndAfterItsFirstLine) {
  service_.flows_status = absl::UnavailableError("no table");
  Start();
  ApiClient client(options_.socket_path);
  const auto ignore = [](const Json&) { return true; };
  EXPECT_EQ(client.GetLines(kFlowsPath, {}, ignore), absl::UnavailableError("no table"));
  service_.generated_flows = 10;
  int rows = 0;
  const absl::Status status = client.GetLines(kFlowsPath, {}, [&rows](const Json&) { return ++rows > 0; });
  EXPECT_EQ(rows, 10);
  EXPECT_EQ(status, absl::UnavailableError("no table"));
  EXPECT_FALSE(IsUnreachable(status));
}

TEST_F(ServerTest, AClientSaysWhenNobodyIsThere) {
  ApiClient client(folder_ + "/none.sock");
  const absl::Status status = client.Get<Status>(kStatusPath).status();
  EXPECT_TRUE(IsUnreachable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("none.sock: No such file or directory (is it running?)"));
}

// What a process of another user makes of `body`: a number below 256.
int InUser(uid_t uid, gid_t gid, const std::vector<gid_t>& groups, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    const bool change = uid != geteuid();
    if (change && (setgroups(groups.size(), groups.data()) != 0 || setgid(gid) != 0 || setuid(uid) != 0)) _exit(1);
    _exit(body());
  }
  int result = 0;
  waitpid(child, &result, 0);
  return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

// 20: it is answered, 43: refused by the daemon, 30: it does not get there.
int StatusForUser(const std::string& socket, uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
  return InUser(uid, gid, groups, [&] {
    const absl::Status status = ApiClient(socket).Get<Status>(kStatusPath).status();
    return status.ok() ? 20 : absl::IsPermissionDenied(status) ? 43 : IsUnreachable(status) ? 30 : 50;
  });
}

TEST_F(ServerTest, AProcessWithStuckConnectionsShutsOutNobodyElse) {
  options_.idle_seconds = 60;
  Start();
  std::vector<int> stuck;
  for (unsigned i = 0; i < options_.connections; ++i) {
    stuck.push_back(Connect());
    send(stuck.back(), "GET /v1", 7, MSG_NOSIGNAL);
  }
  // Those over the process's share are closed within moments.
  int other = 0;
  for (int i = 0; i < 100 && other != 20; ++i) {
    other = StatusForUser(options_.socket_path, geteuid(), getegid(), {});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(other, 20);
  const absl::Status own = ApiClient(options_.socket_path).Get<Status>(kStatusPath).status();
  EXPECT_EQ(own.code(), absl::StatusCode::kUnavailable) << own;
  for (const int fd : stuck) close(fd);
  EXPECT_EQ(EventuallyOk(), absl::OkStatus());
}

class PeersTest : public ServerTest {
 protected:
  static constexpr uid_t kNobody = 65534;

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to become others";
    options_.groups = {"daemon", "games"};
    all_ = GroupId("daemon");
    read_ = GroupId("games");
    ASSERT_NE(all_, static_cast<gid_t>(-1));
    ASSERT_NE(read_, static_cast<gid_t>(-1));
  }
  void Serve() {
    Start();
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }
  // Puts everybody through to the daemon, as a mistake at the socket's mode would.
  void Open() { std::filesystem::permissions(options_.socket_path, std::filesystem::perms(0666)); }
  mode_t Mode() const {
    struct stat info {};
    return stat(options_.socket_path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  gid_t all_ = 0, read_ = 0;
};

TEST_F(PeersTest, OnlyRootAndTheGroupsGetIn) {
  Serve();
  EXPECT_EQ(Mode(), 0660u);
  EXPECT_EQ(StatusForUser(options_.socket_path, 0, 0, {}), 20);
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, kNobody, {}), 30) << "the socket's mode";
  for (const gid_t gid : {all_, read_}) {
    EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, gid, {}), 20) << gid;
    EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, kNobody, {gid}), 20) << "as a supplementary group";
  }
  Open();
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, kNobody, {}), 43) << "the peer's credentials";
}

TEST_F(PeersTest, WithoutGroupsOnlyRootGetsIn) {
  options_.groups = {"no-such-group", "nor-this-one"};
  Serve();
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_EQ(StatusForUser(options_.socket_path, 0, 0, {}), 20);
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, 0, {0}), 30) << "root's group is not root";
  Open();
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, 0, {0}), 43);
}

TEST_F(PeersTest, WithoutTheFirstGroupTheSecondReads) {
  options_.groups.all = "no-such-group";
  Serve();
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, read_, {}), 20);
  EXPECT_EQ(StatusForUser(options_.socket_path, kNobody, 0, {0}), 30) << "its group is root's";
}

// Every resource, asked by a member of each group: who reads gets what GET gives, captures apart, and changes nothing.
TEST_F(PeersTest, WhoReadsChangesNothing) {
  Serve();
  const std::vector<std::string> reads = {kStatusPath, kWorkloadsPath, kServicesPath, kFlowsPath,  kCountersPath, kEventsPath,
                                          kPoliciesPath, kModesPath,   kMetricsPath,  kBlocksPath, kEdgesPath,    kRulesPath};
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"GET", kCapturePath},  {"POST", kPoliciesPath}, {"DELETE", std::string(kPoliciesPath) + "/shop/db"}, {"PUT", kModesPath},
      {"POST", kConfirmPath}, {"POST", kStagePath},    {"DELETE", kStagePath},                              {"POST", kPromotePath},
      {"POST", kBlocksPath},  {"POST", kSimulatePath}, {"POST", kReplayPath},                               {"POST", kDecisionsPath}};
  const auto as = [&](gid_t gid, const std::string& method, const std::string& path) {
    return InUser(kNobody, gid, {}, [&] {
      const absl::Status status = ApiClient(options_.socket_path).Call(method, path, {}, method == "GET" ? "" : "{}").status();
      return absl::IsPermissionDenied(status) ? 43 : 20;
    });
  };
  for (const std::string& path : reads) EXPECT_EQ(as(read_, "GET", path), 20) << path;
  for (const auto& [method, path] : changes) {
    EXPECT_EQ(as(read_, method, path), 43) << method << " " << path;
    EXPECT_EQ(as(all_, method, path), 20) << method << " " << path;
  }
  EXPECT_EQ(InUser(kNobody, read_, {}, [&] {
              const absl::Status status = ApiClient(options_.socket_path).Call("PUT", kModesPath, {}, "{}").status();
              const bool clear = absl::StrContains(status.message(), "nobody may only read: PUT /v1/modes takes root or a member of the group daemon");
              return clear && IsUnreachable(status) ? 20 : 50;
            }),
            20);
}

// Readers that hold their connections leave the other half to those who may change things.
TEST_F(PeersTest, ReadersShutNobodyOut) {
  options_.idle_seconds = 60;
  Serve();
  int start[2];
  ASSERT_EQ(pipe(start), 0);
  std::vector<pid_t> readers;
  for (int i = 0; i < 6; ++i) {
    readers.push_back(fork());
    if (readers.back() != 0) continue;
    if (setgroups(0, nullptr) != 0 || setgid(read_) != 0 || setuid(kNobody) != 0) _exit(1);
    for (int k = 0; k < 4; ++k) send(Connect(), "GET /v1", 7, MSG_NOSIGNAL);
    (void)!write(start[1], "x", 1);
    pause();
  }
  char ready[6];
  for (char& one : ready) ASSERT_EQ(read(start[0], &one, 1), 1);
  int other = 0;
  for (int i = 0; i < 100 && other != 20; ++i) {
    other = StatusForUser(options_.socket_path, kNobody, all_, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(other, 20);
  EXPECT_NE(StatusForUser(options_.socket_path, kNobody, read_, {}), 20) << "they have no more room";
  for (const pid_t reader : readers) {
    kill(reader, SIGKILL);
    waitpid(reader, nullptr, 0);
  }
  for (const int end : start) close(end);
}

}  // namespace
}  // namespace bulkhead::api
