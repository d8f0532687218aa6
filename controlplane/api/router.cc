// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/router.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bulkhead/api/paths.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

struct Resource {
  const char* method;
  std::string_view path;
  size_t segments;  // that follow the path
  absl::StatusOr<Response> (*handle)(const Context&, const Request&);
};

constexpr Resource kResources[] = {
    {"GET", kStatusPath, 0, GetStatus},       {"GET", kWorkloadsPath, 0, GetWorkloads},   {"GET", kServicesPath, 0, GetServices},
    {"GET", kFlowsPath, 0, GetFlows},         {"GET", kTopPath, 0, GetTop},         {"GET", kCountersPath, 0, GetCounters},     {"GET", kEventsPath, 0, GetEvents},
    {"GET", kExplainPath, 0, GetExplanation}, {"GET", kPoliciesPath, 0, GetPolicies},     {"POST", kPoliciesPath, 0, PostPolicies},
    {"GET", kPoliciesPath, 2, GetPolicy},     {"DELETE", kPoliciesPath, 2, DeletePolicy}, {"GET", kLintPath, 0, GetLint},
    {"GET", kRulesPath, 0, GetRules},       {"GET", kCapturePath, 0, GetCapture},
    {"POST", kSimulatePath, 0, PostSimulate},
    {"POST", kLintPath, 0, PostLint},         {"GET", kModesPath, 0, GetModes},
    {"GET", kPoliciesPath, 1, GetPolicy},     {"DELETE", kPoliciesPath, 1, DeletePolicy},
    {"PUT", kModesPath, 0, PutModes},         {"POST", kConfirmPath, 0, PostConfirm},     {"GET", kEdgesPath, 0, GetEdges},
    {"GET", kProposalsPath, 0, GetProposals}, {"GET", kMetricsPath, 0, GetMetrics},       {"GET", kStagePath, 0, GetStage},
    {"POST", kStagePath, 0, PostStage},       {"DELETE", kStagePath, 0, DeleteStage},     {"POST", kPromotePath, 0, PostPromote},
    {"POST", kReplayPath, 0, PostReplay},
    {"POST", kDiffPath, 0, PostDiff},         {"GET", kBlocksPath, 0, GetBlocks},         {"POST", kBlocksPath, 0, PostBlocks},
    {"DELETE", kBlocksPath, 2, DeleteBlock},  {"GET", kReadinessPath, 0, GetReadiness},   {"GET", kReviewPath, 0, GetReview},
    {"POST", kDecisionsPath, 0, PostDecision}, {"GET", kVersionsPath, 0, GetVersions},
};

bool Fits(const Resource& resource, Request* request) {
  std::string_view rest = request->path;
  if (rest.substr(0, resource.path.size()) != resource.path) return false;
  rest.remove_prefix(resource.path.size());
  request->segments.clear();
  if (rest.empty()) return resource.segments == 0;
  if (rest.front() != '/') return false;
  rest.remove_prefix(1);
  request->segments = absl::StrSplit(std::string(rest), '/');
  for (const std::string& segment : request->segments) {
    if (segment.empty()) return false;
  }
  return request->segments.size() == resource.segments;
}

// Nothing that GET gives changes anything. A capture does, in the dataplane, and shows payloads.
Access Needed(const Resource& resource) {
  return std::string_view(resource.method) == "GET" && resource.handle != &GetCapture ? Access::kRead : Access::kAll;
}

}  // namespace

absl::StatusOr<Response> Route(const Context& context, Request request, std::string* allowed) {
  for (const Resource& resource : kResources) {
    if (!Fits(resource, &request)) continue;
    if (request.method == resource.method) {
      if (request.access >= Needed(resource)) return resource.handle(context, request);
      return absl::PermissionDeniedError(absl::StrCat(request.user, " may only read: ", request.method, " ", request.path,
                                                      " takes root or a member of the group ", context.group));
    }
    absl::StrAppend(allowed, allowed->empty() ? "" : ", ", resource.method);
  }
  if (allowed->empty()) return absl::NotFoundError(absl::StrCat("no such resource: ", request.path));
  return absl::UnimplementedError(absl::StrCat(request.path, " does not know the method ", request.method, ", only ", *allowed));
}

}  // namespace bulkhead::api
