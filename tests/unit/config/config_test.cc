// SPDX-License-Identifier: Apache-2.0
#include "controlplane/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/config/modes_file.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "b.yaml");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ConfigTest, DefaultsWithoutAFile) {
  const auto config = LoadConfig("/nonexistent/bulkhead.yaml", false);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->policy_dir, "/etc/bulkhead/policies.d");
  EXPECT_EQ(config->state_dir, "/var/lib/bulkhead");
  EXPECT_EQ(config->api_socket, "/run/bulkhead/api.sock");
  EXPECT_EQ(config->attach, "clsact");
  EXPECT_TRUE(config->fast_path);
  EXPECT_EQ(config->default_mode, Mode::kLearn);
  EXPECT_TRUE(config->default_allow && config->allow_from_host && config->dataplane.proxy_is_world);
  EXPECT_FALSE(config->trust_image_labels);
  EXPECT_EQ(config->docker_sockets, std::nullopt);
  EXPECT_EQ(config->workloads_dir, std::nullopt);
  EXPECT_FALSE(LoadConfig("/nonexistent/bulkhead.yaml", true).ok());
  EXPECT_TRUE(ParseConfig("", "b.yaml").ok());
}

TEST(ConfigTest, Everything) {
  const auto config = ParseConfig(R"(
sources: {docker: [/a.sock, /b.sock], static: /w}
policy_dir: /p
state_dir: /s
api_socket: /a/api.sock
api_group: wheel
read_group: ops-read
seccomp: false
pin_root: /sys/fs/bpf/x
attach: tcx
workload_hook: xdp
uplinks: [eth0, bond0.7]
uplink_hook: generic
fast_path: off
default_mode: enforce
default_verdict: deny
allow_from_host: false
proxy_is_world: false
trust_image_labels: true
flow_table_entries: 4096
flow_quota: 4
events_per_second: 7
midstream_per_second: 9
dns_answers_per_second: 0
self_check_per_second: 5
metrics_address: "[::1]:9477"
timeouts: {tcp: {established: 60}, other: {unanswered: 1}}
new_image: learn
new_image_grace: 90m
resolvers: [198.18.0.53, "fd00::53"]
node_labels: {rack: a1, example.com/zone: "3", empty: ""}
log_level: debug
)",
                                  "b.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(*config->docker_sockets, ElementsAre("/a.sock", "/b.sock"));
  EXPECT_EQ(config->workloads_dir, "/w");
  EXPECT_EQ(config->api_group, "wheel");
  EXPECT_EQ(config->read_group, "ops-read");
  EXPECT_FALSE(config->seccomp);
  EXPECT_EQ(config->pin_root, "/sys/fs/bpf/x");
  EXPECT_EQ(config->attach, "tcx");
  EXPECT_TRUE(config->workload_xdp);
  EXPECT_THAT(*config->uplinks, ElementsAre("eth0", "bond0.7"));
  EXPECT_EQ(config->uplink_hook, UplinkHook::kGeneric);
  EXPECT_FALSE(config->fast_path);
  EXPECT_EQ(config->default_mode, Mode::kEnforce);
  EXPECT_FALSE(config->default_allow || config->allow_from_host || config->dataplane.proxy_is_world);
  EXPECT_TRUE(config->trust_image_labels);
  EXPECT_EQ(config->flow_table_entries, 4096u);
  EXPECT_EQ(config->dataplane.flow_quota_divisor, 4u);
  EXPECT_EQ(config->dataplane.events_per_second, 7u);
  EXPECT_EQ(config->dataplane.midstream_per_second, 9u);
  EXPECT_EQ(config->dataplane.dns_answers_per_second, 0u);
  EXPECT_EQ(config->self_check_per_second, 5u);
  EXPECT_EQ(config->metrics_address, "[::1]:9477");
  EXPECT_EQ(config->dataplane.timeouts.tcp[1], 60u);
  EXPECT_EQ(config->dataplane.timeouts.tcp[0], FlowTimeouts().tcp[0]);
  EXPECT_EQ(config->dataplane.timeouts.other[0], 1u);
  EXPECT_EQ(config->node_labels, (Labels{{"rack", "a1"}, {"example.com/zone", "3"}, {"empty", ""}}));
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->new_image, NewImage::kLearn);
  EXPECT_EQ(config->new_image_grace, 5400u);
  ASSERT_EQ(config->resolvers.size(), 2u);
  EXPECT_EQ(config->resolvers[1].ToString(), "fd00::53");
}

TEST(ConfigTest, SocketAddresses) {
  const auto v4 = ParseSocketAddress("127.0.0.1:9477"), v6 = ParseSocketAddress("[::1]:80");
  ASSERT_TRUE(v4 && v6);
  EXPECT_EQ(v4->address.ToString(), "127.0.0.1");
  EXPECT_EQ(v4->port, 9477);
  EXPECT_EQ(v6->address.ToString(), "::1");
  for (const char* wrong : {"", "9477", ":9477", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80x", "::1:80",
                            "[127.0.0.1]:80", "[]:80", "localhost:80", "127.0.0.1:-1"}) {
    EXPECT_FALSE(ParseSocketAddress(wrong).has_value()) << wrong;
  }
}

TEST(ConfigTest, NoSources) {
  const auto config = ParseConfig("sources: {docker: [], static: none}", "b.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->docker_sockets.has_value() && config->docker_sockets->empty());
  EXPECT_EQ(config->workloads_dir, "");
}

TEST(ConfigTest, Uplinks) {
  for (const char* text : {"", "uplinks: auto\n"}) {
    const auto config = ParseConfig(text, "b.yaml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_FALSE(config->uplinks.has_value()) << "found by themselves";
    EXPECT_EQ(config->uplink_hook, UplinkHook::kXdp);
    EXPECT_FALSE(config->workload_xdp);
  }
  EXPECT_TRUE(ParseConfig("uplinks: []\n", "b.yaml")->uplinks->empty());
  EXPECT_EQ(ParseConfig("uplink_hook: none\n", "b.yaml")->uplink_hook, UplinkHook::kNone);
  EXPECT_THAT(ErrorOf("uplinks: eth0\n"), HasSubstr("b.yaml:1:10: uplinks: found the string \"eth0\", expected auto or a list"));
  EXPECT_THAT(ErrorOf("uplinks: [eth0, a/b]\n"), HasSubstr("b.yaml:1:17: uplinks: found the string \"a/b\", expected the name of"));
  EXPECT_THAT(ErrorOf("uplinks: [a-name-that-is-too-long]\n"), HasSubstr("expected the name of an interface"));
  EXPECT_THAT(ErrorOf("uplink_hook: native\n"), HasSubstr("expected xdp, generic or none"));
  EXPECT_THAT(ErrorOf("workload_hook: native\n"), HasSubstr("expected tc or xdp"));
}

TEST(ConfigTest, ErrorsSayWhereAndWhat) {
  EXPECT_THAT(ErrorOf("atach: tcx\n"), HasSubstr("b.yaml:1:1: unknown field \"atach\" (did you mean attach?)"));
  EXPECT_THAT(ErrorOf("fast_path: on\n"), HasSubstr("b.yaml:1:12: fast_path: found \"on\", expected auto or off"));
  EXPECT_THAT(ErrorOf("new_image: audit\n"), HasSubstr("expected review, learn or enforce"));
  for (const char* grace : {"0s", "31d", "24", "h", "1w", "-1h", "999999999999999999999d"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("new_image_grace: ", grace, "\n")), HasSubstr("at most 30d")) << grace;
  }
  EXPECT_THAT(ErrorOf("resolvers: [dns.example]\n"), HasSubstr("b.yaml:1:13: resolvers: found the string \"dns.example\", expected an IP"));
  EXPECT_THAT(ErrorOf("attach: xdp\n"), HasSubstr("b.yaml:1:9: attach: found \"xdp\", expected clsact or tcx"));
  EXPECT_THAT(ErrorOf("policy_dir: relative\n"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(ErrorOf("policy_dir: \"/a\\0b\"\n"), HasSubstr("found \"/a\\x00b\", expected an absolute path"));
  EXPECT_THAT(ErrorOf("attach: \"\\e[2J\"\n"), HasSubstr("found \"\\x1b[2J\", expected clsact"));
  EXPECT_THAT(ErrorOf("sources: {docker: [/0,/1,/2,/3,/4,/5,/6,/7,/8,/9,/a,/b,/c,/d,/e,/f,/g]}\n"), HasSubstr("of at most 16"));
  EXPECT_THAT(ErrorOf("default_mode: off\n"), HasSubstr("expected learn, audit or enforce"));
  EXPECT_THAT(ErrorOf("default_verdict: [deny]\n"), HasSubstr("expected allow or deny"));
  EXPECT_THAT(ErrorOf("flow_table_entries: -1\n"), HasSubstr("from 0"));
  EXPECT_THAT(ErrorOf("flow_quota: 0\n"), HasSubstr("from 1"));
  EXPECT_THAT(ErrorOf("midstream_per_second: 1000001\n"), HasSubstr("a whole number from 0 to 1000000"));
  EXPECT_THAT(ErrorOf("allow_from_host: maybe\n"), HasSubstr("expected true or false"));
  EXPECT_THAT(ErrorOf("timeouts: {tcp: {established: -1}}\n"), HasSubstr("b.yaml:1:31"));
  EXPECT_THAT(ErrorOf("timeouts: {sctp: {}}\n"), HasSubstr("unknown field \"sctp\""));
  EXPECT_THAT(ErrorOf("sources: {docker: docker.sock}\n"), HasSubstr("expected a list"));
  EXPECT_THAT(ErrorOf("sources: {docker: [tcp]}\n"), HasSubstr("absolute path of a socket"));
  EXPECT_THAT(ErrorOf("attach: tcx\n---\nattach: tcx\n"), HasSubstr("second document"));
  EXPECT_THAT(ErrorOf("- a\n"), HasSubstr("expected a map"));
  EXPECT_THAT(ErrorOf("a: b: c\n"), HasSubstr("b.yaml:1:"));
  EXPECT_THAT(ErrorOf("node_labels: {-rack: a}\n"),
              HasSubstr("b.yaml:1:15: node_labels: found the string \"-rack\", expected letters"));
  EXPECT_THAT(ErrorOf("node_labels: {rack: a b}\n"),
              HasSubstr("b.yaml:1:21: node_labels: found the string \"a b\", expected letters"));
  EXPECT_THAT(ErrorOf("node_labels: {rack: 3}\n"), HasSubstr("expected a string (write it in quotes)"));
  EXPECT_THAT(ErrorOf("node_labels: [rack]\n"), HasSubstr("expected a map"));
}

TEST(ConfigTest, AllMistakesAtOnce) {
  const std::string errors = ErrorOf("attach: x\nlog_level: y\nnope: 1\n");
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 2);
}

TEST(ModesFileTest, WhatIsWrittenIsReadAgain) {
  ModesFile modes;
  modes.global = Mode::kAudit;
  modes.namespaces = {{"shop", Mode::kLearn}, {"1.5", Mode::kEnforce}, {"no", Mode::kAudit}};
  modes.services = {{{"shop", "db"}, Mode::kEnforce}, {{"shop", "\"q\\"}, Mode::kLearn}, {{"shop", "\n\x1b"}, Mode::kLearn}};
  const auto again = ParseModesFile(FormatModesFile(modes), "modes.yaml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, modes);
  const auto empty = ParseModesFile(FormatModesFile({}), "modes.yaml");
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(*empty, ModesFile());
}

TEST(ModesFileTest, TheNearestCounts) {
  const auto file = ParseModesFile("namespaces: {shop: audit}\nservices: {shop/db: enforce}\n", "m");
  ASSERT_TRUE(file.ok()) << file.status();
  const Modes modes = file->Over(Mode::kLearn);
  EXPECT_EQ(modes.Of("shop", "db"), Mode::kEnforce);
  EXPECT_EQ(modes.Of("shop", "web"), Mode::kAudit);
  EXPECT_EQ(modes.Of("other", "db"), Mode::kLearn);
  EXPECT_EQ(file->Over(Mode::kEnforce).Of("other", "db"), Mode::kEnforce);
}

TEST(ModesFileTest, Errors) {
  const auto error = [](const std::string& text) { return std::string(ParseModesFile(text, "m").status().message()); };
  EXPECT_THAT(error("global: off\n"), HasSubstr("m:1:9: global: found \"off\""));
  EXPECT_THAT(error("services: {db: enforce}\n"), HasSubstr("m:1:12: services: found \"db\", expected NAMESPACE/SERVICE"));
  EXPECT_THAT(error("services: {\"\\e\": enforce}\n"), HasSubstr("services: found \"\\x1b\", expected NAMESPACE/SERVICE"));
  EXPECT_THAT(error("services: {/db: enforce}\n"), HasSubstr("expected NAMESPACE/SERVICE"));
  EXPECT_THAT(error("namespaces: [shop]\n"), HasSubstr("expected a map of modes"));
  EXPECT_THAT(error("name: {}\n"), HasSubstr("unknown field"));
  EXPECT_THAT(error("namespaces: {shop: [audit]}\n"), HasSubstr("expected learn, audit or enforce"));
  EXPECT_TRUE(LoadModesFile("/nonexistent/modes.yaml").ok());
}

TEST(ConfigTest, Guard) {
  EXPECT_EQ(ParseConfig("", "b.yaml")->on_unmanaged, OnUnmanaged::kByMode);
  EXPECT_EQ(ParseConfig("on_unmanaged: drop\n", "b.yaml")->on_unmanaged, OnUnmanaged::kDrop);
  EXPECT_EQ(ParseConfig("on_unmanaged: pass\n", "b.yaml")->on_unmanaged, OnUnmanaged::kPass);
  EXPECT_THAT(ErrorOf("on_unmanaged: maybe\n"), HasSubstr("expected drop or pass"));
  EXPECT_THAT(ParseConfig("guard: {exempt: [tap0, \"vnet*\"]}\n", "b.yaml")->guard_exempt, ElementsAre("tap0", "vnet*"));
  for (const char* wrong : {"a/b", "\"*\"", "a-name-that-is-too-long", "[x]"}) {
    EXPECT_THAT(ErrorOf("guard: {exempt: [" + std::string(wrong) + "]}\n"), HasSubstr("guard.exempt: found")) << wrong;
  }
  EXPECT_THAT(ErrorOf("guard: {exemt: []}\n"), HasSubstr("exempt"));
}

}  // namespace
}  // namespace bulkhead
