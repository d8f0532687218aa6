// SPDX-License-Identifier: Apache-2.0
// Reading JSON that nobody vouches for: parsing with limits, and access that checks types. No exception leaves these.
// Not thread-safe; plain values.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_JSON_READER_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_JSON_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace bulkhead {

// A value takes about 50 bytes in memory however few it takes in the text, so their number is limited and not only their bytes.
struct JsonLimits {
  size_t bytes = size_t{32} << 20;
  size_t values = 2'000'000;
  size_t depth = 64;
};

// InvalidArgument: not JSON, or over a limit.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {});

// Takes members out of objects. A member that is absent or null reads as empty; one of another type is an error, which is kept (the
// first one) until status() is asked, so that a decoder reads straight on. `object` may be any value; what is no object is an
// error.
class JsonReader {
 public:
  using Json = nlohmann::json;

  std::string String(const Json& object, const char* key);
  int64_t Int(const Json& object, const char* key);
  bool Bool(const Json& object, const char* key);
  const Json& Object(const Json& object, const char* key);
  const Json& Array(const Json& object, const char* key);

  // For values that are not members. `what` names them in the error.
  void Expect(bool holds, std::string_view what);

  const absl::Status& status() const { return status_; }

 private:
  const Json* Member(const Json& object, const char* key);

  absl::Status status_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_JSON_READER_H_
