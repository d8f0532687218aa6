// SPDX-License-Identifier: Apache-2.0
// A request of each resource.
#include "absl/strings/str_cat.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

constexpr char kFiles[] =
    R"({"files":[{"name":"db.yaml","text":"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec:\n  podSelector: {matchLabels: {app: db}}\n  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]\n"}])";

}  // namespace

std::vector<std::string> ApiSeeds() {
  std::vector<std::string> seeds = {
      "GET /v1/status",
      "GET /v1/workloads?namespace=shop",
      "GET /v1/services",
      "GET /v1/flows?namespace=shop&verdict=deny&last=10",
      "GET /v1/flows?service=shop/db&since=60&follow=1",
      "GET /v1/top?by=pair&sort=denied&limit=10&interval=1",
      "GET /v1/capture?service=shop/db&verdict=deny&rate=100",
      "GET /v1/counters",
      "GET /v1/events?reason=spoof&since=3600&last=5",
      "GET /v1/explain?from=shop/web&to=shop/db&protocol=tcp&port=5432",
      "GET /v1/explain?from=198.18.0.2&to=world&port=80&namespace=shop",
      "GET /v1/policies?namespace=shop",
      "GET /v1/policies/shop/db",
      "GET /v1/policies/cnp:guard",
      "DELETE /v1/policies/shop/db",
      "GET /v1/policies/rules?policy=shop/db",
      "GET /v1/policies/lint",
      "GET /v1/modes",
      "POST /v1/confirm",
      "GET /v1/stage",
      "DELETE /v1/stage",
      "POST /v1/stage/promote",
      "GET /v1/blocks",
      "DELETE /v1/blocks/198.51.100.0/24",
      "GET /metrics",
      "GET /v1/learn/edges?verdict=allow&since=60",
      "GET /v1/learn/proposals?scope=shop",
      "GET /v1/learn/readiness?scope=shop/db",
      "GET /v1/learn/review",
      "GET /v1/learn/versions?service=shop/db&from=sha256:1&to=sha256:2",
      "PUT /v1/modes\n{\"namespace\":\"shop\",\"service\":\"db\",\"mode\":\"enforce\",\"confirm_seconds\":60,\"force\":true}",
      "POST /v1/blocks\n{\"prefix\":\"198.51.100.0/24\",\"seconds\":60}",
      "POST /v1/learn/decisions\n{\"edge\":\"shop/web > shop/db 5432/tcp\",\"accept\":true}",
      "POST /v1/simulate\n{\"from\":\"shop/web\",\"to\":\"shop/db\",\"protocol\":\"tcp\",\"port\":5432}",
      "POST /v1/simulate\n{\"endpoint\":\"shop/web\",\"hook\":\"ingress\",\"packets\":[\"ffffffffffff0242c61200020806\"]}"};
  for (const char* rest : {"policies", "stage", "policies/diff", "policies/replay", "policies/lint"}) {
    seeds.push_back(absl::StrCat("POST /v1/", rest, "\n", kFiles, "}"));
  }
  seeds.push_back(absl::StrCat("POST /v1/policies\n", kFiles, R"(,"dry_run":true,"mode":"audit","confirm_seconds":30})"));
  return WithFound(std::move(seeds), "api");
}

}  // namespace bulkhead
