// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/places/temporary_folder.h"

namespace bulkhead {
namespace {

using testing::HasSubstr;

class StoreTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() / "state.db";
};

TEST_F(StoreTest, RemembersIdentitiesRulesAndValues) {
  const std::string bytes("\0\xff'\";--\n", 8);
  const std::vector<NamedPort> ports = {{"dns", kProtoUdp, 53}, {"high", kProtoSctp, 65534}, {"http", kProtoTcp, 0x1f90}};
  const Identity identity{17, "shop" + bytes, "web", {{"a" + bytes, bytes}, {"", ""}}, "sha256:1", ports};
  RuleInfo rule;
  rule.key = "shop/db ingress[0]";
  rule.policy_ns = "shop";
  rule.policy = "db";
  rule.tier = Tier::kNetworkPolicy;
  rule.index = 0;
  rule.pos = {"db.yaml", 12, 3};
  rule.id = 5;
  {
    auto store = *Store::Open(path_);
    EXPECT_EQ(store->problem(), "");
    ASSERT_TRUE(store->SaveIdentities({identity}).ok());
    ASSERT_TRUE(store->SaveRules({rule}).ok());
    ASSERT_TRUE(store->Set("k", bytes).ok());
    ASSERT_TRUE(store->Set("gone", "x").ok());
    ASSERT_TRUE(store->Erase("gone").ok());
  }
  auto store = *Store::Open(path_);
  const auto identities = *store->LoadIdentities();
  ASSERT_EQ(identities.size(), 1u);
  EXPECT_EQ(identities[0].id, identity.id);
  EXPECT_EQ(identities[0].ns, identity.ns);
  EXPECT_EQ(identities[0].labels, identity.labels);
  EXPECT_EQ(identities[0].image_digest, identity.image_digest);
  EXPECT_EQ(identities[0].named_ports, ports);
  const auto rules = *store->LoadRules();
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].key, rule.key);
  EXPECT_EQ(rules[0].id, 5u);
  EXPECT_EQ(rules[0].pos, rule.pos);
  EXPECT_EQ(rules[0].tier, rule.tier);
  EXPECT_EQ(*store->Get("k"), bytes);
  EXPECT_EQ(*store->Get("gone"), std::nullopt);
}

TEST_F(StoreTest, DamagedFileIsMovedAside) {
  std::ofstream(path_) << "this is no database, and has not been one for a long time";
  auto store = *Store::Open(path_);
  EXPECT_THAT(store->problem(), HasSubstr(path_ + ".bad-1"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".bad-1"));
  EXPECT_TRUE(store->Set("k", "v").ok());
  EXPECT_EQ(store->path(), path_);
  store.reset();
  EXPECT_EQ((*Store::Open(path_))->problem(), "");
}

TEST_F(StoreTest, ASoundDatabaseThatDoesNotHoldWhatWeWroteIsMovedAside) {
  int number = 0;
  for (const char* damage : {"UPDATE identities SET labels = x'ff000000'", "DROP TABLE rules", "DROP TABLE key_values"}) {
    SCOPED_TRACE(damage);
    {
      auto store = *Store::Open(path_);
      ASSERT_TRUE(store->SaveIdentities({Identity{17, "shop", "web", {{"a", "b"}}, "", {}}}).ok());
    }
    ASSERT_TRUE((*Database::Open(path_))->Exec(damage).ok());
    auto store = Store::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_THAT((*store)->problem(), HasSubstr(path_ + ".bad-" + std::to_string(++number)));
    EXPECT_TRUE((*store)->LoadIdentities()->empty());
    EXPECT_EQ((*store)->path(), path_);
  }
}

TEST_F(StoreTest, DamageInTheMiddleIsFound) {
  {
    auto store = *Store::Open(path_);
    std::vector<Identity> many;
    for (IdentityId id = 16; id < 2000; ++id) many.push_back({id, "ns", "service" + std::to_string(id), {{"a", "b"}}, ""});
    ASSERT_TRUE(store->SaveIdentities(many).ok());
  }
  std::filesystem::remove(path_ + "-wal");
  ASSERT_GT(std::filesystem::file_size(path_), 40'000u);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8192);
  file << std::string(16'384, '\x5a');
  file.close();
  auto store = *Store::Open(path_);
  EXPECT_THAT(store->problem(), HasSubstr("moved to"));
  EXPECT_TRUE(store->LoadIdentities()->empty());
}

TEST_F(StoreTest, DamageIsFoundWhileTheFileIsOpen) {
  auto store = *Store::Open(path_);
  std::vector<Identity> many;
  for (IdentityId id = 16; id < 2000; ++id) many.push_back({id, "ns", "service" + std::to_string(id), {{"a", "b"}}, ""});
  ASSERT_TRUE(store->SaveIdentities(many).ok());
  EXPECT_TRUE(Database::CheckFile(path_).ok());
  for (const char* part : {"", "-wal"}) {
    std::fstream file(path_ + part, std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(std::filesystem::file_size(path_ + part), '\x5a');
  }
  EXPECT_EQ(store->LoadIdentities()->size(), many.size()) << "what it keeps in memory";
  EXPECT_TRUE(absl::IsDataLoss(Database::CheckFile(path_))) << Database::CheckFile(path_);
}

// A sound file with rows that no daemon wrote: a number that is reserved, or after which the next one would be.
TEST_F(StoreTest, HostileRowsAreMovedAside) {
  for (const char* sql :
       {"UPDATE identities SET id = 2", "UPDATE identities SET id = -1", "UPDATE identities SET id = 4294967295",
        "UPDATE identities SET id = 4294967312", "UPDATE identities SET labels = x'ff'", "UPDATE rules SET id = 0",
        "UPDATE rules SET tier = 9", "UPDATE rules SET direction = -1", "DROP TABLE rules", "ALTER TABLE identities DROP COLUMN ns",
        "UPDATE schema_version SET version = -5"}) {
    {
      auto store = *Store::Open(path_);
      ASSERT_EQ(store->problem(), "");
      RuleInfo rule;
      rule.id = 1;
      rule.key = "k";
      ASSERT_TRUE(store->SaveIdentities({{16, "ns", "service", {{"a", "b"}}, ""}}).ok());
      ASSERT_TRUE(store->SaveRules({rule}).ok());
    }
    ASSERT_TRUE((*Database::Open(path_))->Exec(sql).ok()) << sql;
    auto store = *Store::Open(path_);
    EXPECT_THAT(store->problem(), HasSubstr("begun anew")) << sql;
    EXPECT_TRUE(store->LoadIdentities()->empty()) << sql;
    EXPECT_TRUE(store->LoadRules()->empty()) << sql;
  }
}

TEST_F(StoreTest, NewerFileIsMovedAside) {
  {
    auto database = *Database::Open(path_);
    ASSERT_TRUE(database->Migrate("store", {"CREATE TABLE a (b)", "CREATE TABLE c (d)", "CREATE TABLE e (f)", "CREATE TABLE g (h)"}).ok());
  }
  auto store = *Store::Open(path_);
  EXPECT_THAT(store->problem(), HasSubstr("has version 4"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".bad-1"));
}

TEST_F(StoreTest, WithoutAPlaceItLivesInMemory) {
  auto store = *Store::Open((folder_.path() / "no" / "such" / "folder" / "state.db").string());
  EXPECT_THAT(store->problem(), HasSubstr("nothing is remembered"));
  EXPECT_EQ(store->path(), "");
  ASSERT_TRUE(store->Set("k", "v").ok());
  EXPECT_EQ(*store->Get("k"), "v");
}

TEST_F(StoreTest, LabelsThatAreCutAreRefused) {
  const std::string bytes = EncodeLabels({{"app", "web"}, {"tier", ""}});
  ASSERT_TRUE(DecodeLabels(bytes).ok());
  for (size_t size = 1; size < bytes.size(); ++size) {
    const auto labels = DecodeLabels(std::string_view(bytes).substr(0, size));
    if (labels.ok()) {
      EXPECT_LT(labels->size(), 2u) << size;
    }
  }
  EXPECT_FALSE(DecodeLabels("\xff\xff\xff\xff").ok());
}

TEST_F(StoreTest, PortNamesThatAreCutAreRefused) {
  const std::string bytes = EncodeNamedPorts({{"http", kProtoTcp, 80}});
  EXPECT_EQ(DecodeNamedPorts(bytes)->size(), 1u);
  for (size_t size = 1; size < bytes.size(); ++size)
    EXPECT_TRUE(absl::IsDataLoss(DecodeNamedPorts(bytes.substr(0, size)).status())) << size;
}

// A file of before ports had names keeps its numbers.
TEST_F(StoreTest, IdentitiesOfAnOlderFileHaveNoPortNames) {
  {
    auto database = *Database::Open(path_);
    const std::vector<std::string> first = {
        "CREATE TABLE identities (id INTEGER PRIMARY KEY, ns BLOB NOT NULL, service BLOB NOT NULL, labels BLOB NOT NULL,"
        " image_digest BLOB NOT NULL);"
        "CREATE TABLE rules (id INTEGER PRIMARY KEY, key BLOB NOT NULL, tier INTEGER NOT NULL, policy_ns BLOB NOT NULL,"
        " policy BLOB NOT NULL, direction INTEGER NOT NULL, rule_index INTEGER NOT NULL, file BLOB NOT NULL, line INTEGER NOT NULL,"
        " col INTEGER NOT NULL);"
        "CREATE TABLE key_values (key TEXT PRIMARY KEY, value BLOB NOT NULL);"
        "INSERT INTO identities VALUES (16, 'shop', 'web', x'', 'sha256:1')"};
    ASSERT_TRUE(database->Migrate("store", first).ok());
  }
  auto store = *Store::Open(path_);
  EXPECT_EQ(store->problem(), "");
  const auto identities = *store->LoadIdentities();
  ASSERT_EQ(identities.size(), 1u);
  EXPECT_EQ(identities[0].id, 16u);
  EXPECT_TRUE(identities[0].named_ports.empty());
}

TEST_F(StoreTest, TransactionIsAllOrNothing) {
  auto database = *Database::Open(path_);
  ASSERT_TRUE(database->Exec("CREATE TABLE t (x INTEGER UNIQUE)").ok());
  const absl::Status failed = database->Transaction([&]() -> absl::Status {
    absl::Status first = database->Exec("INSERT INTO t VALUES (1)");
    return first.ok() ? database->Exec("INSERT INTO t VALUES (1)") : first;
  });
  EXPECT_TRUE(absl::IsAlreadyExists(failed)) << failed;
  auto count = *database->Prepare("SELECT count(*) FROM t");
  ASSERT_TRUE(*count.Step());
  EXPECT_EQ(count.Int(0), 0);
}

TEST_F(StoreTest, MigrationsRunOnce) {
  const std::vector<std::string> first = {"CREATE TABLE t (x)"};
  const std::vector<std::string> both = {"CREATE TABLE t (x)", "ALTER TABLE t ADD COLUMN y"};
  ASSERT_TRUE((*Database::Open(path_))->Migrate("learn", first).ok());
  for (int round = 0; round < 2; ++round) {
    auto database = *Database::Open(path_);
    ASSERT_TRUE(database->Migrate("learn", both).ok()) << "a step that ran before must not run again";
    EXPECT_TRUE(database->Exec("INSERT INTO t (x, y) VALUES (1, 2)").ok());
  }
  EXPECT_TRUE(absl::IsFailedPrecondition((*Database::Open(path_))->Migrate("learn", first)));
}

TEST_F(StoreTest, WriterWaitsForAnother) {
  auto first = *Database::Open(path_);
  ASSERT_TRUE(first->Exec("CREATE TABLE t (x)").ok());
  std::thread other;
  ASSERT_TRUE(first->Transaction([&]() -> absl::Status {
    other = std::thread([&] {
      auto second = Database::Open(path_);
      EXPECT_TRUE(second.ok() && (*second)->Exec("INSERT INTO t VALUES (2)").ok());
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return first->Exec("INSERT INTO t VALUES (1)");
  }).ok());
  other.join();
}

TEST_F(StoreTest, WrongStatementsAndParametersAreErrors) {
  auto database = *Database::Open(":memory:");
  EXPECT_FALSE(database->Prepare("SELEC 1").ok());
  auto statement = *database->Prepare("SELECT ?");
  EXPECT_FALSE(statement.BindInt(2, 1).Step().ok());
  EXPECT_TRUE(*statement.BindInt(1, 7).Step());
  EXPECT_EQ(statement.Int(0), 7);
}

// Such as an earlier version made.
TEST_F(StoreTest, AFileThatCannotGetSmallerWorksAsBefore) {
  sqlite3* old = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &old), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(old, "CREATE TABLE many (what TEXT)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(old);
  auto database = *Database::Open(path_);
  ASSERT_TRUE(database->Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                             "INSERT INTO many SELECT hex(randomblob(1500)) FROM n; DELETE FROM many")
                  .ok());
  EXPECT_TRUE(database->Trim(16).ok());
  auto free = *database->Prepare("PRAGMA freelist_count");
  ASSERT_TRUE(*free.Step());
  EXPECT_GT(free.Int(0), 500);
}

TEST_F(StoreTest, UnusedPagesAreGivenBackInStepsAndOnlyWhenTheyAreMany) {
  auto database = *Database::Open(path_);
  const auto pages = [&] {
    auto count = *database->Prepare("PRAGMA page_count");
    EXPECT_TRUE(*count.Step());
    return count.Int(0);
  };
  ASSERT_TRUE(database->Exec("CREATE TABLE many (id INTEGER PRIMARY KEY, what TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                             "i + 1 FROM n WHERE i < 1000) INSERT INTO many SELECT i, hex(randomblob(1500)) FROM n")
                  .ok());
  const int64_t full = pages();
  ASSERT_TRUE(database->Exec("DELETE FROM many WHERE id <= 200").ok());
  ASSERT_TRUE(database->Trim(16).ok());
  EXPECT_EQ(pages(), full) << "less than a quarter";
  ASSERT_TRUE(database->Exec("DELETE FROM many WHERE id <= 900").ok());
  ASSERT_TRUE(database->Trim(16).ok());
  EXPECT_EQ(pages(), full - 16);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(database->Trim(16).ok());
  EXPECT_LT(pages(), full / 4);
  auto left = *database->Prepare("SELECT count(*) FROM many");
  ASSERT_TRUE(*left.Step());
  EXPECT_EQ(left.Int(0), 100);
}

}  // namespace
}  // namespace bulkhead
