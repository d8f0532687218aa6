// SPDX-License-Identifier: Apache-2.0
// What verbs have in common: options, output as table or JSON, errors and exit codes. One thread.
#ifndef BULKHEAD_CONTROLPLANE_CLI_COMMON_H_
#define BULKHEAD_CONTROLPLANE_CLI_COMMON_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bulkhead/api/change.h"
#include "bulkhead/api/paths.h"
#include "controlplane/api/client.h"
#include "controlplane/cli/verbs.h"

namespace bulkhead::cli {

// -o of a verb.
struct Output {
  std::string format = "table";  // table, wide, json

  bool json() const { return format == "json"; }
  bool wide() const { return format == "wide"; }
};
void AddOutput(CLI::App* verb, Output* output, bool wide);

// -n and -A of a verb that lists. Every namespace is shown unless -n names one.
struct Scope {
  std::string ns;
  bool all = false;
};
void AddScope(CLI::App* verb, Scope* scope);

// --since and --last.
struct Window {
  std::string since = {};
  unsigned last = 0;
};
void AddWindow(CLI::App* verb, Window* window);
// Puts them into a query. kInvalidArgument: --since is no duration.
absl::Status AddToQuery(const Window& window, api::ApiClient::Query* query);

// --confirm, in seconds; 0 when it was not given.
absl::StatusOr<uint32_t> ConfirmSeconds(const std::string& confirm);

// Adds a verb: `run` gives the exit code. Options live as long as `state`, which the callback holds.
template <class State>
CLI::App* AddVerb(CLI::App& parent, Globals* globals, const char* name, const char* description, std::shared_ptr<State> state,
                  int (*run)(const Globals&, const State&)) {
  CLI::App* verb = parent.add_subcommand(name, description);
  verb->callback([globals, state, run] { globals->exit_code = run(*globals, *state); });
  return verb;
}

// Prints an error to stderr and gives the exit code for it. An invalid argument that names its place (file:line:column) is printed
// as it is, so that editors find it.
int Report(const absl::Status& status);

// Prints a list: one JSON array that streams, or one object a line when it is followed.
class JsonList {
 public:
  explicit JsonList(bool follow) : follow_(follow) {}
  void Add(const api::Json& row);
  // Closes the array; also when the list was cut by an error, so that what was printed can be read.
  void Finish();

 private:
  const bool follow_;
  bool first_ = true;
};

// What a change did: changes, notes, generation.
void PrintChange(const api::Change& change, const Output& output, uint32_t confirm_seconds, bool dry_run);

struct ServiceArgument {
  std::string ns, service;
};
// "NS/SERVICE", or "SERVICE" in the namespace of -n. kInvalidArgument: neither.
absl::StatusOr<ServiceArgument> ParseService(const std::string& text, const std::string& ns, const char* what);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_COMMON_H_
