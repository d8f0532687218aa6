// SPDX-License-Identifier: Apache-2.0
// bulkhead block add|del|list: the deny list of the uplinks.
#include <ctime>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/change.h"
#include "bulkhead/api/wire.h"
#include "bulkhead/model/ip.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

struct BlockOptions {
  Output output;
  std::string prefix, duration;
};

// An address alone is a prefix of all its bits.
absl::StatusOr<Prefix> ParseBlocked(const std::string& text) {
  if (const auto prefix = Prefix::Parse(text)) return *prefix;
  if (const auto address = IpAddress::Parse(text)) return Prefix::Host(*address);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no prefix: expected ADDRESS/LENGTH (203.0.113.0/24, 2001:db8::/32) or an address"));
}

void PrintLines(const api::Change& change, const Output& output) {
  if (output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(change)).c_str());
    return;
  }
  for (const std::string& line : change.changes) std::printf("%s\n", Printable(line).c_str());
  for (const std::string& line : change.notes) std::printf("note: %s\n", Printable(line).c_str());
}

int RunBlockAdd(const Globals& globals, const BlockOptions& options) {
  const absl::StatusOr<Prefix> prefix = ParseBlocked(options.prefix);
  if (!prefix.ok()) return Report(prefix.status());
  api::BlockRequest request;
  request.prefix = prefix->ToString();
  if (!options.duration.empty()) {
    const absl::StatusOr<uint64_t> seconds = ParseDuration(options.duration);
    if (!seconds.ok()) return Report(absl::InvalidArgumentError(absl::StrCat("--for: ", seconds.status().message())));
    request.seconds = *seconds;
  }
  api::ApiClient client(globals.socket);
  const auto change = client.Send<api::Change>("POST", api::kBlocksPath, request);
  if (!change.ok()) return Report(change.status());
  PrintLines(*change, options.output);
  return kExitDone;
}

int RunBlockDel(const Globals& globals, const BlockOptions& options) {
  const absl::StatusOr<Prefix> prefix = ParseBlocked(options.prefix);
  if (!prefix.ok()) return Report(prefix.status());
  api::ApiClient client(globals.socket);
  const absl::StatusOr<std::string> answer = client.Call("DELETE", absl::StrCat(api::kBlocksPath, "/", prefix->ToString()), {}, "");
  if (!answer.ok()) return Report(answer.status());
  const absl::StatusOr<api::Change> change = api::ParseWire<api::Change>(*answer);
  if (!change.ok()) return Report(change.status());
  PrintLines(*change, options.output);
  return kExitDone;
}

int RunBlockList(const Globals& globals, const BlockOptions& options) {
  api::ApiClient client(globals.socket);
  const auto now = static_cast<uint64_t>(std::time(nullptr));
  const auto span = [](uint64_t later, uint64_t earlier) { return AgeText(later > earlier ? (later - earlier) * 1000 : 0); };
  return Report(PrintRows<api::BlockRow>(
      client, {.path = api::kBlocksPath}, options.output, {"PREFIX", "AGE", "ENDS-IN", "PACKETS", "BYTES"},
      [&](const api::BlockRow& row) -> std::vector<Cell> {
        return {row.prefix, span(now, row.since_unix), row.until_unix == 0 ? "-" : span(row.until_unix, now),
                std::to_string(row.packets), SizeText(row.bytes)};
      }));
}

}  // namespace

void AddBlock(CLI::App& app, Globals* globals) {
  CLI::App* block = app.add_subcommand("block", "Keep sources outside from coming in at all");
  block->require_subcommand(1);
  block->footer(
      "What comes in over an uplink from a blocked prefix is dropped before anything else looks at it, in every mode; answers to\n"
      "what the host or its workloads sent there, too. See `bulkhead status` for the uplinks.");
  auto add = std::make_shared<BlockOptions>();
  CLI::App* verb = AddVerb(*block, globals, "add", "Block a prefix", add, RunBlockAdd);
  verb->add_option("CIDR", add->prefix, "What to block: 203.0.113.0/24, 2001:db8::/32, or one address")->required()->type_name("");
  verb->add_option("--for", add->duration, "Only so long (90s, 15m, 1h30m, 2d); without it until it is removed")
      ->type_name("DURATION");
  AddOutput(verb, &add->output, false);
  verb->footer(
      "Bits behind the length are dropped. A prefix that is blocked already gets the new end.\n\n"
      "Example:\n  bulkhead block add 203.0.113.0/24 --for 1h");
  auto del = std::make_shared<BlockOptions>();
  verb = AddVerb(*block, globals, "del", "Block a prefix no longer", del, RunBlockDel);
  verb->add_option("CIDR", del->prefix, "As it is listed")->required()->type_name("");
  AddOutput(verb, &del->output, false);
  verb->footer("Example:\n  bulkhead block del 203.0.113.0/24");
  auto list = std::make_shared<BlockOptions>();
  verb = AddVerb(*block, globals, "list", "Show what is blocked, and how much that dropped", list, RunBlockList);
  AddOutput(verb, &list->output, false);
  verb->footer("Example:\n  bulkhead block list -o json");
}

}  // namespace bulkhead::cli
