// SPDX-License-Identifier: Apache-2.0
// The API's resources: HTTP/1.1 + JSON on a unix socket. Both ends take every path and query name from here, every body from
// wire.h.
//
// Answers are one JSON object, or (marked "lines") newline-delimited JSON: one object a line, sent as they are made; an empty line
// is a sign of life and means nothing. An error is ApiError with the HTTP status that fits its code; one that comes up in the
// middle of lines is the last line. A stream that ends without its last chunk was cut.
//
//   GET    /v1/status            Status
//   GET    /v1/workloads         lines of WorkloadRow       ?namespace
//   GET    /v1/services          lines of ServiceRow        ?namespace
//   GET    /v1/flows             lines of FlowRow           ?namespace ?service ?verdict ?since ?last ?follow
//   GET    /v1/top               lines of TopSnapshot       ?namespace ?by ?sort ?limit ?interval
//   GET    /v1/capture           lines of CapturedPacket    ?service ?verdict ?rate
//   POST   /v1/simulate          SimulateRequest -> Simulation
//   GET    /v1/counters          Counters
//   GET    /v1/events            lines of EventRow          ?namespace ?verdict ?reason ?since ?last ?follow
//   GET    /v1/explain           Explanation                ?from ?to ?protocol ?port ?namespace
//   GET    /v1/policies          PolicyList                 ?namespace
//   GET    /v1/policies/POLICY   PolicyDetail               POLICY: shop/db, cnp:guard
//   GET    /v1/policies/rules    lines of RuleRow           ?namespace ?policy
//   POST   /v1/policies          ApplyRequest -> Change
//   DELETE /v1/policies/POLICY   Change
//   GET    /v1/stage             StageStatus
//   POST   /v1/stage             ApplyRequest (its files) -> Change
//   POST   /v1/stage/promote     Change
//   DELETE /v1/stage             Change
//   POST   /v1/policies/diff     LiveDiffRequest -> LiveDiff
//   POST   /v1/policies/replay   ReplayRequest -> Replay
//   GET    /v1/policies/lint     LintAnswer                 of the policies in force
//   POST   /v1/policies/lint     LintRequest -> LintAnswer  of these files, beside the policies in force
//   GET    /v1/modes             ModeList
//   PUT    /v1/modes             ModeRequest -> Change
//   POST   /v1/confirm           Change
//   GET    /v1/blocks            lines of BlockRow          the uplinks' deny list
//   POST   /v1/blocks            BlockRequest -> Change
//   DELETE /v1/blocks/ADDR/LEN   Change
//   GET    /v1/learn/edges       lines of EdgeRow           ?namespace ?verdict ?since
//   GET    /v1/learn/proposals   lines of ProposalRow       ?scope
//   GET    /v1/learn/readiness   lines of ReadinessRow      ?scope
//   GET    /v1/learn/review      lines of ReviewRow         ?scope
//   POST   /v1/learn/decisions   DecisionRequest -> DecisionAnswer
//   GET    /v1/learn/versions    VersionDiffAnswer          ?service ?from ?to (image digests; without both: the two latest)
//   GET    /metrics              Prometheus text
//
// Who may: root, the daemon's own user, and members of the group that the socket belongs to.
#ifndef BULKHEAD_API_PATHS_H_
#define BULKHEAD_API_PATHS_H_

namespace bulkhead::api {

inline constexpr char kDefaultSocket[] = "/run/bulkhead/api.sock";
inline constexpr char kSocketVariable[] = "BULKHEAD_SOCKET";  // of the environment; overrides the default

inline constexpr char kStatusPath[] = "/v1/status";
inline constexpr char kWorkloadsPath[] = "/v1/workloads";
inline constexpr char kServicesPath[] = "/v1/services";
inline constexpr char kFlowsPath[] = "/v1/flows";
inline constexpr char kTopPath[] = "/v1/top";
inline constexpr char kCapturePath[] = "/v1/capture";
inline constexpr char kSimulatePath[] = "/v1/simulate";
inline constexpr char kCountersPath[] = "/v1/counters";
inline constexpr char kEventsPath[] = "/v1/events";
inline constexpr char kExplainPath[] = "/v1/explain";
inline constexpr char kPoliciesPath[] = "/v1/policies";
inline constexpr char kRulesPath[] = "/v1/policies/rules";
inline constexpr char kStagePath[] = "/v1/stage";
inline constexpr char kPromotePath[] = "/v1/stage/promote";
inline constexpr char kDiffPath[] = "/v1/policies/diff";
inline constexpr char kReplayPath[] = "/v1/policies/replay";
inline constexpr char kLintPath[] = "/v1/policies/lint";
inline constexpr char kModesPath[] = "/v1/modes";
inline constexpr char kConfirmPath[] = "/v1/confirm";
inline constexpr char kBlocksPath[] = "/v1/blocks";
inline constexpr char kEdgesPath[] = "/v1/learn/edges";
inline constexpr char kProposalsPath[] = "/v1/learn/proposals";
inline constexpr char kReadinessPath[] = "/v1/learn/readiness";
inline constexpr char kReviewPath[] = "/v1/learn/review";
inline constexpr char kDecisionsPath[] = "/v1/learn/decisions";
inline constexpr char kVersionsPath[] = "/v1/learn/versions";
inline constexpr char kMetricsPath[] = "/metrics";

// Query names. namespace: either side, for flows, events and edges. service: "NS/SERVICE". since: seconds back from now. last: only
// the newest N. follow: "1" = go on with what comes; a list is then not sorted. by: pair, service. sort: a count of TopRow. limit: the
// most rows of a snapshot. policy: as PolicyRow::policy. rate: packets per second on each CPU. interval: seconds from one snapshot to the next.
inline constexpr char kNamespace[] = "namespace";
inline constexpr char kService[] = "service";
inline constexpr char kVerdict[] = "verdict";  // allow, deny, would-deny
inline constexpr char kReason[] = "reason";
inline constexpr char kSince[] = "since";
inline constexpr char kLast[] = "last";
inline constexpr char kFollow[] = "follow";
inline constexpr char kFrom[] = "from";
inline constexpr char kTo[] = "to";
inline constexpr char kProtocol[] = "protocol";
inline constexpr char kPort[] = "port";
inline constexpr char kScope[] = "scope";
inline constexpr char kBy[] = "by";
inline constexpr char kSort[] = "sort";
inline constexpr char kRate[] = "rate";
inline constexpr char kPolicy[] = "policy";
inline constexpr char kLimit[] = "limit";
inline constexpr char kInterval[] = "interval";

inline constexpr unsigned kMaxLast = 10'000;      // the most that `last` may ask for
inline constexpr unsigned kMaxCaptureRate = 100'000;  // packets/s for each CPU
inline constexpr unsigned kMaxTopRows = 1000;
inline constexpr unsigned kMaxTopInterval = 3600;  // seconds
inline constexpr unsigned kHeartbeatSeconds = 5;  // an empty line when a followed stream has had nothing for so long

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_PATHS_H_
