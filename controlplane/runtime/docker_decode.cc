// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/docker_decode.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "controlplane/runtime/json_reader.h"

namespace bulkhead {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxMessage = 200;
constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1

Labels ReadLabels(JsonReader& read, const Json& object) {
  Labels out;
  for (const auto& [key, value] : read.Object(object, "Labels").items()) {
    read.Expect(value.is_string(), "a label's value is no string");
    if (value.is_string()) out[key] = value.get_ref<const std::string&>();
  }
  return out;
}

std::string ReadId(JsonReader& read, const Json& object, const char* key) {
  std::string id = read.String(object, key);
  read.Expect(IsDockerId(id), absl::StrCat(key, " is no id"));
  return id;
}

// "172.17.0.2", or "172.17.0.2/16" in a network's list. Empty where the container has none.
void AddAddress(JsonReader& read, const std::string& text, std::vector<IpAddress>& out) {
  if (text.empty()) return;
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, text.find('/')));
  read.Expect(address.has_value(), "an address is none");
  if (address && !address->IsUnspecified()) out.push_back(*address);
}

MacAddress ReadMac(JsonReader& read, const Json& object) {
  const std::string text = read.String(object, "MacAddress");
  if (text.empty()) return {};
  const std::optional<MacAddress> mac = MacAddress::Parse(text);
  read.Expect(mac.has_value(), "MacAddress is none");
  return mac.value_or(MacAddress{});
}

std::vector<DockerEndpoint> ReadEndpoints(JsonReader& read, const Json& container) {
  std::vector<DockerEndpoint> out;
  for (const auto& [name, value] : read.Object(read.Object(container, "NetworkSettings"), "Networks").items()) {
    if (value.is_null()) continue;
    DockerEndpoint endpoint;
    endpoint.network = name;
    endpoint.network_id = read.String(value, "NetworkID");
    read.Expect(endpoint.network_id.empty() || IsDockerId(endpoint.network_id), "NetworkID is no id");
    endpoint.mac = ReadMac(read, value);
    AddAddress(read, read.String(value, "IPAddress"), endpoint.addresses);
    AddAddress(read, read.String(value, "GlobalIPv6Address"), endpoint.addresses);
    out.push_back(std::move(endpoint));
  }
  return out;
}

bool ReadPort(std::string_view text, uint16_t& out) {
  int value = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &value) || value <= 0 || value > 65535) return false;
  out = static_cast<uint16_t>(value);
  return true;
}

// No address means every address of the host, of both families.
void AddPublished(JsonReader& read, const std::string& host_ip, PublishedPort port, std::vector<PublishedPort>& out) {
  if (host_ip.empty()) {
    for (const uint8_t family : {4, 6}) {
      port.host_address = IpAddress{.family = family};
      out.push_back(port);
    }
    return;
  }
  const std::optional<IpAddress> address = IpAddress::Parse(host_ip);
  read.Expect(address.has_value(), "HostIp is no address");
  if (!address) return;
  port.host_address = *address;
  out.push_back(port);
}

void SortUnique(std::vector<PublishedPort>& ports) {
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
}

// A PortMap, {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "443/tcp": null}. HostPort is empty or a range until the engine has
// chosen one.
void ReadPortMap(JsonReader& read, const Json& ports, std::vector<PublishedPort>& out) {
  for (const auto& [key, bindings] : ports.items()) {
    const size_t slash = key.find('/');
    const std::optional<uint8_t> protocol = ParseProtocol(slash == std::string::npos ? "tcp" : key.substr(slash + 1));
    PublishedPort port;
    const bool sound = protocol.has_value() && ReadPort(std::string_view(key).substr(0, slash), port.container_port);
    read.Expect(sound, "a container port is none");
    if (!sound || bindings.is_null()) continue;
    port.protocol = *protocol;
    read.Expect(bindings.is_array(), "port bindings are no array");
    if (!bindings.is_array()) continue;
    for (const Json& binding : bindings) {
      const std::string host_ip = read.String(binding, "HostIp");
      if (ReadPort(read.String(binding, "HostPort"), port.host_port)) AddPublished(read, host_ip, port, out);
    }
  }
}

// A listing's ports: [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}].
void ReadListedPorts(JsonReader& read, const Json& container, std::vector<PublishedPort>& out) {
  for (const Json& at : read.Array(container, "Ports")) {
    const int64_t inner = read.Int(at, "PrivatePort");
    const int64_t outer = read.Int(at, "PublicPort");
    const std::string ip = read.String(at, "IP");
    const std::optional<uint8_t> protocol = ParseProtocol(read.String(at, "Type"));
    const bool sound = protocol.has_value() && inner > 0 && inner <= 65535 && outer >= 0 && outer <= 65535;
    read.Expect(sound, "a port is none");
    if (!sound || outer == 0) continue;
    AddPublished(read, ip, {{}, static_cast<uint16_t>(outer), static_cast<uint16_t>(inner), *protocol}, out);
  }
  SortUnique(out);
}

// A PortSet, {"8080/tcp": {}, "53": {}}. No protocol means tcp.
std::vector<NamedPort> ReadExposed(JsonReader& read, const Json& config) {
  std::vector<NamedPort> out;
  for (const auto& [key, nothing] : read.Object(config, "ExposedPorts").items()) {
    const size_t slash = key.find('/');
    const std::optional<uint8_t> protocol = ParseProtocol(slash == std::string::npos ? "tcp" : key.substr(slash + 1));
    uint16_t number = 0;
    if (!protocol || !HasPorts(*protocol) || !ReadPort(std::string_view(key).substr(0, slash), number)) continue;
    out.push_back({absl::StrCat(ProtocolName(*protocol), "-", number), *protocol, number});
  }
  const auto place = [](const NamedPort& port) { return std::pair(port.protocol, port.port); };
  std::sort(out.begin(), out.end(), [&](const NamedPort& a, const NamedPort& b) { return place(a) < place(b); });
  out.erase(std::unique(out.begin(), out.end()), out.end());
  out.resize(std::min(out.size(), kMaxExposed));
  std::sort(out.begin(), out.end());
  return out;
}

DockerState StateOf(std::string_view status) {
  if (status == "running") return DockerState::kRunning;
  if (status == "paused") return DockerState::kPaused;
  if (status == "created" || status == "configured" || status == "initialized") return DockerState::kCreated;
  return DockerState::kStopped;  // exited, restarting, dead, removing
}

DockerContainer ReadListed(JsonReader& read, const Json& json) {
  DockerContainer out;
  out.id = ReadId(read, json, "Id");
  for (const Json& name : read.Array(json, "Names")) {  // "/web", and "/other/web" for a legacy link to it
    read.Expect(name.is_string(), "a name is no string");
    if (!name.is_string()) continue;
    const std::string& text = name.get_ref<const std::string&>();
    if (text.find('/', 1) == std::string::npos) out.name = std::string(absl::StripPrefix(text, "/"));
  }
  out.image = read.String(json, "Image");
  out.image_id = read.String(json, "ImageID");
  out.labels = ReadLabels(read, json);
  out.state = StateOf(read.String(json, "State"));
  out.network_mode = read.String(read.Object(json, "HostConfig"), "NetworkMode");
  out.endpoints = ReadEndpoints(read, json);
  ReadListedPorts(read, json, out.published);
  return out;
}

// The bridge driver calls its interface br- and the first 12 digits of the network's id, unless it is told a name.
std::string BridgeOf(JsonReader& read, const Json& json, const DockerNetwork& network) {
  if (network.driver != "bridge") return "";
  const std::string told = read.String(read.Object(json, "Options"), "com.docker.network.bridge.name");
  if (!told.empty()) {
    const bool sound = told.size() <= kMaxInterfaceName && told.find_first_of("/ \t\n") == std::string::npos;
    return sound && told.find('\0') == std::string::npos ? told : "";
  }
  const bool is_hash = network.id.size() == 64 && network.id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? "br-" + network.id.substr(0, 12) : "";
}

DockerNetwork ReadNetwork(JsonReader& read, const Json& json) {
  DockerNetwork out;
  out.id = ReadId(read, json, "Id");
  out.name = read.String(json, "Name");
  out.driver = read.String(json, "Driver");
  out.bridge = BridgeOf(read, json, out);
  out.closed = read.String(read.Object(json, "Options"), "com.docker.network.bridge.enable_icc") == "false";
  for (const auto& [container, value] : read.Object(json, "Containers").items()) {
    if (!IsDockerId(container)) continue;
    DockerEndpoint& endpoint = out.endpoints[container];
    endpoint.network_id = out.id;
    endpoint.network = out.name;
    endpoint.mac = ReadMac(read, value);
    AddAddress(read, read.String(value, "IPv4Address"), endpoint.addresses);
    AddAddress(read, read.String(value, "IPv6Address"), endpoint.addresses);
  }
  return out;
}

template <typename T>
absl::StatusOr<T> Checked(const JsonReader& read, T value) {
  if (!read.status().ok()) return read.status();
  return value;
}

}  // namespace

bool IsDockerId(std::string_view id) {
  if (id.empty() || id.size() > 255 || id[0] == '.') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-' ||
           c == ':';
  });
}

absl::StatusOr<std::vector<DockerContainer>> DecodeDockerList(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  read.Expect(parsed->is_array(), "a list of containers is no array");
  std::vector<DockerContainer> out;
  if (parsed->is_array()) {
    for (const Json& at : *parsed) out.push_back(ReadListed(read, at));
  }
  return Checked(read, std::move(out));
}

absl::StatusOr<DockerContainer> DecodeDockerInspect(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  DockerContainer out;
  out.id = ReadId(read, *parsed, "Id");
  out.name = std::string(absl::StripPrefix(read.String(*parsed, "Name"), "/"));
  out.image_id = read.String(*parsed, "Image");
  const Json& config = read.Object(*parsed, "Config");
  out.image = read.String(config, "Image");
  out.labels = ReadLabels(read, config);
  const Json& state = read.Object(*parsed, "State");
  out.state = StateOf(read.String(state, "Status"));
  const int64_t pid = read.Int(state, "Pid");
  read.Expect(pid >= 0 && pid <= std::numeric_limits<int>::max(), "Pid is no process");
  if (out.state == DockerState::kRunning || out.state == DockerState::kPaused) out.pid = static_cast<int>(pid);
  const Json& host_config = read.Object(*parsed, "HostConfig");
  out.network_mode = read.String(host_config, "NetworkMode");
  out.endpoints = ReadEndpoints(read, *parsed);
  // What runs has its ports under NetworkSettings; before that there is only what was asked for.
  ReadPortMap(read, read.Object(read.Object(*parsed, "NetworkSettings"), "Ports"), out.published);
  if (out.pid == 0) ReadPortMap(read, read.Object(host_config, "PortBindings"), out.published);
  SortUnique(out.published);
  return Checked(read, std::move(out));
}

absl::StatusOr<std::vector<DockerNetwork>> DecodeDockerNetworks(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  read.Expect(parsed->is_array(), "a list of networks is no array");
  std::vector<DockerNetwork> out;
  if (parsed->is_array()) {
    for (const Json& at : *parsed) out.push_back(ReadNetwork(read, at));
  }
  return Checked(read, std::move(out));
}

absl::StatusOr<DockerNetwork> DecodeDockerNetwork(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  DockerNetwork out = ReadNetwork(read, *parsed);
  return Checked(read, std::move(out));
}

absl::StatusOr<DockerImage> DecodeDockerImage(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  const Json& config = read.Object(*parsed, "Config");
  DockerImage out{ReadLabels(read, config), ReadExposed(read, config)};
  return Checked(read, std::move(out));
}

absl::StatusOr<bool> DecodeDockerRootless(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  bool rootless = false;
  for (const Json& option : read.Array(*parsed, "SecurityOptions")) {
    rootless = rootless || (option.is_string() && option.get_ref<const std::string&>() == "name=rootless");
  }
  return Checked(read, rootless);
}

absl::StatusOr<DockerEvent> DecodeDockerEvent(std::string_view json) {
  const absl::StatusOr<Json> parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  JsonReader read;
  DockerEvent out;
  const std::string type = read.String(*parsed, "Type");
  out.is_network = type == "network";
  read.Expect(out.is_network || type == "container", "an event of another type");
  out.action = read.String(*parsed, "Action");
  const Json& actor = read.Object(*parsed, "Actor");
  out.id = ReadId(read, actor, "ID");
  const Json& attributes = read.Object(actor, "Attributes");
  out.name = read.String(attributes, "name");
  if (out.is_network) {
    out.container = read.String(attributes, "container");
    read.Expect(out.container.empty() || IsDockerId(out.container), "container is no id");
    out.driver = read.String(attributes, "type");
  }
  return Checked(read, std::move(out));
}

std::string DecodeDockerMessage(std::string_view json) {
  std::string text;
  if (const absl::StatusOr<Json> parsed = ParseJson(json); parsed.ok() && parsed->is_object()) {
    JsonReader read;
    text = read.String(*parsed, "message");
  }
  text.resize(std::min(text.size(), kMaxMessage));
  for (char& c : text) c = c >= ' ' && c <= '~' ? c : '?';
  return text;
}

}  // namespace bulkhead
