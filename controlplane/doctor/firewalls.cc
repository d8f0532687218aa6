// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/firewalls.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave the same names alone
#include <linux/netfilter.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/fast_path/read.h"
#include "nlohmann/json.hpp"

namespace bulkhead::doctor {
namespace {

constexpr char kDockerConfig[] = "/etc/docker/daemon.json";
constexpr std::streamsize kMostConfig = 1 << 20;

bool ReadsOne(const char* path) {
  std::ifstream file(path);
  int value = 0;
  return file >> value && value == 1;
}

// Runs where its run-time folder or pid file is.
std::vector<std::string> FirewallServices() {
  std::vector<std::string> out;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator("/proc", error); !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    std::ifstream name(at->path() / "comm");
    if (std::string text; std::getline(name, text) && text == "firewalld") out.push_back(text);
  }
  std::ifstream ufw("/etc/ufw/ufw.conf");
  for (std::string line; std::getline(ufw, line);) {
    if (line == "ENABLED=yes") out.push_back("ufw");
  }
  return out;
}

std::vector<std::string> OtherNetworks() {
  std::vector<std::string> out;
  std::error_code error;
  const std::pair<const char*, const char*> known[] = {
      {"cilium_host", "Cilium"}, {"cali0", "Calico"}, {"tunl0-cali", "Calico"}, {"flannel.1", "Flannel"}, {"weave", "Weave Net"}, {"kube-bridge", "kube-router"}};
  std::set<std::string> found;
  for (auto at = std::filesystem::directory_iterator("/sys/class/net", error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    for (const auto& [interface, network] : known) {
      if (name == interface) found.insert(network);
    }
    if (name.starts_with("cali")) found.insert("Calico");
    if (name.starts_with("lxc") && std::filesystem::exists("/sys/fs/bpf/tc/globals/cilium_ipcache")) found.insert("Cilium");
  }
  return {found.begin(), found.end()};
}

bool DockerWritesRules() {
  std::ifstream file(kDockerConfig);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.empty() || static_cast<std::streamsize>(text.size()) > kMostConfig) return true;
  const nlohmann::json config = nlohmann::json::parse(text, nullptr, false, true);
  if (!config.is_object()) return true;
  const auto setting = config.find("iptables");
  return setting == config.end() || !setting->is_boolean() || setting->get<bool>();
}

// That packets between containers meet: a filter at the forward hook of ip or inet.
bool Forwards(const fast_path::Chain& chain) {
  return chain.base && chain.hook == NF_INET_FORWARD && (chain.family == "ip" || chain.family == "ip6" || chain.family == "inet") &&
         chain.table != "bulkhead";
}

bool HasDockerUser(const fast_path::Facts& facts, bool* drops) {
  for (const fast_path::Chain& chain : facts.chains) {
    if (chain.name != "DOCKER-USER") continue;
    *drops = *drops || std::any_of(chain.rules.begin(), chain.rules.end(),
                                   [](const fast_path::Rule& rule) { return rule.verdict == fast_path::Rule::Verdict::kDrop; });
    return true;
  }
  return false;
}

void CheckForward(const FirewallFacts& facts, Findings* findings) {
  const fast_path::Facts& rules = *facts.rules;
  bool user_drops = false;
  const bool docker = HasDockerUser(rules, &user_drops);
  const bool bridged = std::any_of(rules.bridges.begin(), rules.bridges.end(), [](const auto& bridge) { return bridge.second.calls_ip_hooks; });
  std::vector<std::string> dropping;
  for (const fast_path::Chain& chain : rules.chains) {
    if (Forwards(chain) && chain.drops) dropping.push_back(absl::StrCat(chain.family, " ", chain.table, " ", chain.name));
  }
  if (!dropping.empty() && !docker) {
    findings->Warn("forwarding", absl::StrCat("dropped by default in ", absl::StrJoin(dropping, ", "), bridged ? ", bridged packets included (br_netfilter)" : ""),
                   "what policy allows may still be dropped there: accept the container networks, or let the engine write its rules");
  } else if (!facts.forwarding) {
    findings->Warn("forwarding", "net.ipv4.ip_forward is 0", "containers reach nothing outside: sysctl -w net.ipv4.ip_forward=1");
  } else {
    findings->Ok("forwarding", docker ? "the engine's rules are in place" : "nothing drops it by default");
  }
  if (user_drops) {
    findings->Warn("DOCKER-USER", "has rules that drop", "they hold beside policy: bulkhead explain does not know of them");
  }
  if (!rules.unreadable.empty()) {
    findings->Warn("iptables-legacy", absl::StrCat(absl::StrJoin(rules.unreadable, ", "), " cannot be read"),
                   "look with iptables-legacy-save; the fast path stays off while they are there");
  }
}

}  // namespace

FirewallFacts ReadFirewalls() {
  FirewallFacts facts;
  facts.rules = fast_path::ReadFacts({});
  facts.networks = OtherNetworks();
  facts.services = FirewallServices();
  facts.forwarding = ReadsOne("/proc/sys/net/ipv4/ip_forward");
  facts.docker_rules = DockerWritesRules();
  return facts;
}

void CheckFirewalls(const FirewallFacts& facts, Findings* findings) {
  if (!facts.networks.empty()) {
    findings->Warn("other networks", absl::StrJoin(facts.networks, ", "), "their workloads are not protected: nothing is attached where another network's programs are");
  } else {
    findings->Ok("other networks", "none found");
  }
  if (!facts.services.empty()) {
    findings->Warn("firewall services", absl::StrCat(absl::StrJoin(facts.services, ", "), " runs"),
                   "its rules hold beside policy; a reload that flushes all rules takes the guard away for a moment");
  }
  if (!facts.docker_rules) {
    findings->Warn("engine rules", absl::StrCat(kDockerConfig, " says \"iptables\": false"),
                   "published ports and masquerading are then yours to set up; policy holds all the same");
  }
  if (facts.rules.ok()) {
    CheckForward(facts, findings);
  } else {
    findings->Warn("forwarding", absl::StrCat("rules cannot be read: ", std::string(facts.rules.status().message())), "run as root");
  }
}

}  // namespace bulkhead::doctor
