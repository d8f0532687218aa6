// SPDX-License-Identifier: Apache-2.0
// bulkhead mode get|set, bulkhead confirm
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bulkhead/model/common.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

constexpr char kInherit[] = "inherit";

struct GetOptions {
  Output output;
  std::string ns, target;
};

struct SetOptions {
  Output output;
  std::string ns, confirm, target, mode;
  bool global = false, force = false;
};

struct ConfirmOptions {
  Output output;
};

// Which rows of `mode get` a target means: NAMESPACE/SERVICE, NAMESPACE, or SERVICE.
bool Wants(const api::ModeRow& row, const GetOptions& options) {
  if (!options.ns.empty() && row.ns != options.ns) return false;
  if (options.target.empty()) return true;
  if (options.target.find('/') != std::string::npos) return row.ns + "/" + row.service == options.target;
  return row.ns == options.target || row.service == options.target;
}

int RunGet(const Globals& globals, const GetOptions& options) {
  api::ApiClient client(globals.socket);
  absl::StatusOr<api::ModeList> list = client.Get<api::ModeList>(api::kModesPath);
  if (!list.ok()) return Report(list.status());
  std::erase_if(list->modes, [&options](const api::ModeRow& row) { return !Wants(row, options); });
  if (list->modes.empty()) {
    return Report(absl::NotFoundError(
        absl::StrCat("no service or namespace \"", options.target.empty() ? options.ns : options.target, "\"")));
  }
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*list)).c_str());
    return kExitDone;
  }
  {
    Table table({"SCOPE", "NAMESPACE", "SERVICE", "MODE", "SET-BY"});
    for (const api::ModeRow& row : list->modes) {
      table.Add({row.scope, OrDash(row.ns), OrDash(row.service), {row.mode, ColourOf(row.mode)}, row.from});
    }
  }
  if (!list->pending_confirm.empty()) std::printf("\nunconfirmed: %s\n", Printable(list->pending_confirm).c_str());
  return kExitDone;
}

// A bare word is a namespace if there is one of that name, else the only service of that name.
absl::Status ResolveWord(api::ApiClient& client, const std::string& word, api::ModeRequest* request) {
  const absl::StatusOr<api::ModeList> list = client.Get<api::ModeList>(api::kModesPath);
  if (!list.ok()) return list.status();
  std::set<std::string> in;
  for (const api::ModeRow& row : list->modes) {
    if (row.ns == word) {
      request->ns = word;
      return absl::OkStatus();
    }
    if (row.scope == "service" && row.service == word) in.insert(row.ns + "/" + word);
  }
  if (in.size() > 1) return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" could be ", absl::StrJoin(in, ", ")));
  if (in.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no namespace or service \"", word, "\" yet; say NAMESPACE/SERVICE or -n NAMESPACE to set its mode ahead"));
  }
  request->ns = in.begin()->substr(0, in.begin()->find('/'));
  request->service = word;
  return absl::OkStatus();
}

absl::Status ResolveTarget(api::ApiClient& client, const SetOptions& options, api::ModeRequest* request) {
  const std::string& target = options.target;
  if (options.global) {
    if (!target.empty() || !options.ns.empty()) return absl::InvalidArgumentError("--global goes with neither a target nor -n");
    return absl::OkStatus();
  }
  if (target.empty()) {
    if (options.ns.empty())
      return absl::InvalidArgumentError("expected NAMESPACE/SERVICE, NAMESPACE, -n NAMESPACE or --global before the mode");
    request->ns = options.ns;
    return absl::OkStatus();
  }
  if (target.find('/') == std::string::npos && options.ns.empty()) return ResolveWord(client, target, request);
  const absl::StatusOr<ServiceArgument> service = ParseService(target, options.ns, "SERVICE");
  if (!service.ok()) return service.status();
  request->ns = service->ns;
  request->service = service->service;
  return absl::OkStatus();
}

int RunSet(const Globals& globals, const SetOptions& given) {
  SetOptions options = given;
  if (options.mode.empty()) std::swap(options.mode, options.target);  // a single word is the mode
  api::ApiClient client(globals.socket);
  api::ModeRequest request;
  const std::string& mode = options.mode;
  if (mode != kInherit && !ParseMode(mode)) {
    return Report(
        absl::InvalidArgumentError(absl::StrCat("mode: found \"", mode, "\", expected learn, audit, enforce or inherit")));
  }
  if (mode != kInherit) request.mode = mode;
  const absl::StatusOr<uint32_t> confirm = ConfirmSeconds(options.confirm);
  if (!confirm.ok()) return Report(confirm.status());
  request.confirm_seconds = *confirm;
  request.force = options.force;
  if (absl::Status status = ResolveTarget(client, options, &request); !status.ok()) return Report(status);
  const absl::StatusOr<api::Change> change = client.Send<api::Change>("PUT", api::kModesPath, request);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, request.confirm_seconds, false);
  return kExitDone;
}

int RunConfirm(const Globals& globals, const ConfirmOptions& options) {
  api::ApiClient client(globals.socket);
  const absl::StatusOr<std::string> answer = client.Call("POST", api::kConfirmPath, {}, "{}");
  if (!answer.ok()) return Report(answer.status());
  const absl::StatusOr<api::Change> change = api::ParseWire<api::Change>(*answer);
  if (!change.ok()) return Report(change.status());
  PrintChange(*change, options.output, 0, false);
  return kExitDone;
}

}  // namespace

void AddMode(CLI::App& app, Globals* globals) {
  CLI::App* mode = app.add_subcommand("mode", "Show and set what a denial does: learn, audit, enforce");
  mode->require_subcommand(1);
  auto get = std::make_shared<GetOptions>();
  CLI::App* get_verb = AddVerb(*mode, globals, "get", "Show the modes in force, and where they were set", get, RunGet);
  get_verb->add_option("TARGET", get->target, "NAMESPACE/SERVICE, NAMESPACE or SERVICE; without it everything")->type_name("");
  get_verb->add_option("-n,--namespace", get->ns, "Only this namespace")->type_name("NAMESPACE");
  AddOutput(get_verb, &get->output, false);
  get_verb->footer("Examples:\n  bulkhead mode get\n  bulkhead mode get shop/db");

  auto set = std::make_shared<SetOptions>();
  CLI::App* set_verb = AddVerb(*mode, globals, "set", "Set the mode of a service, a namespace, or of all", set, RunSet);
  // Both optional for the parser, which reads from the left: with -n or --global only the mode is given.
  set_verb->add_option("TARGET", set->target, "NAMESPACE/SERVICE, NAMESPACE or SERVICE; none with --global")->type_name("");
  set_verb->add_option("MODE", set->mode, "learn, audit, enforce, or inherit")->type_name("");
  set_verb->add_option("-n,--namespace", set->ns, "The namespace of SERVICE, or itself the target")->type_name("NAMESPACE");
  set_verb->add_flag("--global", set->global, "What holds where nothing else is set");
  set_verb->add_option("--confirm", set->confirm, "Take it back unless `bulkhead confirm` comes within DURATION")
      ->type_name("DURATION");
  set_verb->add_flag("--force", set->force, "Also when learning does not know the service well enough yet");
  AddOutput(set_verb, &set->output, false);
  set_verb->footer(
      "The nearest mode holds: of the service, else of the namespace, else the global one. `inherit` removes what was set.\n"
      "The mode of a namespace is that of all its services from then on: what was set for one of them is removed.\n"
      "A service goes to a stricter mode only when `bulkhead learn status` says that it is ready, or with --force.\n\n"
      "Examples:\n"
      "  bulkhead mode set shop enforce --confirm 60s\n"
      "  bulkhead mode set shop/db audit\n"
      "  bulkhead mode set --global learn");
}

void AddConfirm(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<ConfirmOptions>();
  CLI::App* verb = AddVerb(app, globals, "confirm", "Keep the change that was made with --confirm", options, RunConfirm);
  AddOutput(verb, &options->output, false);
  verb->footer("Example:\n  bulkhead policy apply policies --confirm 60s && bulkhead confirm");
}

}  // namespace bulkhead::cli
