// SPDX-License-Identifier: Apache-2.0
// bulkheadd: the program of the host. Exit codes: 0 ended as asked, 1 something failed, 2 it cannot start as asked.
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "controlplane/config/config.h"
#include "controlplane/daemon/daemon.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace {

using bulkhead::Config;

constexpr char kVersion[] = BULKHEAD_VERSION;

constexpr char kExamples[] =
    "Examples:\n"
    "  bulkheadd                                        defaults, and /etc/bulkhead/bulkhead.yaml if it is there\n"
    "  bulkheadd --docker /run/docker.sock --log-level debug\n"
    "  bulkheadd --docker none --workloads-dir /etc/bulkhead/workloads.d\n"
    "  bulkheadd --config /tmp/b/bulkhead.yaml --policy-dir /tmp/b/policies.d --state-dir /tmp/b/state --socket /tmp/b/api.sock\n";

struct Flags {
  std::string config, policy_dir, state_dir, socket, pin_root, workloads_dir, attach, log_level;
  std::vector<std::string> docker;
  bool foreground = true;  // it knows no other way; the flag is for those who say so
};

void AddFlags(CLI::App* app, Flags* flags) {
  app->add_option("--config", flags->config, "Settings; default /etc/bulkhead/bulkhead.yaml, which may be missing")->type_name("FILE");
  app->add_option("--policy-dir", flags->policy_dir, "Folder of policies and modes.yaml")->type_name("DIR");
  app->add_option("--state-dir", flags->state_dir, "Folder of what is remembered over restarts")->type_name("DIR");
  app->add_option("--socket", flags->socket, "Unix socket of the API; the pid file stands beside it")->type_name("FILE");
  app->add_option("--pin-root", flags->pin_root, "Folder of the pinned maps and programs, in a bpffs")->type_name("DIR");
  app->add_option("--workloads-dir", flags->workloads_dir, "Folder of workload files, or none")->type_name("DIR");
  app->add_option("--attach", flags->attach, "How programs are attached")->check(CLI::IsMember({"clsact", "tcx"}));
  app->add_option("--docker", flags->docker, "Socket of a Docker Engine, may be repeated; none: no engine")->type_name("SOCKET");
  app->add_option("--log-level", flags->log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app->add_flag("--foreground", flags->foreground, "Stay in the foreground, which it always does");
  app->set_version_flag("--version", std::string("bulkheadd ") + kVersion);
  app->footer(kExamples);
}

// What stands on the command line wins over the file.
void Override(const Flags& flags, Config* config) {
  const auto set = [](const std::string& flag, std::string* value) {
    if (!flag.empty()) *value = flag;
  };
  set(flags.policy_dir, &config->policy_dir);
  set(flags.state_dir, &config->state_dir);
  set(flags.socket, &config->api_socket);
  set(flags.pin_root, &config->pin_root);
  set(flags.attach, &config->attach);
  set(flags.log_level, &config->log_level);
  if (!flags.workloads_dir.empty()) config->workloads_dir = flags.workloads_dir == "none" ? "" : flags.workloads_dir;
  if (flags.docker.empty()) return;
  config->docker_sockets.emplace();
  for (const std::string& socket : flags.docker) {
    if (socket != "none") config->docker_sockets->push_back(socket);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bulkheadd watches the containers of this host and enforces policy between them.", "bulkheadd");
  Flags flags;
  AddFlags(&app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const bool named = !flags.config.empty();
  const absl::StatusOr<Config> loaded = bulkhead::LoadConfig(named ? flags.config : bulkhead::kDefaultConfigFile, named);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", std::string(loaded.status().message()).c_str());
    return 2;
  }
  Config config = *loaded;
  Override(flags, &config);
  spdlog::set_default_logger(spdlog::stderr_color_mt("bulkheadd"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  spdlog::flush_on(spdlog::level::debug);

  bulkhead::KernelWriter writer;
  const absl::Status status = bulkhead::RunDaemon(config, kVersion, writer);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bulkheadd: %s\n", std::string(status.message()).c_str());
  const bool asked_wrong = absl::IsPermissionDenied(status) || absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status);
  return asked_wrong ? 2 : 1;
}
