// SPDX-License-Identifier: Apache-2.0
// A draft held against everything recorded.
#include "bulkhead/api/replay.h"

#include <utility>

#include "controlplane/api/lines.h"
#include "controlplane/api/resources.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::api {

absl::StatusOr<Response> PostReplay(const Context& context, const Request& request) {
  const absl::StatusOr<ReplayRequest> wanted = ParseWire<ReplayRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  std::vector<std::pair<std::string, std::string>> texts;
  for (const PolicyFile& file : wanted->files) texts.emplace_back(file.name, file.text);
  const absl::StatusOr<std::vector<Policy>> draft = ParseCandidate(texts);
  if (!draft.ok()) return draft.status();
  const absl::StatusOr<Replay> replay = context.service->ReplayPolicy(*draft, wanted->since);
  if (!replay.ok()) return replay.status();
  return ObjectResponse(*replay);
}

}  // namespace bulkhead::api
