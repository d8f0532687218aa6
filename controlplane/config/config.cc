// SPDX-License-Identifier: Apache-2.0
#include "controlplane/config/config.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/validate.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

using yaml::Fields;
using yaml::Node;

constexpr size_t kMaxConfigBytes = 1 << 20;
constexpr int64_t kMaxTimeout = 7 * 24 * 3600;

constexpr size_t kMaxResolvers = 16, kMaxSockets = 16, kMaxExempt = 256;
constexpr uint64_t kMaxGrace = 30 * 86400;

// "90s", "15m", "24h", "7d", in seconds; at least one.
std::optional<uint64_t> ParseGrace(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end + 1 != text.data() + text.size() || number == 0 || number > kMaxGrace) return std::nullopt;
  const uint64_t unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
  if (unit == 0 || number * unit > kMaxGrace) return std::nullopt;
  return number * unit;
}

// The system ends a path at its first zero.
bool IsPath(const std::string& text) { return text.starts_with('/') && text.find('\0') == std::string::npos; }

struct Reader {
  std::string file;
  std::vector<std::string> errors;

  // Reads a string that must satisfy `valid`; leaves `out` alone when it is absent or wrong.
  void Choice(Fields* fields, std::string_view name, std::string_view expected, const std::function<bool(const std::string&)>& valid,
              const std::function<void(const std::string&)>& set) {
    const Node* node = fields->Get(name);
    if (node == nullptr) return;
    if (node->kind == Node::Kind::kScalar && valid(node->scalar)) {
      set(node->scalar);
      return;
    }
    const std::string found = node->kind == Node::Kind::kScalar ? yaml::Quote(node->scalar) : yaml::Describe(*node);
    yaml::AddError(file, *node, absl::StrCat(std::string(name), ": found ", found, ", expected ", std::string(expected)), &errors);
  }

  void Path(Fields* fields, std::string_view name, std::string* out) {
    Choice(fields, name, "an absolute path", IsPath, [&](const std::string& path) { *out = path; });
  }
};

void ReadSources(const Node& node, Reader* reader, Config* config) {
  Fields fields(node, reader->file, "sources", &reader->errors);
  if (fields.Get("docker") != nullptr) {
    config->docker_sockets.emplace();
    for (const Node& item : fields.Items("docker")) {
      if (item.kind == Node::Kind::kScalar && IsPath(item.scalar) && config->docker_sockets->size() < kMaxSockets) {
        config->docker_sockets->push_back(item.scalar);
      } else {
        yaml::AddError(reader->file, item,
                       absl::StrCat("sources.docker: found ", yaml::Describe(item), ", expected the absolute path of a socket, of at most ",
                                    kMaxSockets),
                       &reader->errors);
      }
    }
  }
  reader->Choice(&fields, "static", "an absolute path, or none",
                 [](const std::string& path) { return IsPath(path) || path == "none"; },
                 [&](const std::string& path) { config->workloads_dir = path == "none" ? "" : path; });
  fields.Finish();
}

void ReadTimeouts(const Node& node, Reader* reader, FlowTimeouts* timeouts) {
  Fields fields(node, reader->file, "timeouts", &reader->errors);
  const std::pair<const char*, uint32_t*> rows[] = {{"tcp", timeouts->tcp}, {"udp", timeouts->udp}, {"other", timeouts->other}};
  for (const auto& [name, row] : rows) {
    const Node* states = fields.Get(name);
    if (states == nullptr) continue;
    Fields state(*states, reader->file, absl::StrCat("timeouts.", name), &reader->errors);
    const char* const names[] = {"unanswered", "established", "closing", "closed"};  // by FlowState
    for (size_t i = 0; i < 4; ++i) row[i] = static_cast<uint32_t>(state.Integer(names[i], 0, kMaxTimeout, row[i]));
    state.Finish();
  }
  fields.Finish();
}

void ReadNodeLabels(Fields* fields, Reader* reader, Config* config) {
  const Labels labels = fields->StringMap("node_labels");
  const Node* node = fields->Get("node_labels");
  if (node == nullptr) return;
  for (const auto& [key, value] : node->members) {
    if (const std::string expected = CheckLabelKey(key.scalar); !expected.empty()) {
      yaml::AddError(reader->file, key, absl::StrCat("node_labels: found ", yaml::Describe(key), ", expected ", expected),
                     &reader->errors);
    }
    if (const std::string expected = CheckLabelValue(value.scalar); !expected.empty()) {
      yaml::AddError(reader->file, value, absl::StrCat("node_labels: found ", yaml::Describe(value), ", expected ", expected),
                     &reader->errors);
    }
  }
  config->node_labels = labels;
}

void ReadLearn(const Node& node, Reader* reader, LearnLimits* limits) {
  Fields fields(node, reader->file, "learn", &reader->errors);
  const auto number = [&fields](const char* name, int64_t min, int64_t max, uint64_t now) {
    return static_cast<uint64_t>(fields.Integer(name, min, max, static_cast<int64_t>(now)));
  };
  limits->window_seconds = number("window", 1, kMaxTimeout, limits->window_seconds);
  limits->retain_seconds = 86400 * number("retain_days", 1, 3660, limits->retain_seconds / 86400);
  limits->edges = number("max_edges", 100, 10'000'000, limits->edges);
  limits->windows = number("max_windows", 100, 100'000'000, limits->windows);
  limits->hygiene.occurrences = number("occurrences", 1, 1000, limits->hygiene.occurrences);
  limits->hygiene.new_edges_a_day = number("new_edges_a_day", 0, 1'000'000, limits->hygiene.new_edges_a_day);
  limits->hygiene.stable_windows = number("stable_hours", 1, 100'000, limits->hygiene.stable_windows);
  limits->ready.workload_hours = static_cast<double>(number("ready_workload_hours", 0, 1'000'000, 24));
  limits->ready.quiet_windows = number("ready_quiet_hours", 0, 100'000, limits->ready.quiet_windows);
  limits->ready.new_per_hour = static_cast<double>(number("ready_new_percent", 0, 100, 5)) / 100;
  fields.Finish();
}

// As the kernel does (dev_valid_name in net/core/dev.c): 1 to 15 characters, no slash, colon or space.
bool IsInterfaceName(const std::string& name) {
  return !name.empty() && name.size() < 16 && name != "." && name != ".." && name.find_first_of(std::string_view("/: \t\n\v\f\r\0", 9)) == std::string::npos;
}

void ReadUplinks(Fields* fields, Reader* reader, Config* config) {
  const Node* node = fields->Get("uplinks");
  if (node == nullptr || (node->kind == Node::Kind::kScalar && node->scalar == "auto")) return;
  if (node->kind != Node::Kind::kSequence) {
    yaml::AddError(reader->file, *node,
                   absl::StrCat("uplinks: found ", yaml::Describe(*node), ", expected auto or a list of interface names"),
                   &reader->errors);
    return;
  }
  config->uplinks.emplace();
  for (const Node& item : fields->Items("uplinks")) {
    if (item.kind == Node::Kind::kScalar && IsInterfaceName(item.scalar)) {
      config->uplinks->push_back(item.scalar);
    } else {
      yaml::AddError(reader->file, item, absl::StrCat("uplinks: found ", yaml::Describe(item), ", expected the name of an interface"),
                     &reader->errors);
    }
  }
}

void ReadGuard(Fields* top, Reader* reader, Config* config) {
  reader->Choice(top, "on_unmanaged", "drop or pass", [](const std::string& word) { return word == "drop" || word == "pass"; },
                 [&](const std::string& word) { config->on_unmanaged = word == "drop" ? OnUnmanaged::kDrop : OnUnmanaged::kPass; });
  const Node* node = top->Get("guard");
  if (node == nullptr) return;
  Fields fields(*node, reader->file, "guard", &reader->errors);
  if (fields.Get("exempt") != nullptr) {
    for (const Node& item : fields.Items("exempt")) {
      const bool scalar = item.kind == Node::Kind::kScalar;
      const std::string name = scalar && item.scalar.ends_with('*') ? item.scalar.substr(0, item.scalar.size() - 1) : item.scalar;
      if (scalar && IsInterfaceName(name) && name.find('*') == std::string::npos && config->guard_exempt.size() < kMaxExempt) {
        config->guard_exempt.push_back(item.scalar);
        continue;
      }
      yaml::AddError(reader->file, item,
                     absl::StrCat("guard.exempt: found ", yaml::Describe(item), ", expected the name of an interface, or its beginning and *, of at most ",
                                  kMaxExempt),
                     &reader->errors);
    }
  }
  fields.Finish();
}

void ReadHooks(Fields* fields, Reader* reader, Config* config) {
  reader->Choice(fields, "attach", "clsact or tcx", [](const std::string& name) { return IsAttachName(name); },
                 [&](const std::string& name) { config->attach = name; });
  reader->Choice(fields, "workload_hook", "tc or xdp", [](const std::string& name) { return name == "tc" || name == "xdp"; },
                 [&](const std::string& name) { config->workload_xdp = name == "xdp"; });
  reader->Choice(fields, "uplink_hook", "xdp, generic or none",
                 [](const std::string& name) { return ParseUplinkHook(name).has_value(); },
                 [&](const std::string& name) { config->uplink_hook = *ParseUplinkHook(name); });
  ReadUplinks(fields, reader, config);
}

void ReadLearning(Fields* fields, Reader* reader, Config* config) {
  static constexpr std::pair<std::string_view, NewImage> kChoices[] = {
      {"review", NewImage::kReview}, {"learn", NewImage::kLearn}, {"enforce", NewImage::kEnforce}};
  const auto find = [](const std::string& name) {
    return std::find_if(std::begin(kChoices), std::end(kChoices), [&name](const auto& choice) { return choice.first == name; });
  };
  reader->Choice(fields, "new_image", "review, learn or enforce", [&](const std::string& name) { return find(name) != std::end(kChoices); },
                 [&](const std::string& name) { config->new_image = find(name)->second; });
  reader->Choice(fields, "new_image_grace", "a time such as 90s, 24h or 7d, at most 30d",
                 [](const std::string& text) { return ParseGrace(text).has_value(); },
                 [&](const std::string& text) { config->new_image_grace = *ParseGrace(text); });
  reader->Choice(fields, "keep_unconfirmed", "a time such as 90s, 24h or 7d, at most 30d",
                 [](const std::string& text) { return ParseGrace(text).has_value(); },
                 [&](const std::string& text) { config->keep_unconfirmed = *ParseGrace(text); });
  if (fields->Get("resolvers") == nullptr) return;
  for (const Node& item : fields->Items("resolvers")) {
    const auto address = item.kind == Node::Kind::kScalar ? IpAddress::Parse(item.scalar) : std::nullopt;
    if (address && config->resolvers.size() < kMaxResolvers) {
      config->resolvers.push_back(*address);
    } else {
      yaml::AddError(reader->file, item,
                     absl::StrCat("resolvers: found ", yaml::Describe(item), ", expected an IP address, of at most ", kMaxResolvers),
                     &reader->errors);
    }
  }
}

// As useradd does (man 8 groupadd), and long enough.
bool IsGroupName(const std::string& name) {
  return !name.empty() && name.size() <= 32 && name.find_first_of(":/ \t\n\r,") == std::string::npos && name[0] != '-';
}

void ReadRights(Fields* fields, Reader* reader, Config* config) {
  for (const auto& [name, group] : {std::pair("api_group", &config->api_group), std::pair("read_group", &config->read_group)}) {
    reader->Choice(fields, name, "the name of a group", IsGroupName, [group = group](const std::string& text) { *group = text; });
  }
  config->seccomp = fields->Bool("seccomp", config->seccomp);
}

void ReadTop(const Node& node, Reader* reader, Config* config) {
  Fields fields(node, reader->file, "", &reader->errors);
  if (const Node* sources = fields.Get("sources")) ReadSources(*sources, reader, config);
  reader->Path(&fields, "policy_dir", &config->policy_dir);
  reader->Path(&fields, "state_dir", &config->state_dir);
  reader->Path(&fields, "api_socket", &config->api_socket);
  reader->Choice(&fields, "metrics_address", "an address and a port such as 127.0.0.1:9477 or [::1]:9477",
                 [](const std::string& text) { return ParseSocketAddress(text).has_value(); },
                 [&](const std::string& text) { config->metrics_address = text; });
  reader->Path(&fields, "pin_root", &config->pin_root);
  ReadRights(&fields, reader, config);
  ReadHooks(&fields, reader, config);
  ReadLearning(&fields, reader, config);
  ReadGuard(&fields, reader, config);
  reader->Choice(&fields, "fast_path", "auto or off", [](const std::string& word) { return word == "auto" || word == "off"; },
                 [&](const std::string& word) { config->fast_path = word == "auto"; });
  reader->Choice(&fields, "default_mode", "learn, audit or enforce",
                 [](const std::string& name) { return ParseMode(name).has_value(); },
                 [&](const std::string& name) { config->default_mode = *ParseMode(name); });
  reader->Choice(&fields, "default_verdict", "allow or deny", [](const std::string& v) { return v == "allow" || v == "deny"; },
                 [&](const std::string& v) { config->default_allow = v == "allow"; });
  config->allow_from_host = fields.Bool("allow_from_host", config->allow_from_host);
  config->dataplane.proxy_is_world = fields.Bool("proxy_is_world", config->dataplane.proxy_is_world);
  config->trust_image_labels = fields.Bool("trust_image_labels", config->trust_image_labels);
  config->flow_table_entries = static_cast<uint32_t>(fields.Integer("flow_table_entries", 0, 16 << 20, config->flow_table_entries));
  config->dataplane.flow_quota_divisor =
      static_cast<uint32_t>(fields.Integer("flow_quota", 1, 1024, config->dataplane.flow_quota_divisor));
  config->dataplane.events_per_second =
      static_cast<uint32_t>(fields.Integer("events_per_second", 0, 1'000'000, config->dataplane.events_per_second));
  config->dataplane.midstream_per_second =
      static_cast<uint32_t>(fields.Integer("midstream_per_second", 0, 1'000'000, config->dataplane.midstream_per_second));
  config->dataplane.dns_answers_per_second =
      static_cast<uint32_t>(fields.Integer("dns_answers_per_second", 0, 1'000'000, config->dataplane.dns_answers_per_second));
  if (const Node* timeouts = fields.Get("timeouts")) ReadTimeouts(*timeouts, reader, &config->dataplane.timeouts);
  config->self_check_per_second = static_cast<uint32_t>(fields.Integer("self_check_per_second", 0, 10'000, config->self_check_per_second));
  ReadNodeLabels(&fields, reader, config);
  if (const Node* learn = fields.Get("learn")) ReadLearn(*learn, reader, &config->learn);
  reader->Choice(&fields, "log_level", "debug, info, warn or error", [](const std::string& name) { return IsLogLevel(name); },
                 [&](const std::string& name) { config->log_level = name; });
  fields.Finish();
}

}  // namespace

const char* UplinkHookName(UplinkHook hook) {
  return hook == UplinkHook::kXdp ? "xdp" : hook == UplinkHook::kGeneric ? "generic" : "none";
}

std::optional<UplinkHook> ParseUplinkHook(std::string_view name) {
  for (const UplinkHook hook : {UplinkHook::kNone, UplinkHook::kXdp, UplinkHook::kGeneric}) {
    if (name == UplinkHookName(hook)) return hook;
  }
  return std::nullopt;
}

std::optional<SocketAddress> ParseSocketAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  SocketAddress out;
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (!address || address->IsV4() == brackets || error != std::errc() || stop != end || out.port == 0) return std::nullopt;
  out.address = *address;
  return out;
}

bool IsAttachName(std::string_view name) { return name == "clsact" || name == "tcx"; }

bool IsLogLevel(std::string_view name) { return name == "debug" || name == "info" || name == "warn" || name == "error"; }

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file) {
  absl::StatusOr<std::vector<Node>> documents = yaml::Parse(text, file, {.bytes = kMaxConfigBytes});
  if (!documents.ok()) return documents.status();
  Config config;
  if (documents->empty()) return config;
  Reader reader{file, {}};
  if (documents->size() > 1) reader.errors.push_back(yaml::At(file, (*documents)[1], "found a second document, expected one"));
  ReadTop(documents->front(), &reader, &config);
  if (!reader.errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(reader.errors, "\n"));
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path, bool must_exist) {
  absl::StatusOr<std::string> text = yaml::ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) {
    if (absl::IsNotFound(text.status()) && !must_exist) return Config();
    return text.status();
  }
  return ParseConfig(*text, path);
}

}  // namespace bulkhead
