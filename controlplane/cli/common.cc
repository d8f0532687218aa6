// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/common.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/api/errors.h"
#include "controlplane/cli/format.h"

namespace bulkhead::cli {

void AddOutput(CLI::App* verb, Output* output, bool wide) {
  const std::vector<std::string> formats =
      wide ? std::vector<std::string>{"table", "wide", "json"} : std::vector<std::string>{"table", "json"};
  verb->add_option("-o,--output", output->format, "How to print")->check(CLI::IsMember(formats))->capture_default_str();
}

void AddScope(CLI::App* verb, Scope* scope) {
  CLI::Option* ns =
      verb->add_option("-n,--namespace", scope->ns, "Only this namespace (without it: every namespace)")->type_name("NAMESPACE");
  verb->add_flag("-A,--all-namespaces", scope->all, "Every namespace; this is the default")->excludes(ns);
}

void AddWindow(CLI::App* verb, Window* window) {
  verb->add_option("--since", window->since, "Only what was seen in the last DURATION (90s, 15m, 1h30m, 2d)")
      ->type_name("DURATION");
  verb->add_option("--last", window->last, "Only the newest N, oldest first")->type_name("N")->check(CLI::Range(1U, api::kMaxLast));
}

absl::Status AddToQuery(const Window& window, api::ApiClient::Query* query) {
  if (window.last != 0) (*query)[api::kLast] = absl::StrCat(window.last);
  if (window.since.empty()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> seconds = ParseDuration(window.since);
  if (!seconds.ok()) return absl::InvalidArgumentError(absl::StrCat("--since: ", seconds.status().message()));
  (*query)[api::kSince] = absl::StrCat(*seconds);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ConfirmSeconds(const std::string& confirm) {
  if (confirm.empty()) return 0;
  const absl::StatusOr<uint64_t> seconds = ParseDuration(confirm);
  if (!seconds.ok()) return absl::InvalidArgumentError(absl::StrCat("--confirm: ", seconds.status().message()));
  return static_cast<uint32_t>(*seconds);
}

int Report(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  const bool bad_input = absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsOutOfRange(status);
  std::string text;
  for (const auto line : absl::StrSplit(std::string(status.message()), '\n'))
    absl::StrAppend(&text, Printable(std::string_view(line.data(), line.size())), "\n");
  // "name.yaml:14:9: ..." stands at the start of its line.
  static constexpr char kDigits[] = "0123456789";
  const size_t colon = text.find(':');
  const bool has_place = absl::IsInvalidArgument(status) && colon != std::string::npos && colon > 0 && text.find(' ') > colon &&
                         text.find_first_of(kDigits, colon) == colon + 1;
  std::fprintf(stderr, "%s%s", has_place ? "" : "bulkhead: ", text.c_str());
  if (api::IsUnreachable(status)) return kExitUnreachable;
  return bad_input ? kExitBadInput : kExitNo;
}

void JsonList::Add(const api::Json& row) {
  const std::string text = api::DumpJson(row);
  std::printf("%s%s%s", follow_ ? "" : first_ ? "[\n  " : ",\n  ", text.c_str(), follow_ ? "\n" : "");
  first_ = false;
  if (follow_) std::fflush(stdout);
}

void JsonList::Finish() {
  if (!follow_) std::printf("%s", first_ ? "[]\n" : "\n]\n");
}

void PrintChange(const api::Change& change, const Output& output, uint32_t confirm_seconds, bool dry_run) {
  if (output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(change)).c_str());
    return;
  }
  for (const std::string& line : change.changes) std::printf("%s\n", Printable(line).c_str());
  for (const std::string& line : change.notes) std::printf("note: %s\n", Printable(line).c_str());
  if (dry_run) {
    std::printf("dry run: nothing changed, generation %llu stays\n", static_cast<unsigned long long>(change.generation));
    return;
  }
  std::printf("generation %llu\n", static_cast<unsigned long long>(change.generation));
  if (confirm_seconds != 0) std::printf("reverts in %us unless you say: bulkhead confirm\n", confirm_seconds);
}

absl::StatusOr<ServiceArgument> ParseService(const std::string& text, const std::string& ns, const char* what) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos && !ns.empty() && !text.empty()) return ServiceArgument{ns, text};
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size() || text.find('/', slash + 1) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": found \"", text, "\", expected NAMESPACE/NAME, or NAME with -n NAMESPACE"));
  }
  if (!ns.empty() && ns != text.substr(0, slash)) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": \"", text, "\" is not in namespace \"", ns, "\" (-n)"));
  }
  return ServiceArgument{text.substr(0, slash), text.substr(slash + 1)};
}

}  // namespace bulkhead::cli
