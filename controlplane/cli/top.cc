// SPDX-License-Identifier: Apache-2.0
// bulkhead top: who talks most, now.
#include "bulkhead/api/top.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

constexpr unsigned kLinesAround = 4;  // of a screen: title, blank, heads, and the line that the cursor is on

struct TopOptions {
  Output output;
  Scope scope;
  std::string by = "pair", sort = "bytes", interval = "2s";
  unsigned rows = 0;  // 0: what fits on the screen, or all
  unsigned count = 0;
  bool once = false;
};

unsigned ScreenRows() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return api::kMaxTopRows;
  return size.ws_row > kLinesAround + 1 ? size.ws_row - kLinesAround : 1;
}

std::string TimeText(uint64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm local{};
  char text[16];
  localtime_r(&seconds, &local);
  return std::string(text, std::strftime(text, sizeof(text), "%H:%M:%S", &local));
}

std::vector<Cell> RateCells(const api::TopRow& row, uint64_t interval_ms) {
  const auto rate = [&](uint64_t count) { return RateText(count, interval_ms); };
  return {CountText(row.flows), rate(row.new_flows), rate(row.packets), SizeText(row.bytes * 1000 / std::max<uint64_t>(interval_ms, 1)),
          {rate(row.denied), row.denied == 0 ? Colour::kNone : Colour::kRed},
          {rate(row.would_deny), row.would_deny == 0 ? Colour::kNone : Colour::kYellow}};
}

void PrintSnapshot(const api::TopSnapshot& snapshot, bool by_service, bool screen, bool first) {
  if (screen) std::printf("\x1b[H\x1b[2J");
  if (!screen && !first) std::printf("\n");
  const api::TopRow& total = snapshot.total;
  std::printf("%s  %s flows, %s new/s, %s packets/s, %s/s, %s denied/s, over %.1fs%s\n\n", TimeText(snapshot.time_unix_ms).c_str(),
              CountText(total.flows).c_str(), RateText(total.new_flows, snapshot.interval_ms).c_str(),
              RateText(total.packets, snapshot.interval_ms).c_str(),
              SizeText(total.bytes * 1000 / std::max<uint64_t>(snapshot.interval_ms, 1)).c_str(),
              RateText(total.denied, snapshot.interval_ms).c_str(), static_cast<double>(snapshot.interval_ms) / 1000,
              snapshot.more == 0 ? "" : absl::StrCat("; ", snapshot.more, " more rows").c_str());
  std::vector<Column> columns = by_service ? std::vector<Column>{"SERVICE"} : std::vector<Column>{"FROM", "TO"};
  for (const char* title : {"FLOWS", "NEW/s", "PKTS/s", "BYTES/s", "DENIED/s", "WOULD-DENY/s"}) columns.emplace_back(title);
  {
    Table table(columns);
    for (const api::TopRow& row : snapshot.rows) {
      std::vector<Cell> cells = {row.from};
      if (!by_service) cells.emplace_back(row.to);
      for (Cell& cell : RateCells(row, snapshot.interval_ms)) cells.push_back(std::move(cell));
      table.Add(std::move(cells));
    }
  }
  std::fflush(stdout);
}

int Run(const Globals& globals, const TopOptions& options) {
  const absl::StatusOr<uint64_t> interval = ParseDuration(options.interval);
  if (!interval.ok()) return Report(absl::InvalidArgumentError(absl::StrCat("--interval: ", interval.status().message())));
  const unsigned count = options.once ? 1 : options.count;
  api::ApiClient::Query query = {{api::kBy, options.by},
                                 {api::kSort, options.sort},
                                 {api::kInterval, absl::StrCat(*interval)},
                                 {api::kLimit, absl::StrCat(options.rows != 0 ? options.rows : ScreenRows())}};
  if (!options.scope.ns.empty()) query[api::kNamespace] = options.scope.ns;
  const bool screen = count != 1 && isatty(STDOUT_FILENO) != 0;
  unsigned seen = 0;
  api::ApiClient client(globals.socket);
  return Report(client.GetRows<api::TopSnapshot>(api::kTopPath, query, [&](const api::TopSnapshot& snapshot) {
    if (options.output.json()) {
      const api::Json json = api::ToJson(snapshot);
      std::printf("%s\n", (count == 1 ? api::DumpJsonIndented(json) : api::DumpJson(json)).c_str());
      std::fflush(stdout);
    } else {
      PrintSnapshot(snapshot, options.by == "service", screen, seen == 0);
    }
    return ++seen != count;
  }));
}

}  // namespace

void AddTop(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* verb = AddVerb(app, globals, "top", "Show who talks most, live", options, Run);
  AddScope(verb, &options->scope);
  verb->add_option("--by", options->by, "A row for each pair of services, or for each service")
      ->check(CLI::IsMember({"pair", "service"}))
      ->capture_default_str();
  verb->add_option("--sort", options->sort, "What the rows are sorted by")
      ->check(CLI::IsMember({"bytes", "packets", "flows", "new", "denied"}))
      ->capture_default_str();
  verb->add_option("--interval", options->interval, "Time from one sample to the next")->type_name("DURATION")->capture_default_str();
  CLI::Option* count = verb->add_option("--count", options->count, "End after N samples")->type_name("N")->check(CLI::Range(1, 1'000'000));
  verb->add_flag("--once", options->once, "One sample; the same as --count 1")->excludes(count);
  verb->add_option("--rows", options->rows, "Show at most N rows (without it: what fits on the terminal, else all)")
      ->type_name("N")
      ->check(CLI::Range(1U, api::kMaxTopRows));
  AddOutput(verb, &options->output, false);
  verb->footer(
      "FLOWS are open at the end of the interval; all else is what the interval had, by the second, both directions added up. The\n"
      "first sample comes after one interval. By service a flow counts for both its ends. DENIED counts packets that policy denied.\n"
      "-o json: counts as they are, not by the second; an object a line, unless there is but one. Packets of a flow whose place in\n"
      "the table is taken within the interval are missed.\n\n"
      "Examples:\n"
      "  bulkhead top\n"
      "  bulkhead top -n shop --sort denied --interval 5s\n"
      "  bulkhead top --by service --once -o json");
}

}  // namespace bulkhead::cli
