// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/older_layout.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/abi/address.h"
#include "dataplane/ebpf/map_shape.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/bpffs.h"

namespace bulkhead {
namespace {

// Since which layout a map has the shape and meaning that it has today. Whoever changes one of them raises BH_LAYOUT_VERSION, and
// says so here.
struct Lineage {
  const char* name;
  uint32_t since;
  bool flow = false;
};
constexpr Lineage kLineages[] = {
    {"bh_flows4", 6, true},  {"bh_flows4_cold", 6, true}, {"bh_flows6", 6, true}, {"bh_usage", 6, true}, {"bh_locks", 6, true},
    {"bh_edges", 5},         {"bh_edges_outside", 5},     {"bh_rule_counts", 5},  {"bh_counters", 5},    {"bh_solicited", 5},
    {"bh_uplink_drops", 5},
};

using Places = std::map<uint64_t, std::vector<IpAddress>>;  // slot << 16 | zone -> addresses

absl::StatusOr<Places> ReadPlaces(const std::string& base) {
  const auto map = ShapedMap::Open(base + "/maps/bh_addresses");
  if (!map.ok()) return map.status();
  const auto zone = map->KeyField("zone"), family = map->KeyField("family"), address = map->KeyField("address");
  const auto slot = map->ValueField("slot");
  for (const auto* field : {&zone, &family, &address, &slot}) {
    if (!field->ok()) return field->status();
  }
  if (address->size != sizeof(bh_address_key{}.address)) return absl::FailedPreconditionError("addresses have another size");
  Places places;
  const absl::Status status = map->ForEach([&](const char* key, const char* value) {
    IpAddress found;
    found.family = static_cast<uint8_t>(family->Number(key));
    std::copy_n(key + address->offset, address->size, reinterpret_cast<char*>(found.bytes.data()));
    const uint64_t number = slot->Number(value);
    // Under zone 0 it stands once more, for the other bridges.
    if (number != 0) places[number << 16 | zone->Number(key)].push_back(found);
  });
  if (!status.ok()) return status;
  for (auto& [place, addresses] : places) std::sort(addresses.begin(), addresses.end());
  return places;
}

}  // namespace

absl::StatusOr<OlderControl> ReadOlderControl(const std::string& base) {
  const auto map = ShapedMap::Open(base + "/maps/bh_control");
  if (!map.ok()) return map.status();
  const auto stamp = map->ValueField("stamp"), secret = map->ValueField("secret");
  if (!stamp.ok()) return stamp.status();
  if (!secret.ok()) return secret.status();
  OlderControl out;
  const absl::Status status = map->ForEach([&](const char*, const char* value) {
    out.stamp = static_cast<uint32_t>(stamp->Number(value));
    out.secret.resize(secret->size / sizeof(uint64_t));
    std::copy_n(value + secret->offset, out.secret.size() * sizeof(uint64_t), reinterpret_cast<char*>(out.secret.data()));
  });
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<std::vector<EndpointState>> ReadOlderEndpoints(const std::string& base) {
  const auto map = ShapedMap::Open(base + "/maps/bh_endpoints");
  if (!map.ok()) return map.status();
  const auto ifindex = map->ValueField("ifindex"), zone = map->ValueField("zone"), flags = map->ValueField("flags");
  const auto mac = map->ValueField("mac"), workload = map->ValueField("workload"), identity = map->ValueField("identity");
  for (const auto* field : {&ifindex, &zone, &flags, &mac, &workload, &identity}) {
    if (!field->ok()) return field->status();
  }
  if (mac->size != sizeof(MacAddress::bytes)) return absl::FailedPreconditionError("MAC addresses have another size");
  const auto places = ReadPlaces(base);
  if (!places.ok()) return places.status();
  std::vector<EndpointState> out;
  const absl::Status status = map->ForEach([&](const char* key, const char* value) {
    EndpointState endpoint;
    endpoint.slot = *reinterpret_cast<const uint32_t*>(key);
    endpoint.ifindex = static_cast<uint32_t>(ifindex->Number(value));
    if (endpoint.ifindex == 0 || endpoint.slot == 0) return;
    endpoint.zone = static_cast<uint16_t>(zone->Number(value));
    endpoint.bound = (flags->Number(value) & BH_ENDPOINT_BOUND) != 0;
    std::copy_n(value + mac->offset, mac->size, reinterpret_cast<char*>(endpoint.mac.bytes.data()));
    endpoint.workload = static_cast<uint32_t>(workload->Number(value));
    endpoint.identity = static_cast<IdentityId>(identity->Number(value));
    const auto at = places->find(uint64_t{endpoint.slot} << 16 | endpoint.zone);
    if (endpoint.bound && at != places->end()) endpoint.addresses = at->second;
    out.push_back(std::move(endpoint));
  });
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<std::map<uint32_t, AttachmentRecord>> ReadOlderAttachments(const std::string& base) {
  std::map<uint32_t, AttachmentRecord> out;
  const std::string path = absl::StrCat(base, "/", kAttachmentsMap);
  const UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd.ok()) {
    if (errno == ENOENT) return out;
    return absl::ErrnoToStatus(errno, path);
  }
  const absl::Status status = ForEachByKey<uint32_t, AttachmentRecord>(
      fd.get(), [&](uint32_t ifindex, const AttachmentRecord& record) { out[ifindex] = record; });
  if (!status.ok()) return status;
  return out;
}

std::map<std::string, UniqueFd, std::less<>> OpenCarriedMaps(const PinnedLayout& from, const std::set<std::string>& fresh) {
  std::map<std::string, UniqueFd, std::less<>> out;
  for (const Lineage& lineage : kLineages) {
    if (lineage.since > from.version || fresh.contains(lineage.name)) continue;
    UniqueFd fd(bpf_obj_get(absl::StrCat(from.base, "/maps/", lineage.name).c_str()));
    if (fd.ok()) out.emplace(lineage.name, std::move(fd));
  }
  return out;
}

bool IsFlowMap(std::string_view name) {
  return std::any_of(std::begin(kLineages), std::end(kLineages),
                     [name](const Lineage& lineage) { return lineage.flow && name == lineage.name; });
}

absl::Status MoveLinks(KernelWriter& writer, const std::string& from, const std::string& to) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(from + "/links", error)) names.push_back(entry.path().filename());
  for (const std::string& name : names) {
    const std::string target = absl::StrCat(to, "/links/", name);
    // One that is there is of a start that was interrupted, and newer.
    const bool there = access(target.c_str(), F_OK) == 0;
    const std::string path = absl::StrCat(from, "/links/", name);
    if (auto status = there ? writer.Unpin(path) : writer.RenamePin(path, target); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RemoveLayout(KernelWriter& writer, const std::string& base) {
  const std::string control = base + "/maps/bh_control";
  if (access(control.c_str(), F_OK) == 0) {
    if (auto status = writer.Unpin(control); !status.ok()) return status;
  }
  for (const std::string& path : ListTree(base)) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(std::filesystem::symlink_status(path, error));
    if (auto status = folder ? writer.RemoveDirectory(path) : writer.Unpin(path); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace bulkhead
