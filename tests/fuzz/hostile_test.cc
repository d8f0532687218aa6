// SPDX-License-Identifier: Apache-2.0
// A megabyte of policy that is written to cost time or memory. Each is read in a process of its own, so that what it took is known.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr double kMaxSeconds = 20;  // of processor time
constexpr long kMaxMegabytes = 2000;
#else
constexpr double kMaxSeconds = 2;
constexpr long kMaxMegabytes = 200;
#endif
constexpr size_t kSize = 1 << 20;

constexpr char kNetworkPolicy[] = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n";
constexpr char kClusterNetworkPolicy[] =
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\nspec:\n"
    "  tier: Admin\n  priority: 1\n  subject: {namespaces: {}}\n";

// `start`, then what `part` gives for 0, 1, 2, ... up to a megabyte.
std::string Fill(std::string start, const std::function<std::string(int)>& part) {
  for (int i = 0; start.size() < kSize; ++i) start += part(i);
  return start;
}
std::string Fill(const std::string& start, const std::string& part) {
  return Fill(start, [&](int) { return part; });
}

long ResidentMegabytes() {
  long total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

// Whether there were errors, as exit code 1 or 0.
int ExitCode(const std::string& text) {
  std::vector<PolicyFile> files = {ParsePolicies(text, "f")};
  RefuseDuplicates(&files);
  return files[0].errors.empty() ? 0 : 1;
}

void ExpectBounded(const std::string& name, const std::string& text, int exit_code = 1) {
  SCOPED_TRACE(name);
  const long before = ResidentMegabytes();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit cpu{static_cast<rlim_t>(kMaxSeconds) + 1, static_cast<rlim_t>(kMaxSeconds) + 1};
    setrlimit(RLIMIT_CPU, &cpu);
    _exit(ExitCode(text));
  }
  int status = 0;
  rusage used{};
  ASSERT_EQ(wait4(child, &status, 0, &used), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), exit_code);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  EXPECT_LT(seconds(used.ru_utime) + seconds(used.ru_stime), kMaxSeconds);
  EXPECT_LT(used.ru_maxrss / 1024 - before, kMaxMegabytes);
}

TEST(HostilePolicyTest, SyntaxIsBounded) {
  for (const char* part :
       {"[", "{",  "- ",       "? ",      "&a ",    "*a ",         "&a [*a, ",   "a: ", "a:\n",       "'",   "\"",
        "x", "\n", "--- {}\n", "--- a\n", "a: b\n", "k: [1, 2]\n", "? a\n: b\n", "!a ", "%TAG ! a\n", "<<: "}) {
    if (std::string_view(part) != "\n") ExpectBounded(absl::StrCat("many ", part), Fill("", part));  // an empty file is no error
    ExpectBounded(absl::StrCat("a list of many ", part), Fill("[", part));
  }
  ExpectBounded("100,000 tiny documents", Fill("", "---\na: b\n"));
  ExpectBounded("keys", Fill("", [](int i) { return absl::StrCat("k", i, ": v\n"); }));
  ExpectBounded("a long key", Fill("", "x") + ": y\n");
}

TEST(HostilePolicyTest, ObjectsAreBounded) {
  const std::string list = "apiVersion: v1\nkind: List\nitems:\n", long_text = Fill("", "x");
  ExpectBounded("items that are nothing", Fill(list, "- {}\n"));
  ExpectBounded("empty lists", Fill(list, "- {apiVersion: v1, kind: List, items: []}\n"), 0);
  ExpectBounded("a long kind", "apiVersion: v1\nkind: " + long_text + "\n");
  ExpectBounded("a list of a long kind", "apiVersion: v1\nkind: " + long_text + "List\nitems: [{}]\n");
  ExpectBounded("policies of one name", Fill("", absl::StrCat("---\n", kClusterNetworkPolicy)));
  ExpectBounded("policies",
                Fill("",
                     [](int i) {
                       return absl::StrCat("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p", i,
                                           "}\n");
                     }),
                0);
}

TEST(HostilePolicyTest, FieldsAreBounded) {
  const std::string np = kNetworkPolicy, cnp = kClusterNetworkPolicy;
  ExpectBounded("unknown fields", Fill(np, [](int i) { return absl::StrCat("  podSelectos", i, ": {}\n"); }));
  ExpectBounded("labels",
                Fill(np + "  podSelector:\n    matchLabels:\n", [](int i) { return absl::StrCat("      k", i, ": v\n"); }), 0);
  ExpectBounded("peers", Fill(np + "  ingress:\n  - from:\n", "    - {podSelector: {}}\n"), 0);
  ExpectBounded("bad peers", Fill(np + "  ingress:\n  - from:\n", "    - {}\n"));
  ExpectBounded("types", Fill(np + "  policyTypes:\n", "  - ingress\n"));
  ExpectBounded("rules", Fill(cnp + "  ingress:\n", "  - {action: Deny, from: [{namespaces: {}}]}\n"));
  const std::string to = cnp + "  egress:\n  - action: Accept\n    to:\n";
  ExpectBounded("tier peers", Fill(to, "    - {nodes: {}}\n"));
  ExpectBounded("networks", Fill(to + "    - networks:\n", [](int i) {
                  return absl::StrCat("      - ", i % 256, ".", i / 256 % 256, ".", i / 65536, ".0/24\n");
                }));
  ExpectBounded("names", Fill(to + "    - domainNames:\n", [](int i) { return absl::StrCat("      - a", i, ".b\n"); }));
  ExpectBounded("a long name", to + "    - domainNames: [" + Fill("", "a.") + "a]\n");
  ExpectBounded("a long rule's name", to + "    - nodes: {}\n    name: " + Fill("", "x") + "\n");
}

}  // namespace
}  // namespace bulkhead
