// SPDX-License-Identifier: Apache-2.0
#include "controlplane/identity/named_ports.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controlplane/policy/validate.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxShown = 64;  // bytes of a label in a message

std::string Shown(std::string_view text) {
  const std::string_view part = text.substr(0, kMaxShown);
  return absl::CHexEscape({part.data(), part.size()});
}

// "8080", "53/udp"; no sign, blank or leading zero.
std::optional<NamedPort> ParsePort(std::string_view name, std::string_view value) {
  const size_t slash = value.find('/');
  const std::string_view digits = value.substr(0, slash);
  const std::optional<uint8_t> protocol = slash == std::string_view::npos ? kProtoTcp : ParseProtocol(value.substr(slash + 1));
  NamedPort out{std::string(name), protocol.value_or(0), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  const bool sound = error == std::errc() && end == digits.data() + digits.size() && !digits.starts_with('0');
  return sound && HasPorts(out.protocol) ? std::optional(std::move(out)) : std::nullopt;
}

// Collects ports up to the limit, and what is wrong with the others.
class Namer {
 public:
  void AddLabel(const std::string& key, const std::string& value) {
    const std::string_view name = std::string_view(key).substr(sizeof(kPortLabelPrefix) - 1);
    const std::optional<NamedPort> port = CheckPortName(name).empty() ? ParsePort(name, value) : std::nullopt;
    by_labels_.emplace(name);
    if (port) {
      Add(*port);
    } else if (++wrong_ == 1) {
      first_wrong_ = absl::StrCat(Shown(key), "=", Shown(value));
    }
  }

  void AddOther(const NamedPort& port) {
    if (!by_labels_.contains(port.name)) Add(port);
  }

  std::vector<NamedPort> Finish(std::vector<std::string>* problems) {
    if (wrong_ > 0) {
      problems->push_back(absl::StrCat(wrong_, " port labels left out, the first is ", first_wrong_, "; expected ",
                                       "bulkhead.dev/port.NAME=NUMBER[/tcp|/udp|/sctp], with a NAME of at most 15 lower-case "
                                       "letters, digits and -"));
    }
    if (too_many_ > 0) problems->push_back(absl::StrCat(too_many_, " port names left out: more than ", kMaxNamedPorts));
    std::sort(ports_.begin(), ports_.end());
    return std::move(ports_);
  }

 private:
  void Add(const NamedPort& port) {
    if (ports_.size() < kMaxNamedPorts) {
      ports_.push_back(port);
    } else {
      ++too_many_;
    }
  }

  std::vector<NamedPort> ports_;
  std::set<std::string, std::less<>> by_labels_;
  size_t wrong_ = 0, too_many_ = 0;
  std::string first_wrong_;
};

bool IsImages(const WorkloadReport& report, const std::string& key, const std::string& value) {
  const auto at = report.image_labels.find(key);
  return at != report.image_labels.end() && at->second == value;
}

}  // namespace

std::vector<NamedPort> NamePorts(const WorkloadReport& report, std::vector<std::string>* problems) {
  Namer namer;
  for (const bool images : {false, true}) {
    for (const auto& [key, value] : report.labels) {
      if (key.starts_with(kPortLabelPrefix) && IsImages(report, key, value) == images) namer.AddLabel(key, value);
    }
  }
  for (const NamedPort& port : report.named_ports) namer.AddOther(port);
  return namer.Finish(problems);
}

}  // namespace bulkhead
