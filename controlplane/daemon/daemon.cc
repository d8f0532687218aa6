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
#include "absl/strings/str_join.h"
#include "controlplane/api/metrics_server.h"
#include "controlplane/api/server.h"
#include "controlplane/daemon/confine.h"
#include "controlplane/daemon/control.h"
#include "controlplane/daemon/learn_file.h"
#include "controlplane/daemon/service.h"
#include "controlplane/daemon/source_finder.h"
#include "controlplane/daemon/start_checks.h"
#include "controlplane/daemon/supervisor.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/flow/flow_sampler.h"
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

void OnSignal(int fd, const StartOptions& start, EventLoop* loop, Control* control) {
  signalfd_siginfo info{};
  while (read(fd, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo != SIGHUP) {
      spdlog::info("signal {}: ending, enforcement stays", info.ssi_signo);
      loop->Stop();
      continue;
    }
    if (start.read_config) control->TakeConfig(start.read_config());
    if (const absl::Status status = control->Reload(); !status.ok()) {
      spdlog::warn("policy: {}", std::string(status.message()));
    }
  }
}

void LogAdopted(const std::string& version, const AdoptedState& adopted) {
  if (adopted.older_version == 0) {
    spdlog::info("bulkheadd {}: {}, {} endpoints", version, adopted.adopted ? "took over what was there" : "new dataplane",
                 adopted.endpoints.size());
  } else {
    spdlog::info("bulkheadd {}: takes the place of layout {} at {} interfaces; used on: {}", version, adopted.older_version,
                 adopted.older_interfaces.size(), adopted.carried.empty() ? "nothing" : absl::StrJoin(adopted.carried, ", "));
  }
  if (adopted.other_build != 0) spdlog::info("programs of another build were replaced at {} interfaces", adopted.other_build);
  for (const std::string& sentence : adopted.repaired) spdlog::warn("found at the start, and put right: {}", sentence);
}

ApiServerOptions ApiOptions(const Config& config, const std::string& version) {
  ApiServerOptions options;
  options.socket_path = config.api_socket;
  options.groups = {config.api_group, config.read_group};
  options.version = version;
  return options;
}

// Without a state folder the daemon goes on, and forgets. That of the policies is made later, where none is remembered.
absl::Status MakeFolders(const Config& config) {
  if (absl::Status status = CheckFolder(std::filesystem::path(config.api_socket).parent_path().string(), true); !status.ok())
    return status;
  if (absl::Status status = CheckFolder(config.policy_dir); !status.ok()) return status;
  if (absl::Status status = MakeFolder(config.state_dir, 0700); !status.ok()) {
    spdlog::warn("state: {}", std::string(status.message()));
    return absl::OkStatus();
  }
  return CheckFolder(config.state_dir);
}

// From here on the daemon can do what it needs and no more.
absl::Status Confine(const Config& config) {
  if (absl::Status status = DropCapabilities(); !status.ok()) return status;
  if (!config.seccomp) spdlog::warn("seccomp is off: no system call is refused");
  return config.seccomp ? RefuseSystemCalls() : absl::OkStatus();
}

struct Serving {
  Config config;
  StartOptions start;
  int signals = -1;
  std::unique_ptr<api::ApiSocket> socket;
};

absl::Status Serve(Serving what, EventLoop* loop, Control* control, Service* service) {
  const auto on_signal = [&what, loop, control] { OnSignal(what.signals, what.start, loop, control); };
  if (absl::Status status = loop->Watch(what.signals, on_signal, "signals"); !status.ok()) return status;
  if (absl::Status status = control->Start(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<ApiServer>> server =
      ApiServer::Start(ApiOptions(what.config, what.start.version), service, std::move(what.socket));
  if (!server.ok()) return server.status();
  Supervisor supervisor;
  if (absl::Status status = supervisor.Start(loop, [control] { return control->GetView(); }); !status.ok()) return status;
  std::unique_ptr<MetricsServer> metrics;
  if (const auto address = ParseSocketAddress(what.config.metrics_address)) {
    absl::StatusOr<std::unique_ptr<MetricsServer>> started =
        MetricsServer::Start(address->address, address->port, what.start.version, service);
    if (!started.ok()) return started.status();
    metrics = *std::move(started);
  }
  supervisor.Ready();
  spdlog::info("ready: policies in {}, API at {}", what.config.policy_dir, what.config.api_socket);
  loop->Run();
  supervisor.Stopping();
  return absl::OkStatus();
}

}  // namespace

EbpfOptions EbpfOptionsOf(const Config& config, const StartOptions& start) {
  EbpfOptions options;
  options.pin_root = config.pin_root;
  options.attach = config.attach == "tcx" ? AttachMode::kTcx : AttachMode::kClsact;
  options.workload_xdp = config.workload_xdp;
  options.flow_entries = config.flow_table_entries;
  options.reset = start.reset;
  options.layout_version = start.layout_version;
  options.fresh_maps = start.fresh_maps;
  return options;
}

absl::Status RunDaemon(const Config& config, const StartOptions& start, KernelWriter& writer) {
  if (absl::Status status = CheckRights(); !status.ok()) return status;
  absl::StatusOr<UniqueFd> lock = LockPidFile(std::filesystem::path(config.api_socket).parent_path().string());
  if (!lock.ok()) return lock.status();
  if (absl::Status status = MakeFolders(config); !status.ok()) return status;
  absl::StatusOr<UniqueFd> signals = TakeSignals();
  if (!signals.ok()) return signals.status();

  const RealClock clock;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(absl::StrCat(config.state_dir, "/bulkhead.db"));
  if (!store.ok()) return store.status();
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  absl::StatusOr<std::unique_ptr<EbpfBackend>> backend = EbpfBackend::Open(writer, clock, EbpfOptionsOf(config, start));
  if (!backend.ok()) return backend.status();
  absl::StatusOr<std::unique_ptr<EbpfUplinks>> uplinks = (*backend)->OpenUplinks(config.uplink_hook);
  if (!uplinks.ok()) return uplinks.status();
  const AdoptedState& adopted = (*backend)->adopted();
  LogAdopted(start.version, adopted);
  std::string learner_problem;
  const std::unique_ptr<Learner> learner = OpenLearner((*store)->path(), config.learn, &learner_problem);
  EdgeDrain edges(backend->get(), learner.get(), &clock);
  Observer observer(backend->get(), learner.get(), &edges);

  absl::StatusOr<std::unique_ptr<nft::Guard>> guard = nft::Guard::Open(writer);

  ControlParts parts;
  parts.config = config;
  parts.loop = loop->get();
  parts.backend = backend->get();
  parts.uplinks = uplinks->get();
  if (!learner_problem.empty()) parts.lasting_problems.push_back(learner_problem);
  parts.attach_problems = [&backend] { return (*backend)->AttachProblems(); };
  if (guard.ok()) {
    parts.guard = guard->get();
    parts.guard_port = (*guard)->port();
  }
  FlowSampler sampler(&(*backend)->flow_tables());
  parts.sample_flows = [&sampler](size_t most) { return sampler.Take(most); };
  parts.stamp = [&backend] { return (*backend)->stamp(); };
  parts.writer = &writer;
  parts.clock = &clock;
  parts.store = store->get();
  parts.observer = &observer;
  parts.adopted = adopted.endpoints;
  parts.published = adopted.published;
  for (const AdoptedAttachment& attachment : adopted.attachments) parts.attached.insert(attachment.ifindex);
  parts.older = adopted.older_interfaces;
  parts.fresh = !adopted.adopted;
  parts.handover.finish = [&backend] { return (*backend)->FinishUpgrade(); };
  parts.handover.together = [&backend](const AttachKeeper::Interfaces& interfaces) {
    std::vector<AdoptedAttachment> all;
    for (const auto& [ifindex, zone] : interfaces) all.push_back({ifindex, zone});
    const absl::Status status = (*backend)->AttachTogether(all);
    if (!status.ok()) spdlog::debug("attaching to {} interfaces: {}", all.size(), std::string(status.message()));
  };
  parts.policy_in_force = adopted.adopted && adopted.policy && !adopted.endpoints.empty();
  SourceFinder finder(config, store->get(), !adopted.endpoints.empty());
  parts.find_sources = [&finder] { return finder.FindNew(); };
  // Its group is given while that can be done, and nobody is answered before all is in place.
  absl::StatusOr<std::unique_ptr<api::ApiSocket>> socket =
      api::ApiSocket::Open(config.api_socket, {config.api_group, config.read_group});
  if (!socket.ok()) return socket.status();
  if (absl::Status status = Confine(config); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Control>> control = Control::Create(std::move(parts));
  if (!control.ok()) return control.status();
  Service service(control->get(), loop->get(), backend->get(), uplinks->get(), learner.get(), &edges, &clock);
  absl::Status status = Serve({config, start, signals->get(), *std::move(socket)}, loop->get(), control->get(), &service);
  // No thread may wait for a loop that does not run.
  (*loop)->Stop();
  const std::shared_ptr<const View> last = (*control)->GetView();
  const Observer::Batch observed = (*control)->LastObserved();
  control->reset();
  if (last != nullptr) (void)observer.Write(observed, *last);
  return status;
}

}  // namespace bulkhead
