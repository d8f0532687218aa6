// SPDX-License-Identifier: Apache-2.0
// What is staged, and what it would change.
#include "bulkhead/api/stage.h"

#include <algorithm>
#include <tuple>

#include "bulkhead/api/change.h"
#include "controlplane/api/changes.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

// The view with the candidate's rules: their ids are not those of the policy in force.
std::shared_ptr<const View> WithStagedRules(const View& view) {
  auto out = std::make_shared<View>(view);
  out->rules = view.staged->rules;
  return out;
}

uint32_t DecidingId(const Names& names, const StagedEdgeRecord& edge) {
  const std::string key = names.DecidingRule(edge.source_rule, edge.destination_rule, edge.staged);
  return key == names.DecidingRule(edge.source_rule, edge.source_rule, edge.staged) ? edge.source_rule : edge.destination_rule;
}

StagedRow MakeRow(const Names& names, const StagedEdgeRecord& record, const Moment& now) {
  const EdgeRecord& edge = record.edge;
  StagedRow row;
  row.from = names.Party(edge.source_identity);
  row.to = names.Party(edge.destination_identity);
  row.protocol = ProtocolName(edge.protocol);
  row.port = edge.port;
  if (!edge.peer.IsUnspecified()) row.peer = edge.peer.ToString();
  row.now = VerdictName(edge.verdict);
  row.staged = VerdictName(record.staged);
  row.rule = names.DecidingRule(record.source_rule, record.destination_rule, record.staged);
  const auto rule = names.view().rules.find(DecidingId(names, record));
  if (rule != names.view().rules.end() && rule->second.pos.line > 0) row.position = rule->second.pos.ToString();
  row.flows = edge.flows;
  row.denied = edge.denied;
  row.last_seen_unix = (now.unix_ms - std::min(now.unix_ms, AgeMs(now.boottime_ns, edge.last_seen))) / 1000;
  return row;
}

auto OrderOf(const StagedRow& row) { return std::tie(row.from, row.to, row.protocol, row.port, row.peer, row.now, row.staged); }

}  // namespace

absl::StatusOr<Response> GetStage(const Context& context, const Request& /*request*/) {
  const std::shared_ptr<const View> view = context.service->GetView();
  StageStatus status;
  status.generation = view->generation;
  if (!view->staged) return ObjectResponse(status);
  status.since_unix = view->staged->since;
  status.policies = view->staged->policies;
  const Names names(WithStagedRules(*view));
  const Moment now = Moment::Now();
  const absl::Status read = context.service->ReadStagedEdges([&](const StagedEdgeRecord& record) {
    if (record.staged == record.edge.verdict) {
      status.same_flows += record.edge.flows;
    } else {
      status.changes.push_back(MakeRow(names, record, now));
    }
    return true;
  });
  if (!read.ok()) return read;
  std::sort(status.changes.begin(), status.changes.end(),
            [](const StagedRow& a, const StagedRow& b) { return OrderOf(a) < OrderOf(b); });
  // A service's identities are one to people.
  std::vector<StagedRow> merged;
  for (StagedRow& row : status.changes) {
    if (merged.empty() || OrderOf(merged.back()) != OrderOf(row)) {
      merged.push_back(std::move(row));
      continue;
    }
    merged.back().flows += row.flows;
    merged.back().denied += row.denied;
    merged.back().last_seen_unix = std::max(merged.back().last_seen_unix, row.last_seen_unix);
  }
  status.changes = std::move(merged);
  return ObjectResponse(status);
}

absl::StatusOr<Response> PostStage(const Context& context, const Request& request) {
  absl::StatusOr<ApplyRequest> wanted = ParseWire<ApplyRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  if (wanted->dry_run || wanted->mode || wanted->confirm_seconds != 0) {
    return absl::InvalidArgumentError("found dry_run, mode or confirm_seconds, expected only files: nothing is decided by a stage");
  }
  std::vector<PolicyText> files;
  for (PolicyFile& file : wanted->files) files.push_back({std::move(file.name), std::move(file.text)});
  const absl::StatusOr<ChangeResult> result = context.service->StagePolicy(files);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> PostPromote(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<ChangeResult> result = context.service->PromoteStaged();
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> DeleteStage(const Context& context, const Request& /*request*/) {
  const absl::StatusOr<ChangeResult> result = context.service->DiscardStaged();
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

}  // namespace bulkhead::api
