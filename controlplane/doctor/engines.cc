// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/engines.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "controlplane/runtime/docker_source.h"
#include "controlplane/runtime/unix_http.h"

namespace bulkhead::doctor {
namespace {

constexpr std::chrono::milliseconds kPatience(2000);
constexpr size_t kMostBytes = 1 << 16;
constexpr int kOldestMinor = 24;  // of API 1.x

// Everything that a printable answer has; an engine's answer is not ours.
std::string Plain(std::string text) {
  std::erase_if(text, [](char c) { return c < 0x20 || c == 0x7f; });
  return text.substr(0, 64);
}

EngineFacts Ask(const std::string& socket) {
  EngineFacts out;
  out.socket = socket;
  struct stat file{};
  if (stat(socket.c_str(), &file) != 0) {
    out.reached = absl::ErrnoToStatus(errno, socket);
    return out;
  }
  if (access(socket.c_str(), R_OK | W_OK) != 0) {
    out.reached = absl::ErrnoToStatus(errno, socket);
    return out;
  }
  UnixHttp http(socket);
  std::optional<absl::StatusOr<HttpAnswer>> answer;
  http.Get("/_ping", kMostBytes, kPatience, [&answer](absl::StatusOr<HttpAnswer> got) { answer = std::move(got); });
  const auto deadline = std::chrono::steady_clock::now() + 2 * kPatience;
  while (!answer && std::chrono::steady_clock::now() < deadline) http.Poll(std::chrono::milliseconds(100));
  if (!answer) answer = absl::DeadlineExceededError("no answer");
  out.reached = answer->status();
  if (!answer->ok()) return out;
  if ((*answer)->status != 200) out.reached = absl::UnavailableError(absl::StrCat("answers ", (*answer)->status, " to /_ping"));
  const auto header = [&answer](const char* name) {
    const auto at = (*answer)->headers.find(name);
    return at == (*answer)->headers.end() ? std::string() : Plain(at->second);
  };
  out.version = header("server");
  out.api_version = header("api-version");
  return out;
}

}  // namespace

std::vector<EngineFacts> ReadEngines(const Config& config) {
  std::vector<EngineFacts> out;
  for (const std::string& socket : config.docker_sockets ? *config.docker_sockets : FindDockerSockets()) out.push_back(Ask(socket));
  return out;
}

void CheckEngines(const std::vector<EngineFacts>& engines, const Config& config, Findings* findings) {
  if (engines.empty() && config.workloads_dir.value_or("").empty()) {
    findings->Warn("engines", "no socket of an engine was found", "start the engine, or name its socket in sources.docker");
  } else if (engines.empty()) {
    findings->Ok("engines", absl::StrCat("none; workloads are described in ", *config.workloads_dir));
  }
  for (const EngineFacts& engine : engines) {
    const std::string check = absl::StrCat("engine ", engine.socket);
    int minor = 0;
    if (absl::IsPermissionDenied(engine.reached)) {
      findings->Fail(check, "may not be opened", "run as root; the daemon must be root, too");
    } else if (!engine.reached.ok()) {
      findings->Fail(check, std::string(engine.reached.message()), "start the engine; until then its new containers are unknown, and cut off where the guard is in place");
    } else if (std::sscanf(engine.api_version.c_str(), "1.%d", &minor) == 1 && minor < kOldestMinor) {
      findings->Fail(check, absl::StrCat("speaks API ", engine.api_version), absl::StrCat("use an engine with API 1.", kOldestMinor, " or newer"));
    } else {
      findings->Ok(check, absl::StrCat(engine.version.empty() ? "answers" : engine.version, ", API ", engine.api_version.empty() ? "unknown" : engine.api_version));
    }
  }
}

void CheckDaemon(const absl::StatusOr<api::Status>& status, Findings* findings) {
  constexpr char kCheck[] = "daemon";
  if (!status.ok()) {
    findings->Fail(kCheck, absl::StrCat("does not answer: ", std::string(status.status().message())),
                   "start bulkheadd; what was enforced stays enforced, but new containers are not known");
    return;
  }
  const std::string running = absl::StrCat("bulkheadd ", status->version, ", pid ", status->pid, ", generation ", status->generation);
  if (status->self_check.disagreements > 0) {
    findings->Fail(kCheck, absl::StrCat(running, "; self-check: ", status->self_check.last),
                   "restart bulkheadd, which writes its tables anew; if it stays so, tell the makers");
  } else if (!status->ok) {
    findings->Fail(kCheck, absl::StrCat(running, "; a service that enforces has an unprotected workload"), "see bulkhead status");
  } else if (!status->problems.empty() || !status->policy_errors.empty()) {
    findings->Warn(kCheck, absl::StrCat(running, "; ", status->problems.empty() ? status->policy_errors.front() : status->problems.front()),
                   "see bulkhead status");
  } else {
    findings->Ok(kCheck, running);
  }
}

}  // namespace bulkhead::doctor
