// SPDX-License-Identifier: Apache-2.0
// The uplinks' deny list.
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/wire.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/changes.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr uint64_t kMostSeconds = uint64_t{366} * 86400;

absl::StatusOr<Prefix> PrefixOf(const std::string& text) {
  if (const std::optional<Prefix> prefix = Prefix::Parse(text)) return *prefix;
  return absl::InvalidArgumentError(
      absl::StrCat("found \"", text.substr(0, 64), "\", expected ADDRESS/LENGTH (203.0.113.0/24, 2001:db8::/32)"));
}

}  // namespace

absl::StatusOr<Response> GetBlocks(const Context& context, const Request& /*request*/) {
  const std::shared_ptr<const View> view = context.service->GetView();
  absl::StatusOr<std::map<Prefix, BlockCount>> counts = context.service->ReadBlocked();
  if (!counts.ok()) return counts.status();
  std::vector<BlockRow> rows;
  if (view->blocks != nullptr) {
    for (const BlockView& block : *view->blocks) {
      const BlockCount count = (*counts)[block.prefix];
      rows.push_back({block.prefix.ToString(), block.since, block.until, count.packets, count.bytes});
    }
  }
  return LinesResponse(std::move(rows));
}

absl::StatusOr<Response> PostBlocks(const Context& context, const Request& request) {
  const absl::StatusOr<BlockRequest> wanted = ParseWire<BlockRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  const absl::StatusOr<Prefix> prefix = PrefixOf(wanted->prefix);
  if (!prefix.ok()) return prefix.status();
  if (wanted->seconds > kMostSeconds) return absl::InvalidArgumentError("seconds: expected at most those of 366 days");
  const absl::StatusOr<ChangeResult> result = context.service->AddBlock(*prefix, wanted->seconds);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

absl::StatusOr<Response> DeleteBlock(const Context& context, const Request& request) {
  const absl::StatusOr<Prefix> prefix = PrefixOf(absl::StrCat(request.segments[0], "/", request.segments[1]));
  if (!prefix.ok()) return prefix.status();
  const absl::StatusOr<ChangeResult> result = context.service->RemoveBlock(*prefix);
  if (!result.ok()) return result.status();
  return ChangeResponse(*result);
}

}  // namespace bulkhead::api
