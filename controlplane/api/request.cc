// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/request.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/api/paths.h"

namespace bulkhead::api {

absl::StatusOr<uint64_t> QueryNumber(const Request& request, const char* name, uint64_t min, uint64_t max, uint64_t otherwise) {
  const auto at = request.query.find(name);
  if (at == request.query.end()) return otherwise;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(at->second, &number) || number < min || number > max) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": found \"", at->second, "\", expected a number from ", min, " to ", max));
  }
  return number;
}

absl::StatusOr<std::optional<Verdict>> QueryVerdict(const Request& request) {
  const std::string text = request.Query(kVerdict);
  if (text.empty()) return std::nullopt;
  for (const Verdict verdict : {Verdict::kAllow, Verdict::kDeny, Verdict::kWouldDeny}) {
    if (text == VerdictName(verdict)) return verdict;
  }
  return absl::InvalidArgumentError(absl::StrCat("verdict: found \"", text, "\", expected allow, deny or would-deny"));
}

absl::StatusOr<std::optional<Mode>> ParseModeField(const std::optional<std::string>& mode) {
  if (!mode) return std::nullopt;
  if (const std::optional<Mode> parsed = ParseMode(*mode)) return parsed;
  return absl::InvalidArgumentError(absl::StrCat("mode: found \"", *mode, "\", expected learn, audit or enforce"));
}

}  // namespace bulkhead::api
