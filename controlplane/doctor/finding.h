// SPDX-License-Identifier: Apache-2.0
// What `bulkhead doctor` says of one thing that it looked at. Each group of checks has a file of its own: facts, read from the host, and
// a pure function that makes findings of them.
//
// Thread safety: values and pure functions; reading is for any thread, in the network namespace that it is about. Nothing is changed.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_FINDING_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_FINDING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bulkhead::doctor {

// kWarn: works, but not as well as it could, or cannot be told. kFail: something is not protected, or will not work.
enum class Level : uint8_t { kOk, kWarn, kFail };

inline const char* LevelName(Level level) { return level == Level::kOk ? "ok" : level == Level::kWarn ? "warn" : "fail"; }

struct Finding {
  std::string check;  // "kernel version"
  Level level = Level::kOk;
  std::string found;
  std::string advice;  // what to do; empty when it is ok
};

class Findings {
 public:
  void Ok(std::string check, std::string found) { all_.push_back({std::move(check), Level::kOk, std::move(found), ""}); }
  void Warn(std::string check, std::string found, std::string advice) {
    all_.push_back({std::move(check), Level::kWarn, std::move(found), std::move(advice)});
  }
  void Fail(std::string check, std::string found, std::string advice) {
    all_.push_back({std::move(check), Level::kFail, std::move(found), std::move(advice)});
  }
  const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_FINDING_H_
