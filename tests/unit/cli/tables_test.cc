// SPDX-License-Identifier: Apache-2.0
// What each verb that shows something prints, to the letter.
#include <atomic>
#include <chrono>
#include <thread>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using bulkhead::testing::kApi;
using bulkhead::testing::kDb;
using bulkhead::testing::kDbIngress0;
using bulkhead::testing::kDbIsolated;
using bulkhead::testing::kWeb;
using bulkhead::testing::MakeShopEdge;
using bulkhead::testing::MakeShopEvent;
using bulkhead::testing::MakeShopFlow;
using bulkhead::testing::MakeShopView;
using ::testing::HasSubstr;
using ::testing::Not;

class TablesTest : public ProgramTest {
 protected:
  nlohmann::json Json(const std::string& arguments, int exit_code = 0) {
    const Outcome outcome = Run(arguments + " -o json");
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    nlohmann::json json = nlohmann::json::parse(outcome.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << outcome.out;
    return json;
  }
};

TEST_F(TablesTest, Services) {
  service_.edges = {MakeShopEdge("web", Verdict::kDeny, 0, 0, 12), MakeShopEdge("api", Verdict::kAllow, 7, 7, 0)};
  Start();
  const Outcome outcome = Run("services");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "NAMESPACE  SERVICE  MODE     PROTECTED  INGRESS   EGRESS  POLICIES  DENIED/1h  IMAGE\n"
            "shop       api      learn    1/1        open      open    0         0          9f1c\n"
            "shop       db       enforce  3/3        isolated  open    1         12         9f1c\n"
            "shop       web      learn    1/1        open      open    0         12         9f1c\n");
  const nlohmann::json json = Json("services -n shop");
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[1]["policies"][0], "shop/db");
  EXPECT_EQ(json[1]["denied_1h"], 12);
  EXPECT_EQ(Run("services -n none").out, "NAMESPACE  SERVICE  MODE  PROTECTED  INGRESS  EGRESS  POLICIES  DENIED/1h  IMAGE\n");
  EXPECT_EQ(Json("services -n none"), nlohmann::json::array());
}

TEST_F(TablesTest, Flows) {
  service_.AddFlow(MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 200'500, 150'000));
  Start();
  EXPECT_EQ(Run("flows").out,
            "FROM      TO       PORT      VERDICT     STATE  PKTS(>/<)  BYTES(>/<)  AGE  IDLE  RULE\n"
            "shop/api  shop/db  5432/tcp  allow       est    120/118    14K/1.1M    3m   2m    db ingress[0]\n");
  EXPECT_THAT(Run("flows -o wide").out, HasSubstr("shop/api(api-1) 198.18.0.18:40000  shop/db(db-1) 198.18.0.17:5432"));
  const nlohmann::json json = Json("flows shop/db --since 10m");
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["from_workload"], "shop/api-1");
  EXPECT_EQ(json[0]["bytes_back"], 1153434);
  EXPECT_EQ(json[0]["ingress_rule"], "shop/db ingress[0]");
  EXPECT_TRUE(Json("flows --since 1m").empty());
  EXPECT_TRUE(Json("flows -n other").empty());
  EXPECT_TRUE(Json("flows shop/web").empty());
  EXPECT_TRUE(Json("flows --verdict deny").empty());
}

TEST_F(TablesTest, FlowsFromOutsideShowTheirAddress) {
  FlowRecord flow = MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 1000, 1000);
  flow.source = *IpAddress::Parse("203.0.113.9");
  flow.source_slot = 0;
  flow.source_identity = kIdentityWorld;
  service_.AddFlow(flow);
  Start();
  EXPECT_THAT(Run("flows -n shop").out, HasSubstr("world 203.0.113.9  shop/db  5432/tcp"));
  EXPECT_THAT(Run("flows -o wide").out, HasSubstr("world 203.0.113.9:40000"));
}

TEST_F(TablesTest, LastFlowsAreTheNewestOldestFirst) {
  for (uint64_t idle = 1; idle <= 30; ++idle) {
    FlowRecord flow = MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 100'000, idle * 1000);
    flow.source_port = static_cast<uint16_t>(idle);
    service_.AddFlow(flow);
  }
  Start();
  const nlohmann::json json = Json("flows --last 3");
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["from_port"], 3);
  EXPECT_EQ(json[2]["from_port"], 1);
}

TEST_F(TablesTest, DeniedFlowsComeFromEdgesAndEvents) {
  service_.edges = {MakeShopEdge("web", Verdict::kDeny, 0, 0, 14), MakeShopEdge("api", Verdict::kAllow, 7, 7, 0)};
  service_.AddEvent(MakeShopEvent(kWeb, BH_DENY, BH_REASON_POLICY));
  service_.AddEvent(MakeShopEvent(kApi, BH_DENY, BH_REASON_SPOOFED_IP));
  service_.AddEvent(MakeShopEvent(kApi, BH_WOULD_DENY, BH_REASON_POLICY));
  Start();
  EXPECT_EQ(Run("flows -n shop --verdict deny").out,
            "FROM      TO       PORT      VERDICT     STATE  PKTS(>/<)  BYTES(>/<)  AGE  IDLE  RULE\n"
            "shop/api  shop/db  5432/tcp  deny        event  1/-        74B/-       5m   5m    spoofed-ip\n"
            "shop/web  shop/db  5432/tcp  deny        edge   14/-       -           10m  1m    db ingress isolated\n");
  const nlohmann::json json = Json("flows --verdict deny");
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["source"], "edge");
  EXPECT_EQ(json[1]["source"], "event");
  EXPECT_EQ(json[1]["reason"], "spoofed-ip");
}

TEST_F(TablesTest, WouldDeniedFlowsAreShownOnce) {
  service_.AddFlow(MakeShopFlow(kWeb, Verdict::kWouldDeny, kDbIsolated, 200'500, 150'000));
  service_.edges = {MakeShopEdge("web", Verdict::kWouldDeny, 3, 3, 0), MakeShopEdge("api", Verdict::kWouldDeny, 2, 0, 0)};
  Start();
  const nlohmann::json json = Json("flows -n shop --verdict would-deny --since 1h");
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["source"], "flow");
  EXPECT_EQ(json[0]["rule"], "db ingress isolated");
  EXPECT_EQ(json[1]["source"], "edge");
  EXPECT_EQ(json[1]["from"], "shop/api");
}

TEST_F(TablesTest, Drops) {
  service_.AddEvent(MakeShopEvent(kWeb, BH_DENY, BH_REASON_POLICY));
  service_.AddEvent(MakeShopEvent(kApi, BH_DENY, BH_REASON_SPOOFED_IP));
  Start();
  EXPECT_EQ(Run("drops").out,
            "REASON      DENIED  WOULD-DENY\n"
            "policy      14      3\n"
            "spoofed-ip  2       0\n"
            "\n"
            "AGE  FROM      TO       PORT      VERDICT     REASON      RULE\n"
            "5m   shop/web  shop/db  5432/tcp  deny        policy      db ingress isolated\n"
            "5m   shop/api  shop/db  5432/tcp  deny        spoofed-ip  -\n");
  const nlohmann::json json = Json("drops --reason policy");
  EXPECT_EQ(json["events"].size(), 1u);
  EXPECT_EQ(json["reasons"][0]["denied"], 14);
  EXPECT_EQ(json["totals"]["flows_created"], 1200);
  EXPECT_EQ(Run("drops --reason nonsense").exit_code, 2);
}

// Whatever the dataplane can refuse a packet for has a line with its counters, and a text of its own.
TEST_F(TablesTest, EveryReasonHasItsLine) {
  for (uint64_t reason = 1; reason < BH_REASON_COUNT; ++reason) {
    service_.counters[reason * 3 + BH_DENY] = 1000 + reason;
    service_.counters[reason * 3 + BH_WOULD_DENY] = 2000 + reason;
  }
  Start();
  EXPECT_EQ(Run("drops -o wide").out,
            "REASON                DENIED  WOULD-DENY  MEANING\n"
            "policy                1001    2001        a rule of policy, or isolation without a rule that allows\n"
            "spoofed-ip            1002    2002        the source address is not the sender's\n"
            "spoofed-mac           1003    2003        the source MAC address is not the sender's\n"
            "spoofed-arp           1004    2004        the sender of an ARP packet is not the sender's own address\n"
            "spoofed-nd            1005    2005        a neighbour discovery packet claims what is not the sender's\n"
            "wrong-port            1006    2006        the frame came to a workload that it is not for\n"
            "truncated             1007    2007        a header is cut, or lies about a length\n"
            "ethertype             1008    2008        neither IP nor ARP\n"
            "vlan                  1009    2009        a VLAN tag from or to a workload\n"
            "fragment              1010    2010        a first fragment without all headers, or of what is never fragmented\n"
            "extension-header      1011    2011        IPv6 extension headers: too many, or of an unknown kind\n"
            "icmp-orphan           1012    2012        an ICMP error or echo reply of no flow that is known and allowed\n"
            "icmp-type             1013    2013        ICMP that is neither echo nor an error\n"
            "router-advert         1014    2014        a router advertisement or redirect from a workload\n"
            "dhcp-server           1015    2015        a DHCP server's reply from a workload\n"
            "table-full            1016    2016        the flow table has no room\n"
            "no-endpoint           1017    2017        nobody has said whose interface it is\n"
            "internal              1018    2018        a table of the dataplane misses an entry\n"
            "stray-fragment        1019    2019        a fragment whose first one did not pass, or too long ago\n"
            "overlapping-fragment  1020    2020        a fragment that overlaps the first one\n"
            "blocked               1021    2021        the source is on the deny list of the uplinks\n"
            "\n"
            "AGE  FROM  TO  PORT  VERDICT     REASON  RULE  FROM-WORKLOAD  TO-WORKLOAD  HOOK  IFINDEX  LENGTH\n");
}

TEST_F(TablesTest, ExplainOfADenial) {
  service_.edges = {MakeShopEdge("web", Verdict::kDeny, 0, 0, 14)};
  Start();
  const Outcome outcome = Run("explain shop/web shop/db 5432/tcp");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(outcome.out,
            "deny  shop/web -> shop/db 5432/tcp   generation 41\n"
            "  egress   allow  no policy isolates\n"
            "  ingress  deny   db isolates; no rule matched   policies.d/db.yaml:1\n"
            "              ingress[0] from app=api  no: peer has app=web\n"
            "  mode     shop/db enforce -> dropped\n"
            "  to allow: add to db ingress[0].from: podSelector {app: web}\n"
            "  seen: 0 answered, 14 denied in 1h\n");
  for (const char* same : {"-n shop web db tcp/5432", "web db 5432", "web-1 db-2 5432/TCP", "198.18.0.16 shop/db-1 5432",
                           "web-1-0123 198.18.0.17 5432"}) {
    EXPECT_THAT(Run(std::string("explain ") + same).out, HasSubstr("deny  shop/web -> shop/db 5432/tcp")) << same;
  }
  const nlohmann::json json = Json("explain shop/web shop/db 5432/tcp", 1);
  EXPECT_EQ(json["ingress"]["considered"][0]["why"], "peer has app=web");
  EXPECT_EQ(json["ingress"]["position"], "policies.d/db.yaml:1:1");
  EXPECT_EQ(json["denied_1h"], 14);
}

TEST_F(TablesTest, ExplainOfWhatPasses) {
  Start();
  const Outcome outcome = Run("explain api db 5432");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("allow  shop/api -> shop/db 5432/tcp"));
  EXPECT_THAT(outcome.out, HasSubstr("ingress  allow  db ingress[0]"));
  EXPECT_THAT(outcome.out, HasSubstr("  to deny: remove db ingress[0]\n"));
  EXPECT_EQ(Run("explain api db 5433").exit_code, 1);
  EXPECT_EQ(Run("explain world db icmp").exit_code, 1);
  EXPECT_EQ(Run("explain 203.0.113.9 web 80").exit_code, 0);
  // Outside enforce a denial passes, and is called what it is.
  auto view = MakeShopView();
  view->modes.services[{"shop", "db"}] = Mode::kAudit;
  service_.SetView(view);
  const Outcome audit = Run("explain web db 5432");
  EXPECT_EQ(audit.exit_code, 0);
  EXPECT_THAT(audit.out, HasSubstr("would-deny  shop/web -> shop/db"));
  EXPECT_THAT(audit.out, HasSubstr("shop/db audit -> passes, reported"));
}

TEST_F(TablesTest, ExplainOfTiersAndOfPolicyInAudit) {
  auto view = MakeShopView();
  auto documents = std::make_shared<PolicyDocuments>(*view->documents);
  Policy guard;
  guard.kind = PolicyKind::kClusterNetworkPolicy;
  guard.tier = Tier::kAdmin;
  guard.priority = 7;
  guard.name = "guard";
  guard.audit = true;
  guard.pos = {"policies.d/guard.yaml", 1, 1};
  PolicyRule deny;
  deny.action = RuleAction::kDeny;
  deny.name = "nobody";
  deny.pos = {"policies.d/guard.yaml", 9, 5};
  deny.peers.emplace_back().namespace_selector.emplace();
  guard.ingress.push_back(deny);
  documents->policies.push_back(guard);
  view->documents = documents;
  service_.SetView(view);
  Start();
  const Outcome audit = Run("explain api db 5432");
  EXPECT_EQ(audit.exit_code, 0);
  EXPECT_EQ(audit.out,
            "would-deny  shop/api -> shop/db 5432/tcp   generation 41\n"
            "  egress   allow  no policy isolates\n"
            "  ingress  would-deny  cnp:guard ingress[0] \"nobody\" (Admin 7, audit)   policies.d/guard.yaml:9\n"
            "              Admin 7        cnp:guard ingress[0] \"nobody\" Deny from all in namespaces all  "
            "yes: namespace shop; would deny; audit\n"
            "              NetworkPolicy  ingress[0] from app=api                                        "
            "yes: peer has app=api; port is 5432/tcp; allows\n"
            "  mode     shop/db enforce -> passes, reported (policy in audit)\n"
            "  to allow: add before cnp:guard ingress[0] a rule action: Accept, from: pods namespaceSelector "
            "{kubernetes.io/metadata.name: shop} with podSelector {app: api}, protocols: {tcp: {destinationPort: {number: 5432}}}\n"
            "  seen: 0 answered, 0 denied in 1h\n"
            "  note: cnp:guard ingress[0] stands in the Admin tier: no NetworkPolicy can widen it\n");
  const nlohmann::json json = Json("explain api db 5432");
  EXPECT_EQ(json["verdict"], "would-deny");
  EXPECT_EQ(json["ingress"]["verdict"], "would-deny");
  EXPECT_EQ(json["ingress"]["tier"], "Admin");
  EXPECT_EQ(json["ingress"]["priority"], 7);
  EXPECT_EQ(json["ingress"]["rule_name"], "nobody");
  EXPECT_EQ(json["ingress"]["audit"], true);
  EXPECT_EQ(json["ingress"]["considered"][0]["action"], "Deny");
  // What another policy denies in force is dropped.
  const Outcome denied = Run("explain web db 5432");
  EXPECT_EQ(denied.exit_code, 1);
  EXPECT_THAT(denied.out, HasSubstr("  ingress  deny   db isolates; no rule matched"));
  EXPECT_THAT(denied.out, HasSubstr("  mode     shop/db enforce -> dropped\n"));
}

TEST_F(TablesTest, ExplainKnowsThePortNamesOfLiveWorkloads) {
  auto view = MakeShopView();
  auto documents = std::make_shared<PolicyDocuments>(*view->documents);
  documents->policies[0].ingress[0].ports = {{kProtoTcp, 0, 0, "postgres", {}}};
  view->documents = documents;
  service_.SetView(view);
  Start();
  EXPECT_EQ(Run("explain api db 5432").exit_code, 1);
  view = std::make_shared<View>(*view);
  for (auto& [id, identity] : view->identities) {
    if (identity.service == "db") identity.named_ports = {{"postgres", kProtoTcp, 5432}};
  }
  service_.SetView(view);
  EXPECT_EQ(Run("explain api db 5432").exit_code, 0);
  EXPECT_EQ(Run("explain api db 5433").exit_code, 1);
}

TEST_F(TablesTest, ExplainRefusesWhatItDoesNotKnow) {
  auto view = MakeShopView();
  Workload twin = view->workloads.begin()->second;
  twin.id = "zzzz";
  twin.ns = "other";
  view->workloads["docker/zzzz"] = twin;
  service_.SetView(view);
  Start();
  const Outcome unknown = Run("explain nobody db 5432");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("no service, workload or address \"nobody\""));
  const Outcome ambiguous = Run("explain api db 5432");
  EXPECT_EQ(ambiguous.exit_code, 2);
  EXPECT_THAT(ambiguous.err, HasSubstr("\"api\" could be other/api, shop/api"));
  EXPECT_EQ(Run("explain web db 0/tcp").exit_code, 2);
  EXPECT_EQ(Run("explain web db 5432/foo").exit_code, 2);
  EXPECT_EQ(Run("explain web db").exit_code, 2);
}

TEST_F(TablesTest, Workloads) {
  Start();
  auto view = MakeShopView();
  view->workloads.begin()->second.named_ports = {{"http", kProtoTcp, 8080}, {"sip", kProtoUdp, 5060}};
  service_.SetView(view);
  const Outcome outcome = Run("workloads");
  EXPECT_THAT(outcome.out, HasSubstr("NAMESPACE  NAME   SERVICE  MODE     RUNTIME  ID            ADDRESSES    STATE\n"));
  EXPECT_THAT(outcome.out, HasSubstr("shop       db-1   db       enforce  docker   db-1-0123456  198.18.0.17  protected\n"));
  EXPECT_THAT(Run("workloads -o wide").out, HasSubstr("app=db"));
  EXPECT_THAT(Run("workloads -o wide").out, HasSubstr("PUBLISHED  PORTS"));
  EXPECT_THAT(Run("workloads -o wide").out, HasSubstr("http=8080/tcp,sip=5060/udp"));
  const nlohmann::json json = Json("workloads");
  ASSERT_EQ(json.size(), 5u);
  EXPECT_EQ(json[0]["ports"], nlohmann::json({"http=8080/tcp", "sip=5060/udp"}));
  EXPECT_EQ(json[1]["ports"], nlohmann::json::array());
  EXPECT_EQ(json[0]["name"], "api-1");
}

TEST_F(TablesTest, StatusFailsWhenAnEnforcingServiceIsUnprotected) {
  Start();
  const Outcome good = Run("status");
  EXPECT_EQ(good.exit_code, 0) << good.out;
  EXPECT_THAT(good.out, HasSubstr("policy      generation 41, 1 policy\n"));
  EXPECT_THAT(good.out, HasSubstr("mode        learn (global); services: 1 enforce, 2 learn\n"));
  EXPECT_THAT(good.out, HasSubstr("workloads   5, protected 5/5\n"));

  auto view = MakeShopView();
  view->workloads.at("docker/web-1-0123456789abcdef").unprotected = "macvlan";
  service_.SetView(view);
  EXPECT_EQ(Run("status").exit_code, 0) << "web does not enforce";

  view = MakeShopView();
  view->workloads.at("docker/db-2-0123456789abcdef").host_network = true;
  view->policy_files[0].errors = {"db.yaml:14:9: bad"};
  view->problems = {"db.yaml:14:9: bad", "the disk is full"};
  service_.SetView(view);
  const Outcome bad = Run("status");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out, HasSubstr("shop/db-2    shop/db  enforce  host network\n"));
  EXPECT_THAT(bad.out, HasSubstr("PROBLEMS\n  the disk is full\n"));
  EXPECT_THAT(bad.out, HasSubstr("NOT OK"));
  EXPECT_EQ(Json("status", 1)["ok"], false);
  EXPECT_THAT(Run("services").out, HasSubstr("db       enforce  2/3"));
}

TEST_F(TablesTest, WithoutANetworkThereIsNothingToProtect) {
  auto view = MakeShopView();
  Workload& alone = view->workloads.at("docker/db-2-0123456789abcdef");
  alone.no_network = true;
  service_.SetView(view);
  Start();
  EXPECT_THAT(Json("workloads")[2]["state"], "protected") << "it was given an interface all the same";
  alone.endpoints.clear();
  const Outcome status = Run("status");
  EXPECT_EQ(status.exit_code, 0) << status.out;
  EXPECT_THAT(status.out, HasSubstr("workloads   5, protected 5/5\n"));
  EXPECT_THAT(Run("workloads").out, HasSubstr("-            no network\n"));
  EXPECT_THAT(Run("services").out, HasSubstr("db       enforce  3/3"));
  alone.no_network = false;
  EXPECT_THAT(Json("workloads")[2]["state"], "attaching") << "an engine may say that there is one before it can be seen";
}

TEST_F(TablesTest, AnEndpointThatIsNotHeldIsNotProtected) {
  auto view = MakeShopView();
  for (EndpointView& endpoint : view->endpoints) endpoint.attached = endpoint.ifindex != 27;
  service_.SetView(view);
  Start();
  EXPECT_EQ(Run("status").exit_code, 1);
  EXPECT_THAT(Run("workloads").out, HasSubstr("attaching (interface veth27 is not held yet)"));
}

TEST_F(TablesTest, NamesFromOutsideCannotSteerTheTerminal) {
  auto view = MakeShopView();
  view->workloads.begin()->second.name = "evil\x1b[2J\xff\nname";
  service_.SetView(view);
  Start();
  const Outcome outcome = Run("workloads");
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\nname")));
  EXPECT_EQ(Json("workloads").size(), 5u);
}

TEST_F(TablesTest, Top) {
  FlowRecord web = MakeShopFlow(kWeb, Verdict::kAllow, kDbIngress0, 60'000, 0);
  FlowRecord api = MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 60'000, 0);
  EdgeRecord denied;
  denied.source_identity = kApi;
  denied.destination_identity = kDb;
  denied.verdict = Verdict::kDeny;
  denied.denied = 10;
  service_.SetTraffic({web, api}, {denied});
  Start();
  std::atomic<bool> done{false};
  std::thread traffic([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
      web.packets[0] += 100;
      web.bytes[1] += 1'000'000;
      denied.denied += 25;
      service_.SetTraffic({web, api}, {denied});
    }
  });
  const Outcome table = Run("top --once --interval 1s");
  const nlohmann::json pairs = Json("top -n shop --once --interval 1s");
  const nlohmann::json services = Json("top --by service --sort denied --rows 1 --once --interval 1s");
  const Outcome lines = Run("top --count 2 --interval 1s -o json");
  done = true;
  traffic.join();
  EXPECT_THAT(table.out, ::testing::ContainsRegex("[0-9:]+  2 flows, 0 new/s, [0-9]+ packets/s, [0-9.]+M/s, [0-9]+ denied/s, over [12].[0-9]s\n\n"
                                                  "FROM      TO       FLOWS  NEW/s  PKTS/s  BYTES/s  DENIED/s  WOULD-DENY/s\n"
                                                  "shop/web  shop/db  1      0      [0-9]+     [0-9.]+M     0         0\n"
                                                  "shop/api  shop/db  1      0      0       0B       [0-9]+ +0\n$"));
  EXPECT_EQ(table.exit_code, 0) << table.err;
  ASSERT_EQ(pairs["rows"].size(), 2u);
  EXPECT_EQ(pairs["rows"][0]["from"], "shop/web");
  EXPECT_EQ(pairs["rows"][0]["packets"].get<int>() % 100, 0);
  EXPECT_GT(pairs["rows"][0]["packets"], 0);
  EXPECT_EQ(pairs["rows"][1]["denied"], pairs["total"]["denied"]);
  ASSERT_EQ(services["rows"].size(), 1u);
  EXPECT_EQ(services["more"], 2);
  EXPECT_EQ(services["rows"][0]["from"], "shop/api") << "as much as db has; by name then";
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2) << lines.out;
  EXPECT_EQ(Run("top --sort colour").exit_code, 2);
  EXPECT_EQ(Run("top --once --count 3").exit_code, 2);
  EXPECT_EQ(Run("top --interval 2h").exit_code, 2);
}

TEST_F(TablesTest, FollowPrintsWhatComes) {
  Start();
  service_.AddFlow(MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 1000, 1000));
  std::atomic<bool> done{false};
  std::thread later([this, &done] {
    // The program ends when it writes into the closed pipe: there must be more than is read.
    for (int i = 0; i < 100 && !done; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      service_.AddFlow(MakeShopFlow(kApi, Verdict::kAllow, kDbIngress0, 0, 0));
      service_.AddEvent(MakeShopEvent(kWeb, BH_DENY, BH_REASON_POLICY));
    }
  });
  const Outcome outcome = Run("flows -f -o json | sed '/\"event\"/q'");
  const Outcome table = Run("flows -f | sed '/denied/q'");
  done = true;
  later.join();
  EXPECT_THAT(outcome.out, HasSubstr("\"source\":\"flow\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"change\":\"new\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"source\":\"event\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"change\":\"denied\""));
  EXPECT_THAT(table.out, HasSubstr("CHANGE      FROM                  TO                    PORT"));
  EXPECT_THAT(table.out, HasSubstr("\n-           shop/api              shop/db               5432/tcp  allow       est "));
  EXPECT_THAT(table.out, HasSubstr("\nnew         shop/api              shop/db               5432/tcp  allow       est "));
}

}  // namespace
}  // namespace bulkhead::cli
