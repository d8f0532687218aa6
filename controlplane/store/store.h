// SPDX-License-Identifier: Apache-2.0
// Store: what the daemon must remember over restarts: which number stands for which identity and rule (numbers are in pinned maps),
// and a few values by key. The tables are described in Schema() of store.cc.
//
// Thread safety: one thread (the control thread). Errors as in store/database.h; when a write fails nothing of it is stored.
#ifndef BULKHEAD_CONTROLPLANE_STORE_STORE_H_
#define BULKHEAD_CONTROLPLANE_STORE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/workload.h"
#include "controlplane/store/database.h"

namespace bulkhead {

class Store {
 public:
  // Opens (creates) the file. One that is damaged, or from a newer program, is moved aside to PATH.bad-N and a new one is begun; when
  // nothing can be written there, the store lives in memory. Either way the daemon goes on, and problem() says what happened.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);

  const std::string& problem() const { return problem_; }
  // Of the file in use; empty = in memory, so that others who want the same file know that there is none.
  const std::string& path() const { return path_; }

  // Every identity that was ever given out.
  absl::StatusOr<std::vector<Identity>> LoadIdentities();
  absl::Status SaveIdentities(const std::vector<Identity>& identities);

  // Every rule that was ever given an id, as it was last seen.
  absl::StatusOr<std::vector<RuleInfo>> LoadRules();
  absl::Status SaveRules(const std::vector<RuleInfo>& rules);

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key);
  absl::Status Set(std::string_view key, std::string_view value);
  absl::Status Erase(std::string_view key);

 private:
  explicit Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  static absl::StatusOr<std::unique_ptr<Store>> OpenOnce(const std::string& path);
  absl::Status CheckReadable();

  std::unique_ptr<Database> database_;
  std::string path_;
  std::string problem_;
};

// Labels as bytes and back: length-prefixed, so that labels of any bytes keep their meaning. kDataLoss: not such bytes.
std::string EncodeLabels(const Labels& labels);
absl::StatusOr<Labels> DecodeLabels(std::string_view bytes);

// For each port: its name length-prefixed, the protocol (1 byte), the number (2 bytes, low first). kDataLoss: not such bytes.
std::string EncodeNamedPorts(const std::vector<NamedPort>& ports);
absl::StatusOr<std::vector<NamedPort>> DecodeNamedPorts(std::string_view bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_STORE_STORE_H_
