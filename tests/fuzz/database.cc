// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/identity/interner.h"
#include "controlplane/learn/learner.h"
#include "controlplane/policy/parse.h"
#include "controlplane/store/store.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHour = 3600, kNow = 1'700'000'000;
constexpr IdentityId kWeb = kFirstIdentity, kDb = kFirstIdentity + 1;

// Gone with the process.
class Folder {
 public:
  Folder() {
    // A disk would take most of the time.
    const bool in_memory = std::getenv("TMPDIR") == nullptr && access("/dev/shm", W_OK) == 0;
    std::string name = (in_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "bulkhead-fuzz-XXXXXX";
    Require(mkdtemp(name.data()) != nullptr, "no folder for the database");
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file() const { return path_ / "state.db"; }
  void Clear() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
  }

 private:
  fs::path path_;
};

const Folder& Place() {
  static const Folder folder;
  return folder;
}

std::vector<Identity> KnownIdentities() {
  return {{kWeb, "shop", "web", {{"app", "web"}}, "sha256:1", {{"http", kProtoTcp, 80}}},
          {kDb, "shop", "db", {{"app", "db"}}, "sha256:2", {{"sql", kProtoTcp, 5432}}}};
}

LearnMoment At(uint64_t seconds) { return {kNow + seconds, seconds * 1'000'000'000}; }

EdgeRecord Edge(IdentityId source, IdentityId destination, uint16_t port, uint64_t flows) {
  EdgeRecord edge;
  edge.source_identity = source;
  edge.destination_identity = destination;
  edge.protocol = kProtoTcp;
  edge.port = port;
  edge.flows = edge.answered = flows;
  edge.source_workloads = edge.destination_workloads = 3;
  if (source == kIdentityWorld) edge.peer = IpAddress::V4(192, 0, 2, 1);
  return edge;
}

// What a daemon of some hours leaves behind.
std::string SoundFile() {
  Place().Clear();
  const std::vector<Identity> known = KnownIdentities();
  const auto find = [&known](IdentityId id) { return id >= kWeb && id <= kDb ? &known[id - kWeb] : nullptr; };
  {
    const auto store = Store::Open(Place().file());
    Require(store.ok() && (*store)->SaveIdentities(known).ok() && (*store)->Set("generation", "7").ok(), "no sound database");
    RuleInfo rule;
    rule.id = 1;
    rule.key = "shop/db ingress 0";
    rule.policy_ns = "shop";
    rule.policy = "db";
    Require((*store)->SaveRules({rule}).ok(), "no sound rules");
    const auto learner = Learner::Open(Place().file());
    Require(learner.ok(), "no sound evidence");
    for (uint64_t hour = 1; hour <= 5; ++hour) {
      const LearnMoment now = At(hour * kHour);
      (void)(*learner)->Record({Edge(kWeb, kDb, 5432, hour * 3), Edge(kIdentityWorld, kWeb, 80, hour)}, find, now);
      (void)(*learner)->RecordPresence({{kWeb, 3'600'000}, {kDb, 3'600'000}}, find, now);
      (void)(*learner)->RecordListeners({{kDb, kProtoTcp, 5432}}, find, now);
      (void)(*learner)->RecordNames({{"example.org", IpAddress::V4(192, 0, 2, 1)}}, now);
    }
    const auto review = (*learner)->ReadReview("");
    Require(review.ok(), "no sound review");
  }
  std::ifstream file(Place().file(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Write(const std::string& bytes) {
  Place().Clear();
  std::ofstream(Place().file(), std::ios::binary) << bytes;
}

std::string Overwrite(std::string file, std::string_view pieces) {
  while (pieces.size() >= 4) {
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(pieces[i])); };
    const size_t place = (byte(0) | byte(1) << 8 | byte(2) << 16) % file.size();
    const size_t length = std::min({byte(3), pieces.size() - 4, file.size() - place});
    file.replace(place, length, pieces.substr(4, length));
    pieces.remove_prefix(4 + length);
  }
  return file;
}

// Rows as somebody may leave them, but no program: no other file, no trigger, nothing that goes on without end.
int Authorize(void* /*self*/, int action, const char* name, const char* /*value*/, const char* /*database*/,
              const char* /*trigger*/) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_VTABLE:
    case SQLITE_RECURSIVE:
      return SQLITE_DENY;
    case SQLITE_PRAGMA:
      return name != nullptr && std::string_view(name) == "user_version" ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_OK;
  }
}

void RunSql(const std::string& sql) {
  sqlite3* raw = nullptr;
  if (sqlite3_open(Place().file().c_str(), &raw) == SQLITE_OK) {
    sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 1 << 20);
    sqlite3_set_authorizer(raw, &Authorize, nullptr);
    sqlite3_progress_handler(
        raw, 100'000, [](void*) { return 1; }, nullptr);
    sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr);
  }
  sqlite3_close(raw);
}

void CheckStatus(const absl::Status& status) { Require(status.ok() || !status.message().empty(), "an error without a word"); }

// Whatever the file holds, there is a store, and what it says can be used.
void CheckStore(Store& store) {
  const auto identities = store.LoadIdentities();
  Require(identities.ok(), "a store whose identities cannot be read", identities.status().ToString());
  IdentityInterner interner(*identities);
  const IdentityId id = interner.Intern("fuzz", "new", {}, "");
  Require(id >= kFirstIdentity, "a new identity with a reserved number");
  for (const Identity& identity : *identities) {
    Require(identity.id >= kFirstIdentity, "a stored identity with a reserved number");
    Require(identity.id != id || (identity.ns == "fuzz" && identity.service == "new"), "one number for two identities");
  }
  const auto rules = store.LoadRules();
  Require(rules.ok(), "a store whose rules cannot be read", rules.status().ToString());
  for (const RuleInfo& rule : *rules) {
    Require(rule.id != 0 && static_cast<int>(rule.tier) <= static_cast<int>(Tier::kDefault), "a rule that is none");
    Require(rule.direction == Direction::kIngress || rule.direction == Direction::kEgress, "a direction that is none");
  }
  CheckStatus(store.Get("generation").status());
  CheckStatus(store.Set("generation", "8"));
}

void CheckProposals(const std::vector<Proposal>& proposals) {
  for (const Proposal& proposal : proposals) {
    const PolicyFile file = ParsePolicies(proposal.yaml, "f");
    Require(file.errors.empty(), "a proposal that is no policy", file.errors.empty() ? "" : file.errors.front());
    Require(proposal.covered_flows <= proposal.answered_flows, "more flows covered than seen");
  }
}

void CheckLearner(const std::string& path) {
  const auto learner = Learner::Open(path);
  if (!learner.ok()) return CheckStatus(learner.status());
  View view;
  view.documents = std::make_shared<PolicyDocuments>();
  CheckStatus((*learner)->Edges().status());
  CheckStatus((*learner)->Ready("").status());
  if (const auto review = (*learner)->ReadReview(""); !review.ok()) CheckStatus(review.status());
  if (const auto proposals = (*learner)->Propose("", view); proposals.ok()) CheckProposals(*proposals);
  CheckStatus((*learner)->Replay({}, view, 0).status());
  CheckStatus((*learner)->Diff({"shop", "db"}, "", "").status());
  const std::vector<Identity> known = KnownIdentities();
  const auto find = [&known](IdentityId id) { return id >= kWeb && id <= kDb ? &known[id - kWeb] : nullptr; };
  CheckStatus((*learner)->Record({Edge(kWeb, kDb, 5432, 100)}, find, At(9 * kHour)).status());
  CheckStatus((*learner)->RecordPresence({{kWeb, 1000}}, find, At(9 * kHour)));
  CheckStatus((*learner)->RecordListeners({{kDb, kProtoTcp, 5432}}, find, At(9 * kHour)));
}

}  // namespace

void FuzzDatabase(std::string_view bytes) {
  static const std::string sound = SoundFile();
  if (bytes.starts_with("SQLite format 3")) {
    Write(std::string(bytes));
  } else if (bytes.starts_with('!')) {
    Write(Overwrite(sound, bytes.substr(1)));
  } else {
    Write(sound);
    RunSql(std::string(bytes));
  }
  std::string path;
  {
    const auto store = Store::Open(Place().file());
    Require(store.ok(), "no store", store.status().ToString());
    CheckStore(**store);
    path = (*store)->path();
  }
  CheckLearner(path.empty() ? ":memory:" : path);
}

}  // namespace bulkhead
