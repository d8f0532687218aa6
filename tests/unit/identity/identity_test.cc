// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "controlplane/identity/interner.h"
#include "controlplane/identity/service_name.h"

namespace bulkhead {
namespace {

WorkloadReport Report(Labels labels) {
  WorkloadReport report;
  report.id = "0123456789abcdef";
  report.name = "happy_name";
  report.image = "registry.example:5000/shop/web:1.2@sha256:00";
  report.labels = std::move(labels);
  return report;
}

TEST(ServiceNameTest, LabelsInTheirOrder) {
  const std::vector<std::string> order = {"bulkhead.dev/service",      "app.kubernetes.io/name",       "app",
                                          "com.docker.compose.service", "com.docker.swarm.service.name", "k8s-app"};
  for (size_t first = 0; first < order.size(); ++first) {
    Labels labels;
    for (size_t i = first; i < order.size(); ++i) labels[order[i]] = "service" + std::to_string(i);
    const Naming naming = NameWorkload(Report(labels), false);
    EXPECT_EQ(naming.service, "service" + std::to_string(first));
    EXPECT_EQ(naming.labels.at(kServiceLabel), naming.service);
  }
}

TEST(ServiceNameTest, NamespaceInItsOrder) {
  EXPECT_EQ(NameWorkload(Report({}), false).ns, "default");
  EXPECT_EQ(NameWorkload(Report({{"com.docker.compose.project", "c"}}), false).ns, "c");
  EXPECT_EQ(NameWorkload(Report({{"com.docker.compose.project", "c"}, {"bulkhead.dev/namespace", "b"}}), false).ns, "b");
  EXPECT_EQ(NameWorkload(Report({{"io.kubernetes.pod.namespace", "a"}, {"bulkhead.dev/namespace", "b"}}), false).ns, "a");
  WorkloadReport own = Report({{"bulkhead.dev/namespace", "b"}});
  own.ns = "given";
  EXPECT_EQ(NameWorkload(own, false).ns, "given");
}

TEST(ServiceNameTest, WithoutLabels) {
  WorkloadReport report = Report({});
  EXPECT_EQ(NameWorkload(report, false).service, "happy_name");
  report.generated_name = true;
  EXPECT_EQ(NameWorkload(report, false).service, "web");
  report.image = "sha256:0011";
  EXPECT_EQ(NameWorkload(report, false).service, "happy_name");
  report.name = "";
  EXPECT_EQ(NameWorkload(report, false).service, "0123456789ab");
}

TEST(ServiceNameTest, ImageBaseNames) {
  EXPECT_EQ(ImageBaseName("redis"), "redis");
  EXPECT_EQ(ImageBaseName("redis:7"), "redis");
  EXPECT_EQ(ImageBaseName("registry.example:5000/shop/web"), "web");
  EXPECT_EQ(ImageBaseName("shop/web@sha256:00"), "web");
  EXPECT_EQ(ImageBaseName("sha256:0011"), "");
  EXPECT_EQ(ImageBaseName(""), "");
}

TEST(ServiceNameTest, ImagesOwnLabelsAreNotTrusted) {
  WorkloadReport report = Report({{"app", "db"}, {"tier", "gold"}, {"bulkhead.dev/namespace", "prod"}});
  report.image_labels = {{"app", "db"}, {"tier", "silver"}, {"bulkhead.dev/namespace", "prod"}};
  const Naming naming = NameWorkload(report, false);
  EXPECT_EQ(naming.service, "happy_name");
  EXPECT_EQ(naming.ns, "default");
  EXPECT_EQ(naming.labels, (Labels{{"tier", "gold"}, {kServiceLabel, "happy_name"}}));
  const Naming trusting = NameWorkload(report, true);
  EXPECT_EQ(trusting.service, "db");
  EXPECT_EQ(trusting.ns, "prod");
}

// The implicit label is made of the name, so nobody can say it of itself in one label and be called otherwise by another.
TEST(ServiceNameTest, ImplicitLabelIsTheService) {
  EXPECT_EQ(NameWorkload(Report({{kServiceLabel, "a/b c"}}), false).labels.at(kServiceLabel), "a_b_c");
}

TEST(ServiceNameTest, LabelsAreBounded) {
  Labels labels = {{std::string(kMaxLabelName + 1, 'n'), "v"}, {"long", std::string(kMaxLabelValue + 1, 'v')}, {"app", "web"}};
  const Naming few = NameWorkload(Report(labels), false);
  EXPECT_EQ(few.labels.size(), 2u);
  ASSERT_EQ(few.problems.size(), 1u);
  for (int i = 0; i < 1000; ++i) labels["zz" + std::to_string(i)] = "v";
  const Naming many = NameWorkload(Report(labels), false);
  EXPECT_EQ(many.labels.size(), kMaxLabels + 1);  // and the implicit one
  EXPECT_EQ(many.problems.size(), 2u);
}

TEST(ServiceNameTest, AnyBytes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(3, static_cast<char>(byte));
    const Naming naming = NameWorkload(Report({{"app", text}, {text, text}, {"bulkhead.dev/namespace", text}}), false);
    for (const std::string& name : {naming.ns, naming.service}) {
      EXPECT_FALSE(name.empty());
      for (const char c : name) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-');
    }
    EXPECT_EQ(naming.labels.at(text), text) << "the label itself is kept as it is";
  }
  EXPECT_EQ(NameWorkload(Report({{"app", ".."}}), false).service, "_");
  EXPECT_LE(NameWorkload(Report({{"app", std::string(4000, 'a')}}), false).service.size(), kMaxNameBytes);
}

TEST(SecurityLabelsTest, ReplicasDoNotDiffer) {
  const Labels shared = {{"app", "web"}, {"com.docker.compose.project", "shop"}};
  Labels replica = shared;
  replica["com.docker.compose.container-number"] = "2";
  replica["com.docker.compose.config-hash"] = "00";
  replica["pod-template-hash"] = "x";
  replica["statefulset.kubernetes.io/pod-name"] = "web-2";
  EXPECT_EQ(SecurityLabels(replica), shared);
}

TEST(InternerTest, EqualIdentitiesShareANumberAndOthersDoNot) {
  IdentityInterner interner;
  const IdentityId first = interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1");
  EXPECT_EQ(first, kFirstIdentity);
  EXPECT_EQ(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1"), first);
  std::set<IdentityId> ids = {first};
  ids.insert(interner.Intern("shop2", "web", {{"a", "b"}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web2", {{"a", "b"}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web", {{"a", "c"}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web", {{"ab", ""}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web", {{"", "ab"}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:2"));
  ids.insert(interner.Intern("shopw", "eb", {{"a", "b"}}, "sha256:1"));
  ids.insert(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1", {{"http", kProtoTcp, 80}}));
  ids.insert(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1", {{"http", kProtoUdp, 80}}));
  ids.insert(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1", {{"http", kProtoTcp, 81}}));
  ids.insert(interner.Intern("shop", "web", {{"a", "b"}}, "sha256:1", {{"http", kProtoTcp, 80}, {"x", kProtoTcp, 80}}));
  EXPECT_EQ(ids.size(), 12u);
  EXPECT_EQ(interner.Find(first)->service, "web");
  EXPECT_EQ(interner.Find(9999), nullptr);
}

TEST(InternerTest, ReservedNumbersAreNobodys) {
  IdentityInterner interner;
  const IdentityId web = interner.Intern("shop", "web", {}, "");
  interner.Reserve(web + 5);
  EXPECT_EQ(interner.Intern("shop", "db", {}, ""), web + 6);
  EXPECT_EQ(interner.Intern("shop", "web", {}, ""), web);
  interner.Reserve(web);  // long given out
  EXPECT_EQ(interner.Intern("shop", "api", {}, ""), web + 7);
}

TEST(InternerTest, GoesOnWhereTheStoreEnded) {
  IdentityInterner before;
  before.Intern("shop", "web", {{"a", "b"}}, "");
  before.Intern("shop", "db", {}, "", {{"sql", kProtoTcp, 5432}});
  const std::vector<Identity> stored = before.TakeNew();
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_TRUE(before.TakeNew().empty());
  IdentityInterner after(stored);
  EXPECT_EQ(after.Intern("shop", "db", {}, "", {{"sql", kProtoTcp, 5432}}), stored[1].id);
  EXPECT_EQ(after.Intern("shop", "new", {}, ""), stored[1].id + 1);
  EXPECT_EQ(after.TakeNew().size(), 1u);
}

}  // namespace
}  // namespace bulkhead
