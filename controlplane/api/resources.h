// SPDX-License-Identifier: Apache-2.0
// The resources of bulkhead/api/paths.h, one function each; files by subject. Thread safety: any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_RESOURCES_H_
#define BULKHEAD_CONTROLPLANE_API_RESOURCES_H_

#include "absl/status/statusor.h"
#include "controlplane/api/request.h"

namespace bulkhead::api {

absl::StatusOr<Response> GetStatus(const Context& context, const Request& request);       // status.cc
absl::StatusOr<Response> GetMetrics(const Context& context, const Request& request);      // metrics.cc
absl::StatusOr<Response> GetWorkloads(const Context& context, const Request& request);    // workloads.cc
absl::StatusOr<Response> GetServices(const Context& context, const Request& request);     // services.cc
absl::StatusOr<Response> GetFlows(const Context& context, const Request& request);        // flows.cc
absl::StatusOr<Response> GetTop(const Context& context, const Request& request);          // top.cc
absl::StatusOr<Response> GetCapture(const Context& context, const Request& request);      // capture.cc
absl::StatusOr<Response> PostSimulate(const Context& context, const Request& request);    // simulate.cc
absl::StatusOr<Response> GetCounters(const Context& context, const Request& request);     // metrics.cc
absl::StatusOr<Response> GetEvents(const Context& context, const Request& request);       // events.cc
absl::StatusOr<Response> GetExplanation(const Context& context, const Request& request);  // explain.cc
absl::StatusOr<Response> GetPolicies(const Context& context, const Request& request);     // policies.cc
absl::StatusOr<Response> GetPolicy(const Context& context, const Request& request);       // policies.cc
absl::StatusOr<Response> GetRules(const Context& context, const Request& request);        // rules.cc
absl::StatusOr<Response> PostPolicies(const Context& context, const Request& request);    // policies.cc
absl::StatusOr<Response> DeletePolicy(const Context& context, const Request& request);    // policies.cc
absl::StatusOr<Response> GetStage(const Context& context, const Request& request);        // stage.cc
absl::StatusOr<Response> PostStage(const Context& context, const Request& request);       // stage.cc
absl::StatusOr<Response> PostPromote(const Context& context, const Request& request);     // stage.cc
absl::StatusOr<Response> DeleteStage(const Context& context, const Request& request);     // stage.cc
absl::StatusOr<Response> PostDiff(const Context& context, const Request& request);        // live_diff.cc
absl::StatusOr<Response> PostReplay(const Context& context, const Request& request);      // replay.cc
absl::StatusOr<Response> GetLint(const Context& context, const Request& request);         // lint.cc
absl::StatusOr<Response> PostLint(const Context& context, const Request& request);        // lint.cc
absl::StatusOr<Response> GetModes(const Context& context, const Request& request);        // modes.cc
absl::StatusOr<Response> PutModes(const Context& context, const Request& request);        // modes.cc
absl::StatusOr<Response> PostConfirm(const Context& context, const Request& request);     // modes.cc
absl::StatusOr<Response> GetBlocks(const Context& context, const Request& request);       // blocks.cc
absl::StatusOr<Response> PostBlocks(const Context& context, const Request& request);      // blocks.cc
absl::StatusOr<Response> DeleteBlock(const Context& context, const Request& request);     // blocks.cc
absl::StatusOr<Response> GetEdges(const Context& context, const Request& request);        // learn.cc
absl::StatusOr<Response> GetReadiness(const Context& context, const Request& request);    // review.cc
absl::StatusOr<Response> GetReview(const Context& context, const Request& request);       // review.cc
absl::StatusOr<Response> PostDecision(const Context& context, const Request& request);    // review.cc
absl::StatusOr<Response> GetVersions(const Context& context, const Request& request);     // review.cc
absl::StatusOr<Response> GetProposals(const Context& context, const Request& request);    // learn.cc

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_RESOURCES_H_
