// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/daemon.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/api/server.h"
#include "controlplane/daemon/control.h"
#include "controlplane/daemon/service.h"
#include "controlplane/daemon/source_finder.h"
#include "controlplane/daemon/start_checks.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

// Blocked in every thread from here on, and read from a descriptor.
absl::StatusOr<UniqueFd> TakeSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return absl::ErrnoToStatus(errno, "sigprocmask");
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "signalfd");
  return fd;
}

void OnSignal(int fd, EventLoop* loop, Control* control) {
  signalfd_siginfo info{};
  while (read(fd, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo != SIGHUP) {
      spdlog::info("signal {}: ending, enforcement stays", info.ssi_signo);
      loop->Stop();
    } else if (const absl::Status status = control->Reload(); !status.ok()) {
      spdlog::warn("policy: {}", std::string(status.message()));
    }
  }
}

absl::StatusOr<std::unique_ptr<EbpfBackend>> OpenBackend(const Config& config, KernelWriter* writer, const Clock* clock) {
  EbpfOptions options;
  options.pin_root = config.pin_root;
  options.attach = config.attach == "tcx" ? AttachMode::kTcx : AttachMode::kClsact;
  options.workload_xdp = config.workload_xdp;
  options.flow_entries = config.flow_table_entries;
  return EbpfBackend::Open(*writer, *clock, options);
}

// A learner that cannot be had costs the proposals, not the enforcement.
std::unique_ptr<Learner> OpenLearner(const Store& store, const LearnLimits& limits) {
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Open(store.path().empty() ? ":memory:" : store.path(), limits);
  if (learner.ok()) return *std::move(learner);
  spdlog::error("learning: {}; nothing is recorded", std::string(learner.status().message()));
  return nullptr;
}

absl::Status Serve(const Config& config, const std::string& version, int signals, EventLoop* loop, Control* control, Service* service) {
  if (absl::Status status = loop->Watch(signals, [=] { OnSignal(signals, loop, control); }); !status.ok()) return status;
  if (absl::Status status = control->Start(); !status.ok()) return status;
  ApiServerOptions options;
  options.socket_path = config.api_socket;
  options.version = version;
  absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(options, service);
  if (!server.ok()) return server.status();
  spdlog::info("ready: policies in {}, API at {}", config.policy_dir, config.api_socket);
  loop->Run();
  return absl::OkStatus();
}

}  // namespace

absl::Status RunDaemon(const Config& config, const std::string& version, KernelWriter& writer) {
  if (absl::Status status = CheckRights(); !status.ok()) return status;
  absl::StatusOr<UniqueFd> lock = LockPidFile(std::filesystem::path(config.api_socket).parent_path().string());
  if (!lock.ok()) return lock.status();
  if (absl::Status status = MakeFolder(config.policy_dir, 0755); !status.ok()) return status;
  if (absl::Status status = MakeFolder(config.state_dir, 0700); !status.ok()) spdlog::warn("state: {}", std::string(status.message()));
  absl::StatusOr<UniqueFd> signals = TakeSignals();
  if (!signals.ok()) return signals.status();

  const RealClock clock;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(absl::StrCat(config.state_dir, "/bulkhead.db"));
  if (!store.ok()) return store.status();
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  absl::StatusOr<std::unique_ptr<EbpfBackend>> backend = OpenBackend(config, &writer, &clock);
  if (!backend.ok()) return backend.status();
  absl::StatusOr<std::unique_ptr<EbpfUplinks>> uplinks = (*backend)->OpenUplinks(config.uplink_hook);
  if (!uplinks.ok()) return uplinks.status();
  const AdoptedState& adopted = (*backend)->adopted();
  spdlog::info("bulkheadd {}: {}, {} endpoints", version, adopted.adopted ? "took over what was there" : "new dataplane",
               adopted.endpoints.size());
  const std::unique_ptr<Learner> learner = OpenLearner(**store, config.learn);
  EdgeDrain edges(backend->get(), learner.get(), &clock);
  Observer observer(backend->get(), learner.get(), &edges);

  ControlParts parts;
  parts.config = config;
  parts.loop = loop->get();
  parts.backend = backend->get();
  parts.uplinks = uplinks->get();
  parts.attach_problems = [&backend] { return (*backend)->AttachProblems(); };
  parts.writer = &writer;
  parts.clock = &clock;
  parts.store = store->get();
  parts.observer = &observer;
  parts.adopted = adopted.endpoints;
  parts.policy_in_force = adopted.policy && !adopted.endpoints.empty();
  SourceFinder finder(config, store->get(), !adopted.endpoints.empty());
  parts.find_sources = [&finder] { return finder.FindNew(); };
  absl::StatusOr<std::unique_ptr<Control>> control = Control::Create(std::move(parts));
  if (!control.ok()) return control.status();
  Service service(control->get(), loop->get(), backend->get(), uplinks->get(), learner.get(), &edges, &clock);
  absl::Status status = Serve(config, version, signals->get(), loop->get(), control->get(), &service);
  // No thread may wait for a loop that does not run.
  (*loop)->Stop();
  const std::shared_ptr<const View> last = (*control)->GetView();
  const Observer::Batch observed = (*control)->LastObserved();
  control->reset();
  if (last != nullptr) (void)observer.Write(observed, *last);
  return status;
}

}  // namespace bulkhead
