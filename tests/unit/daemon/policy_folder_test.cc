// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/policy/compile.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

LoadedPolicies Load(const TestFolder& folder, const LoadedPolicies& before = {}, uint64_t generation = 41) {
  return LoadPolicyFolder(*ReadPolicyFolder(folder.path()), folder.path(), before, generation);
}

const PolicyFileStatus& StatusOf(const LoadedPolicies& loaded, const std::string& name) {
  for (const PolicyFileStatus& file : loaded.files) {
    if (file.file.ends_with("/" + name)) return file;
  }
  ADD_FAILURE() << "no status of " << name;
  static const PolicyFileStatus none;
  return none;
}

TEST(PolicyFolderTest, ModesFileIsNoPolicyAndOthersAre) {
  const TestFolder folder;
  folder.Write("modes.yaml", "global: audit\n");
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  folder.Write("web.yml", PolicyYaml("shop", "web", "web", "lb"));
  folder.Write("notes.txt", "not: [a policy");
  folder.Write(".hidden.yaml", "not: [a policy");
  const LoadedPolicies loaded = Load(folder);
  EXPECT_EQ(loaded.documents->policies.size(), 2u);
  EXPECT_EQ(loaded.modes.global, Mode::kAudit);
  EXPECT_EQ(loaded.modes_error, "");
  EXPECT_EQ(loaded.files.size(), 2u);
  EXPECT_THAT(StatusOf(loaded, "db.yaml").objects, ElementsAre("shop/db"));
}

TEST(PolicyFolderTest, MoreThanCanBeMeantIsNotRead) {
  const TestFolder folder;
  const std::string much(4 << 20, '#');
  for (int i = 0; i < 16; ++i) folder.Write("much" + std::to_string(i) + ".yaml", much);
  EXPECT_TRUE(ReadPolicyFolder(folder.path()).ok());
  folder.Write("one-more.yaml", "#");
  EXPECT_EQ(ReadPolicyFolder(folder.path()).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(PolicyFolderTest, BrokenFileKeepsItsLastGoodObjects) {
  const TestFolder folder;
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  const LoadedPolicies good = Load(folder);
  folder.Write("db.yaml", "kind: NetworkPolicy\nspec: {podSelecter: {}}\n");
  folder.Write("new.yaml", "kind: [\n");
  folder.Write("web.yaml", PolicyYaml("shop", "web", "web", "lb"));
  const LoadedPolicies broken = Load(folder, good);
  EXPECT_EQ(broken.documents->policies.size(), 2u);
  EXPECT_NE(broken.documents, good.documents);
  EXPECT_THAT(StatusOf(broken, "db.yaml").objects, ElementsAre("shop/db"));
  EXPECT_THAT(StatusOf(broken, "db.yaml").errors.back(), HasSubstr("; nothing changed, generation 41 stays"));
  EXPECT_THAT(StatusOf(broken, "new.yaml").errors.back(), HasSubstr("nothing of this file is enforced"));
  // Still after another look, and gone with the file.
  EXPECT_EQ(Load(folder, broken).documents->policies.size(), 2u);
  std::filesystem::remove(folder.path() + "/db.yaml");
  EXPECT_EQ(Load(folder, broken).documents->policies.size(), 1u);
}

TEST(PolicyFolderTest, NewFileCannotPushAsideWhatIsEnforced) {
  const TestFolder folder;
  folder.Write("z.yaml", PolicyYaml("shop", "db", "db", "api"));
  const LoadedPolicies before = Load(folder);
  folder.Write("a.yaml", PolicyYaml("shop", "db", "db", "everybody"));
  const LoadedPolicies after = Load(folder, before);
  ASSERT_EQ(after.documents->policies.size(), 1u);
  EXPECT_THAT(after.documents->policies[0].pos.file, testing::EndsWith("z.yaml"));
  EXPECT_THAT(StatusOf(after, "a.yaml").errors.back(), HasSubstr("the second one is not enforced"));
  EXPECT_THAT(StatusOf(after, "z.yaml").errors, IsEmpty());
}

TEST(PolicyFolderTest, OwnerStaysThoughTheOtherFileIsKnownTooAndComesFirst) {
  const TestFolder folder;
  folder.Write("a.yaml", PolicyYaml("shop", "web", "web", "lb"));
  folder.Write("z.yaml", PolicyYaml("shop", "db", "db", "api"));
  LoadedPolicies loaded = Load(folder);
  folder.Write("a.yaml", PolicyYaml("shop", "web", "web", "lb") + "---\n" + PolicyYaml("shop", "db", "db", "everybody"));
  for (int look = 0; look < 3; ++look) {
    loaded = Load(folder, loaded);
    EXPECT_THAT(StatusOf(loaded, "a.yaml").objects, ElementsAre("shop/web"));
    EXPECT_THAT(StatusOf(loaded, "z.yaml").objects, ElementsAre("shop/db"));
  }
  std::filesystem::remove(folder.path() + "/z.yaml");
  EXPECT_THAT(StatusOf(Load(folder, loaded), "a.yaml").objects, ElementsAre("shop/web", "shop/db"));
}

TEST(PolicyFolderTest, SameDocumentsWhileNoPolicyChanges) {
  const TestFolder folder;
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  const LoadedPolicies first = Load(folder);
  folder.Write("broken.yaml", "kind: [");
  const LoadedPolicies second = Load(folder, first);
  EXPECT_EQ(second.documents, first.documents);
  folder.Write("db.yaml", "kind: [");
  const LoadedPolicies third = Load(folder, second);
  EXPECT_EQ(third.documents, first.documents);
  folder.Write("modes.yaml", "global: audit\n");
  folder.Write("other.yaml", PolicyYaml("shop", "db", "web", "x"));
  const LoadedPolicies fourth = Load(folder, third);
  EXPECT_THAT(StatusOf(fourth, "other.yaml").errors.back(), HasSubstr("a second NetworkPolicy shop/db"));
  EXPECT_EQ(fourth.documents->policies.size(), 1u);
  std::filesystem::remove(folder.path() + "/db.yaml");
  const LoadedPolicies fifth = Load(folder, fourth);
  EXPECT_NE(fifth.documents, fourth.documents);
  EXPECT_THAT(fifth.documents->policies[0].pos.file, testing::EndsWith("other.yaml"));
}

// A file that no compiler takes yet costs the others nothing, and means what it meant before.
TEST(PolicyFolderTest, NotSupportedYetIsTheFilesOwnMistake) {
  const TestFolder folder;
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  const std::string guard =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: guard}\n"
      "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [";
  folder.Write("guard.yaml", guard + "{namespaces: {}}]}]}\n");
  const LoadedPolicies good = Load(folder);
  EXPECT_THAT(StatusOf(good, "guard.yaml").objects, ElementsAre("cnp:guard"));
  folder.Write("guard.yaml", guard + "{domainNames: [a.example]}]}]}\n");
  folder.Write("web.yaml", PolicyYaml("shop", "web", "web", "lb"));
  const LoadedPolicies loaded = Load(folder, good);
  EXPECT_EQ(loaded.documents->policies.size(), 3u);
  EXPECT_THAT(StatusOf(loaded, "guard.yaml").errors,
              ElementsAre(testing::AllOf(HasSubstr("guard.yaml:4:92: domainNames: found a.example: not supported yet"),
                                         HasSubstr("nothing changed, generation 41 stays"))));
  EXPECT_TRUE(CheckSupported(*loaded.documents).empty());
  EXPECT_THAT(StatusOf(Load(folder), "guard.yaml").errors, ElementsAre(HasSubstr("nothing of this file is enforced")));
}

// Kinds have names of their own: a NetworkPolicy's is no other's.
TEST(PolicyFolderTest, ObjectsOfSeveralKindsMayHaveOneName) {
  const TestFolder folder;
  const std::string spec = "metadata: {name: default}\nspec: {subject: {namespaces: {}}}\n";
  const std::string api = "apiVersion: policy.networking.k8s.io/v1alpha1\n";
  folder.Write("a.yaml", api + "kind: BaselineAdminNetworkPolicy\n" + spec);
  const LoadedPolicies before = Load(folder);
  folder.Write("b.yaml", api + "kind: AdminNetworkPolicy\nmetadata: {name: default}\nspec: {priority: 1, subject: {namespaces: {}}}\n");
  const LoadedPolicies both = Load(folder, before);
  EXPECT_EQ(both.documents->policies.size(), 2u);
  folder.Write("0.yaml", api + "kind: BaselineAdminNetworkPolicy\n" + spec);
  const LoadedPolicies after = Load(folder, both);
  EXPECT_EQ(after.documents->policies.size(), 2u);
  EXPECT_THAT(StatusOf(after, "0.yaml").errors.back(), HasSubstr("found a second BaselineAdminNetworkPolicy default"));
}

// Two thousand files are looked at again and again; only those that changed are parsed.
TEST(PolicyFolderTest, TextThatDidNotChangeIsNotParsedAgain) {
  const TestFolder folder;
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  folder.Write("web.yaml", PolicyYaml("shop", "web", "web", "lb"));
  const LoadedPolicies first = Load(folder);
  folder.Write("web.yaml", PolicyYaml("shop", "web", "web", "api"));
  const LoadedPolicies second = Load(folder, first);
  EXPECT_EQ(second.parsed.at("db.yaml"), first.parsed.at("db.yaml"));
  EXPECT_NE(second.parsed.at("web.yaml"), first.parsed.at("web.yaml"));
  EXPECT_THAT(second.documents->policies[1].ingress[0].peers[0].pod_selector->match_labels,
              testing::Contains(testing::Pair("app", "api")));
  folder.Write("web.yaml", "kind: [");
  const LoadedPolicies third = Load(folder, second);
  EXPECT_EQ(third.parsed.at("web.yaml"), second.parsed.at("web.yaml")) << "what it meant when it was good";
  std::filesystem::remove(folder.path() + "/web.yaml");
  EXPECT_FALSE(Load(folder, third).parsed.contains("web.yaml"));
}

TEST(PolicyFolderTest, RestartForgetsNoGoodText) {
  const TestFolder folder;
  folder.Write("db.yaml", PolicyYaml("shop", "db", "db", "api"));
  folder.Write("modes.yaml", "global: enforce\n");
  const std::string bytes = EncodeGood(Load(folder));
  folder.Write("db.yaml", "broken: [");
  folder.Write("modes.yaml", "broken: [");
  const auto recalled = DecodeGood(bytes, folder.path());
  ASSERT_TRUE(recalled.ok()) << recalled.status();
  const LoadedPolicies loaded = Load(folder, *recalled);
  EXPECT_EQ(loaded.documents->policies.size(), 1u);
  EXPECT_EQ(loaded.modes.global, Mode::kEnforce);
  EXPECT_THAT(StatusOf(loaded, "db.yaml").errors.back(), HasSubstr("nothing changed"));
  EXPECT_EQ(EncodeGood(loaded), bytes) << "and the next restart recalls the same";
  EXPECT_FALSE(DecodeGood("5:a", folder.path()).ok());
}

TEST(PolicyFolderTest, BrokenModesChangeNoMode) {
  const TestFolder folder;
  folder.Write("modes.yaml", "services: {shop/db: enforce}\n");
  const LoadedPolicies good = Load(folder);
  folder.Write("modes.yaml", "services: {shop/db: of}\n");
  const LoadedPolicies broken = Load(folder, good);
  EXPECT_EQ(broken.modes, good.modes);
  EXPECT_THAT(broken.modes_error, HasSubstr("modes.yaml:1:21"));
}

TEST(PolicyFolderTest, MissingFolderIsAnError) { EXPECT_FALSE(ReadPolicyFolder("/nonexistent/policies.d").ok()); }

TEST(CommitFilesTest, WritesDeletesAndGivesTheWayBack) {
  const TestFolder folder;
  folder.Write("old.yaml", "old");
  folder.Write("gone.yaml", "gone");
  const auto undo = CommitFiles(folder.path(), {{"old.yaml", "new"}, {"fresh.yaml", "fresh"}, {"gone.yaml", std::nullopt}});
  ASSERT_TRUE(undo.ok()) << undo.status();
  EXPECT_EQ(folder.Read("old.yaml"), "new");
  EXPECT_EQ(folder.Read("fresh.yaml"), "fresh");
  EXPECT_FALSE(folder.Has("gone.yaml"));
  EXPECT_EQ(folder.Files(), 2u) << "nothing temporary is left";
  ASSERT_TRUE(CommitFiles(folder.path(), *undo).ok());
  EXPECT_EQ(folder.Read("old.yaml"), "old");
  EXPECT_EQ(folder.Read("gone.yaml"), "gone");
  EXPECT_FALSE(folder.Has("fresh.yaml"));
}

TEST(CommitFilesTest, AllOrNone) {
  const TestFolder folder;
  folder.Write("a.yaml", "old");
  std::filesystem::create_directories(folder.path() + "/b.yaml/x");  // in the way: cannot be replaced by a file
  EXPECT_FALSE(CommitFiles(folder.path(), {{"a.yaml", "new"}, {"b.yaml", "new"}}).ok());
  EXPECT_EQ(folder.Read("a.yaml"), "old");
  EXPECT_EQ(folder.Files(), 2u);
  EXPECT_FALSE(CommitFiles(folder.path() + "/nonexistent", {{"a.yaml", "new"}}).ok());
}

TEST(EncodeChangesTest, BackAgain) {
  const std::vector<FileChange> changes = {{"a.yaml", std::string("x\0y:12+-", 8)}, {"b", std::nullopt}, {"c", ""}};
  const std::string bytes = EncodeChanges(changes);
  const auto again = DecodeChanges(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, changes);
  for (size_t size = 1; size < bytes.size(); ++size) {
    const auto cut = DecodeChanges(std::string_view(bytes).substr(0, size));
    if (cut.ok()) {
      EXPECT_LT(cut->size(), changes.size());
    }
  }
  for (const char* bad : {"x", "5:a", "99999999999999999999:a+", ":+", "1:a*"}) EXPECT_FALSE(DecodeChanges(bad).ok()) << bad;
}

}  // namespace
}  // namespace bulkhead
