// SPDX-License-Identifier: Apache-2.0
// What a rule, peer or port of these kinds may not be: each of the rules of validity that their API documents give.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/policy/tier_text.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseTierRulesTest, RefusesBadRules) {
  const auto error = [](const std::string& rule) { return TierError(Cnp("egress: [" + rule + "]")); };
  const std::string to = ", to: [{namespaces: {}}]";
  EXPECT_EQ(error("{to: [{namespaces: {}}]}"), "spec.egress[0]: required field \"action\" is missing");
  EXPECT_EQ(error("{action: Deny}"), "spec.egress[0]: required field \"to\" is missing");
  EXPECT_EQ(error("{action: Deny, to: }"), "spec.egress[0]: required field \"to\" is missing");
  EXPECT_EQ(error("{action: Deny, to: []}"), "spec.egress[0].to: found 0 items, expected 1 to 25");
  EXPECT_EQ(error("{action: Deny, to: {}}"), "spec.egress[0].to: found a map, expected a list");
  EXPECT_EQ(error("{action: Deny, from: [{namespaces: {}}]" + to + "}"), "unknown field \"from\"");
  EXPECT_EQ(error("{action: Deny, protocols: []" + to + "}"), "spec.egress[0].protocols: found 0 items, expected 1 to 25");
  EXPECT_EQ(error("{action: Deny, ports: []" + to + "}"), "unknown field \"ports\"");
  EXPECT_EQ(error("{action: deny" + to + "}"),
            "spec.egress[0].action: found \"deny\", expected Accept, Deny or Pass (did you mean Deny?)");
  EXPECT_EQ(error("{action: Allow" + to + "}"),
            "spec.egress[0].action: found \"Allow\", expected Accept, Deny or Pass (did you mean Accept?)");
  EXPECT_EQ(error("{action: Log" + to + "}"), "spec.egress[0].action: found \"Log\", expected Accept, Deny or Pass");
  EXPECT_EQ(error("{action: true" + to + "}"),
            "spec.egress[0].action: found the bool true, expected a string (write it in quotes)");
  EXPECT_EQ(TierError(Anp("egress: [{action: Accept" + to + "}]")),
            "spec.egress[0].action: found \"Accept\", expected Allow, Deny or Pass (did you mean Allow?)");
  EXPECT_EQ(TierError(Banp("egress: [{action: Pass" + to + "}]")), "spec.egress[0].action: found \"Pass\", expected Allow or Deny");
  const std::string name(100, 'n');
  OneTier(Cnp("egress: [{action: Deny, name: " + name + to + "}]"));
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  OneTier(Cnp("egress: [{action: Deny, name: " + umlauts + to + "}]"));
  EXPECT_THAT(error("{action: Deny, name: " + name + "n" + to + "}"), HasSubstr("...\", expected at most 100 characters"));
}

TEST(ParseTierRulesTest, RefusesBadPeers) {
  const auto egress = [](const std::string& peer) { return TierError(Cnp("egress: [{action: Accept, to: [" + peer + "]}]")); };
  const auto ingress = [](const std::string& peer) { return TierError(Cnp("ingress: [{action: Accept, from: [" + peer + "]}]")); };
  EXPECT_EQ(ingress("{}"), "spec.ingress[0].from[0]: found nothing, expected namespaces or pods");
  EXPECT_EQ(egress("{}"), "spec.egress[0].to[0]: found nothing, expected namespaces, pods, nodes, networks or domainNames");
  EXPECT_EQ(egress("null"), "spec.egress[0].to[0]: found nothing, expected a map");
  EXPECT_EQ(egress("{namespaces: []}"), "spec.egress[0].to[0].namespaces: found a list, expected a map");
  for (const char* field : {"nodes: {}", "networks: [10.0.0.0/8]", "domainNames: [a.b]"}) {
    EXPECT_THAT(ingress(absl::StrCat("{", field, "}")), HasSubstr("unknown field \"")) << field;
    EXPECT_EQ(egress(absl::StrCat("{", field, "}")), "0 errors:");
  }
  EXPECT_EQ(TierError(Banp("egress: [{action: Allow, to: [{domainNames: [a.b]}]}]")), "unknown field \"domainNames\"");
  EXPECT_EQ(egress("{ipBlock: {cidr: 10.0.0.0/8}}"), "unknown field \"ipBlock\"");
  EXPECT_EQ(egress("{namespaces: {}, networks: [10.0.0.0/8]}"),
            "spec.egress[0].to[0]: found namespaces together with networks, expected one of them");
  EXPECT_EQ(egress("{pods: {namespaceSelector: {}}}"), "spec.egress[0].to[0].pods: required field \"podSelector\" is missing");
  EXPECT_EQ(egress("{nodes: {matchLabels: {a: }}}"),
            "spec.egress[0].to[0].nodes.matchLabels[\"a\"]: found nothing, expected a string");
  EXPECT_EQ(egress("{networks: []}"), "spec.egress[0].to[0].networks: found 0 items, expected 1 to 25");
  EXPECT_EQ(egress("{networks: [10.0.0.0]}"),
            "spec.egress[0].to[0].networks[0]: found the string \"10.0.0.0\", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32");
  EXPECT_EQ(egress("{networks: [10.0.0.0/8, 10.1.0.0/8]}"), "spec.egress[0].to[0].networks[1]: found 10.0.0.0/8 a second time");
  EXPECT_EQ(egress("{networks: ['::ffff:0.0.0.0/96']}"),
            "spec.egress[0].to[0].networks[0]: found ::ffff:0.0.0.0/96, expected the IPv4 CIDR that it stands for");
  EXPECT_EQ(egress("{networks: ['0000:0000:0000:0000:0000:0000:255.255.255.255/1']}"),
            "spec.egress[0].to[0].networks[0]: found \"0000:0000:0000:0000:0000:0000:255.255.255.255/1\", expected at most 43 "
            "characters");
  std::string many = "{networks: [";
  for (int i = 0; i < 26; ++i) absl::StrAppend(&many, i == 0 ? "" : ", ", "10.0.", i, ".0/24");
  EXPECT_EQ(egress(many + "]}"), "spec.egress[0].to[0].networks: found 26 items, expected 1 to 25");
}

TEST(ParseTierRulesTest, RefusesBadDomainNames) {
  const auto error = [](const std::string& names) {
    return TierError(Anp("egress: [{action: Allow, to: [{domainNames: " + names + "}]}]"));
  };
  EXPECT_EQ(error("[]"), "spec.egress[0].to[0].domainNames: found 0 items, expected 1 to 25");
  EXPECT_EQ(error("[a.b, a.b]"), "spec.egress[0].to[0].domainNames[1]: found a.b a second time");
  EXPECT_EQ(
      error("[localhost]"),
      "spec.egress[0].to[0].domainNames[0]: found the string \"localhost\", expected a domain name such as www.example.com or "
      "*.example.com");
  EXPECT_EQ(error("[1.2]"), "spec.egress[0].to[0].domainNames[0]: found the number 1.2, expected a string (write it in quotes)");
  EXPECT_THAT(error("[{}]"), HasSubstr("found a map, expected a domain name"));
  std::string many = "[";
  for (int i = 0; i < 26; ++i) absl::StrAppend(&many, i == 0 ? "" : ", ", "a", i, ".b");
  EXPECT_EQ(error(many + "]"), "spec.egress[0].to[0].domainNames: found 26 items, expected 1 to 25");
  const auto with_action = [](const char* action) {
    return Anp(absl::StrCat("egress: [{action: ", action, ", to: [{nodes: {}}, {domainNames: [a.b]}]}]"));
  };
  OneTier(with_action("Allow"));
  EXPECT_EQ(TierError(with_action("Deny")), "spec.egress[0]: found domainNames with the action Deny, expected Allow");
  EXPECT_EQ(TierError(with_action("Pass")), "spec.egress[0]: found domainNames with the action Pass, expected Allow");
}

TEST(ParseTierRulesTest, RefusesBadProtocols) {
  const auto error = [](const std::string& item) {
    return TierError(Cnp("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [" + item + "]}]"));
  };
  const std::string at = "spec.ingress[0].protocols[0]";
  EXPECT_EQ(error("{}"), at + ": found nothing, expected tcp, udp, sctp or destinationNamedPort");
  EXPECT_EQ(error("TCP"), at + ": found the string \"TCP\", expected a map");
  EXPECT_EQ(error("{TCP: {}}"), "unknown field \"TCP\" (did you mean tcp?)");
  EXPECT_EQ(error("{tcp: }"), at + ": found nothing, expected tcp, udp, sctp or destinationNamedPort");
  EXPECT_EQ(error("{tcp: {}}"), at + ".tcp: required field \"destinationPort\" is missing");
  EXPECT_EQ(error("{tcp: {destinationPort: 80}}"), at + ".tcp.destinationPort: found the number 80, expected a map");
  EXPECT_EQ(error("{tcp: {destinationPort: {}}}"), at + ".tcp.destinationPort: found nothing, expected number or range");
  EXPECT_EQ(error("{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}"),
            at + ".tcp.destinationPort: found number together with range, expected one of them");
  EXPECT_EQ(error("{tcp: {destinationPort: {number: 1}, sourcePort: 5}}"), "unknown field \"sourcePort\"");
  EXPECT_EQ(error("{tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}}"),
            at + ": found tcp together with udp, expected one of them");
  for (const char* number : {"0", "65536", "-1", "'80'", "http", "1.0", "[]"}) {
    EXPECT_THAT(error(absl::StrCat("{udp: {destinationPort: {number: ", number, "}}}")),
                HasSubstr(at + ".udp.destinationPort.number: found "));
    EXPECT_THAT(error(absl::StrCat("{udp: {destinationPort: {range: {start: ", number, ", end: 65535}}}}")),
                HasSubstr(at + ".udp.destinationPort.range.start: found "));
    EXPECT_THAT(error(absl::StrCat("{udp: {destinationPort: {range: {start: 1, end: ", number, "}}}}")),
                HasSubstr(at + ".udp.destinationPort.range.end: found "));
  }
  EXPECT_EQ(error("{sctp: {destinationPort: {range: {start: 5}}}}"),
            at + ".sctp.destinationPort.range: required field \"end\" is missing");
  EXPECT_EQ(error("{sctp: {destinationPort: {range: {end: 5}}}}"),
            at + ".sctp.destinationPort.range: required field \"start\" is missing");
  EXPECT_EQ(error("{sctp: {destinationPort: {range: {start: 5, end: 5}}}}"),
            at + ".sctp.destinationPort.range.end: found 5, expected more than the start 5");
  EXPECT_EQ(error("{sctp: {destinationPort: {range: {start: 5, end: 4}}}}"),
            at + ".sctp.destinationPort.range.end: found 4, expected more than the start 5");
  EXPECT_EQ(error("{sctp: {destinationPort: {range: {start: 5, end: 6, protocol: TCP}}}}"), "unknown field \"protocol\"");
  const std::string name = "expected a name of at most 15 lower-case letters, digits and single -, with a letter in it";
  EXPECT_EQ(error("{destinationNamedPort: HTTP}"), at + ".destinationNamedPort: found the string \"HTTP\", " + name);
  EXPECT_EQ(error("{destinationNamedPort: 80}"), at + ".destinationNamedPort: found the number 80, " + name);
  EXPECT_EQ(error("{destinationNamedPort: ''}"), at + ".destinationNamedPort: found the string \"\", " + name);
}

TEST(ParseTierRulesTest, RefusesBadPorts) {
  for (const auto& make : {Anp, Banp}) {
    const auto error = [&](const std::string& item) {
      return TierError(make("ingress: [{action: Deny, from: [{namespaces: {}}], ports: [" + item + "]}]"));
    };
    const std::string at = "spec.ingress[0].ports[0]";
    EXPECT_EQ(error("{}"), at + ": found nothing, expected portNumber, namedPort or portRange");
    EXPECT_EQ(error("{port: 80}"), "unknown field \"port\"");
    EXPECT_EQ(error("{portNumber: 80}"), at + ".portNumber: found the number 80, expected a map");
    EXPECT_EQ(error("{portNumber: {protocol: TCP}}"), at + ".portNumber: required field \"port\" is missing");
    EXPECT_EQ(error("{portNumber: {port: 0}}"),
              at + ".portNumber.port: found the number 0, expected a whole number from 1 to 65535");
    EXPECT_EQ(error("{portNumber: {port: http}}"),
              at + ".portNumber.port: found the string \"http\", expected a whole number from 1 to 65535");
    EXPECT_EQ(error("{portNumber: {port: 1, protocol: tcp}}"),
              at + ".portNumber.protocol: found \"tcp\", expected TCP, UDP or SCTP");
    EXPECT_EQ(error("{portNumber: {port: 1, endPort: 2}}"), "unknown field \"endPort\"");
    EXPECT_EQ(error("{portNumber: {port: 1}, namedPort: a}"),
              at + ": found portNumber together with namedPort, expected one of them");
    EXPECT_EQ(error("{portRange: {protocol: TCP}}").substr(0, 9), "2 errors:");
    EXPECT_EQ(error("{portRange: {start: 2, end: 2}}"), at + ".portRange.end: found 2, expected more than the start 2");
    EXPECT_EQ(error("{portRange: {protocol: ICMP, start: 1, end: 2}}"),
              at + ".portRange.protocol: found \"ICMP\", expected TCP, UDP or SCTP");
    EXPECT_THAT(error("{namedPort: a_b}"), HasSubstr(at + ".namedPort: found the string \"a_b\", expected a name"));
  }
}

TEST(ParseTierRulesTest, PortNamesAreOfPodsOnly) {
  const auto cnp = [](const std::string& peer) {
    return Cnp("egress: [{action: Accept, to: [{namespaces: {}}, " + peer +
               "], protocols: [{tcp: {destinationPort: {number: 1}}}, {destinationNamedPort: web}]}]");
  };
  const auto anp = [](const std::string& peer) {
    return "egress: [{action: Deny, to: [" + peer + "], ports: [{namedPort: web}]}]";
  };
  const std::string error =
      "spec.egress[0]: found the port's name \"web\" together with nodes, networks or domainNames, expected a number: only pods "
      "name "
      "ports";
  OneTier(cnp("{pods: {podSelector: {}}}"));
  for (const char* peer : {"{nodes: {}}", "{networks: [10.0.0.0/8]}"}) {
    EXPECT_EQ(TierError(cnp(peer)), error);
    EXPECT_EQ(TierError(Anp(anp(peer))), error);
    EXPECT_EQ(TierError(Banp(anp(peer))), error);
  }
  EXPECT_EQ(TierError(cnp("{domainNames: [a.b]}")), error);
  const std::string text = cnp("{nodes: {}}");
  const size_t line = text.rfind('\n', text.find("spec:"));
  const size_t column = text.find("{destinationNamedPort") - line;
  EXPECT_THAT(TierErrors(text), ElementsAre(absl::StrCat("f:4:", column, ": ", error)));
}

}  // namespace
}  // namespace bulkhead
