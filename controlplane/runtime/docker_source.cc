// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/docker_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

// A user's own engine keeps its containers in a network namespace of its own, out of reach of the host's hooks.
std::string WhyUnprotected(const std::string& socket) { return socket.starts_with("/run/user/") ? "its engine is rootless" : ""; }

}  // namespace

DockerSource::DockerSource(DockerOptions options)
    : options_(std::move(options)), tracker_(options_.name, options_.runtime, WhyUnprotected(options_.socket)) {}

DockerSource::~DockerSource() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (session_) session_->Stop();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DockerSource::Start(SourceSink sink) {
  sink_ = std::move(sink);
  thread_ = std::thread([this] { Run(); });
}

void DockerSource::Flush() {
  for (SourceEvent& event : tracker_.TakeEvents()) {
    if (event.kind == SourceEvent::Kind::kProblem && !event.text.empty()) spdlog::warn("{}: {}", options_.name, event.text);
    sink_(std::move(event));
  }
}

bool DockerSource::Rest(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stop_; });
}

void DockerSource::Run() {
  std::chrono::milliseconds retry = options_.first_retry;
  std::string last_why;
  do {
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      session_ = std::make_unique<DockerSession>(options_.socket, options_.times, &tracker_, [this] { Flush(); });
    }
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status why = session_->Run();
    Flush();
    if (absl::IsCancelled(why)) return;
    // An engine that breaks off time and again is not asked for everything ten times a second.
    const bool lasted = std::chrono::steady_clock::now() - begin > options_.last_retry;
    {
      const std::lock_guard lock(mutex_);
      session_.reset();
    }
    SourceEvent lost;
    lost.kind = SourceEvent::Kind::kLost;
    lost.source = options_.name;
    lost.text = absl::StrCat(options_.socket, ": ", why.message());
    if (lost.text != last_why || lasted) spdlog::warn("{}: {}", options_.name, lost.text);
    last_why = lost.text;
    sink_(std::move(lost));
    if (lasted) retry = options_.first_retry;
    if (!Rest(retry)) return;
    retry = std::min(retry * 2, options_.last_retry);
  } while (true);
}

std::vector<std::string> FindDockerSockets(const std::string& root) {
  std::vector<std::string> out;
  std::error_code ignored;
  const auto add = [&](const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::is_socket(path, error)) out.push_back(path.string());
  };
  add(root + "/run/docker.sock");
  std::filesystem::directory_iterator users(root + "/run/user", std::filesystem::directory_options::skip_permission_denied,
                                            ignored);
  std::vector<std::filesystem::path> homes;
  for (; !ignored && users != std::filesystem::directory_iterator(); users.increment(ignored)) homes.push_back(users->path());
  std::sort(homes.begin(), homes.end());
  for (const auto& home : homes) add(home / "docker.sock");
  return out;
}

}  // namespace bulkhead
