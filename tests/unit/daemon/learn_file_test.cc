// SPDX-License-Identifier: Apache-2.0
// The learner's file: apart from the store's, mended when it is damaged, and with what was once recorded elsewhere.
#include "controlplane/daemon/learn_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "controlplane/store/database.h"
#include "controlplane/store/store.h"
#include "fakes.h"

namespace bulkhead {
namespace {

class LearnFileTest : public testing::Test {
 protected:
  TestFolder folder_;
  const std::string store_file_ = folder_.path() + "/bulkhead.db";
  const std::string learn_file_ = folder_.path() + "/learn.db";
  std::string problem_;
};

TEST_F(LearnFileTest, NobodyWaitsForWhatIsLearned) {
  auto store = *Store::Open(store_file_);
  auto learner = OpenLearner(store_file_, {}, &problem_);
  ASSERT_NE(learner, nullptr);
  auto busy = *Database::Open(LearnFile(store_file_));
  absl::Status saved;
  std::chrono::steady_clock::duration took{};
  ASSERT_TRUE(busy->Transaction([&] {
                    const auto began = std::chrono::steady_clock::now();
                    saved = store->Set("key", "value");
                    took = std::chrono::steady_clock::now() - began;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_TRUE(saved.ok()) << saved;
  EXPECT_LT(took, std::chrono::milliseconds(kBusyTimeoutMs / 4));
}

TEST_F(LearnFileTest, TakesAlongWhatTheStoresFileHolds) {
  auto store = *Store::Open(store_file_);
  const auto edge_of = [](const std::string& path) {
    auto database = *Database::Open(path);
    auto find = *database->Prepare("SELECT name FROM learn_names ORDER BY name");
    std::string names;
    while (*find.Step()) names += find.Text(0) + " ";
    return names;
  };
  const LearnMoment now{1'700'000'000, 5};
  ASSERT_TRUE((*Learner::Open(store_file_))->RecordNames({{"db.example", *IpAddress::Parse("198.18.0.7")}}, now).ok());
  ASSERT_NE(OpenLearner(store_file_, {}, &problem_), nullptr);
  EXPECT_EQ(edge_of(learn_file_), "db.example ");
  // Once only: what is learned from then on is not replaced.
  ASSERT_TRUE(OpenLearner(store_file_, {}, &problem_)->RecordNames({{"api.example", *IpAddress::Parse("198.18.0.8")}}, now).ok());
  ASSERT_NE(OpenLearner(store_file_, {}, &problem_), nullptr);
  EXPECT_EQ(edge_of(learn_file_), "api.example db.example ");
}

TEST_F(LearnFileTest, ADamagedOneIsMovedAside) {
  std::ofstream(learn_file_) << std::string(8192, 'x');
  ASSERT_NE(OpenLearner(store_file_, {}, &problem_), nullptr);
  EXPECT_TRUE(std::filesystem::exists(learn_file_ + ".bad"));
  EXPECT_NE(OpenLearner("", {}, &problem_), nullptr) << "in memory";
}

// Each may hold the only record of what somebody rejected.
TEST_F(LearnFileTest, WhatWasMovedAsideIsNotOverwritten) {
  const auto damage = [this](char with) { std::ofstream(learn_file_) << std::string(8192, with); };
  for (const char with : {'x', 'y', 'z'}) {
    damage(with);
    ASSERT_NE(OpenLearner(store_file_, {}, &problem_), nullptr);
    std::filesystem::remove(learn_file_ + "-wal");
  }
  const auto first_byte = [](const std::string& path) { return static_cast<char>(std::ifstream(path).get()); };
  EXPECT_EQ(first_byte(learn_file_ + ".bad"), 'x');
  EXPECT_EQ(first_byte(learn_file_ + ".bad.2"), 'y');
  EXPECT_EQ(first_byte(learn_file_ + ".bad.3"), 'z');
  EXPECT_EQ(problem_, "");
}

TEST_F(LearnFileTest, OneOfANewerVersionStaysAsItIs) {
  ASSERT_NE(OpenLearner(store_file_, {}, &problem_), nullptr);
  {
    auto newer = *Database::Open(learn_file_);
    ASSERT_TRUE(newer->Exec("INSERT INTO learn_decisions (source_kind, source_ns, source_service, destination_kind, destination_ns, "
                            "destination_service, protocol, port, accepted, who, made_at) VALUES (3, 'shop', 'web', 3, 'shop', 'db', 6, "
                            "22, 0, 'ada', 1); UPDATE schema_version SET version = version + 1 WHERE component = 'learn'")
                    .ok());
  }
  EXPECT_EQ(OpenLearner(store_file_, {}, &problem_), nullptr);
  EXPECT_THAT(problem_, testing::AllOf(testing::HasSubstr("nothing is recorded"), testing::HasSubstr("this program knows"),
                                       testing::HasSubstr("run that version again")));
  EXPECT_FALSE(std::filesystem::exists(learn_file_ + ".bad"));
  auto kept = *Database::Open(learn_file_);
  auto decided = *kept->Prepare("SELECT count(*) FROM learn_decisions");
  ASSERT_TRUE(*decided.Step());
  EXPECT_EQ(decided.Int(0), 1);
}

}  // namespace
}  // namespace bulkhead
