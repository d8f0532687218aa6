// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/ebpf_uplinks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/address.h"
#include "bulkhead/abi/uplink.h"
#include "dataplane/ebpf/program_fd.h"
#include "dataplane/ebpf/tables.h"
#include "dataplane/ebpf/xdp_link.h"
#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {
namespace {

constexpr char kUplinkSuffix[] = "_uplink";
constexpr char kGenericUplinkSuffix[] = "_uplink-generic";

bh_mac_key MacKey(const MacAddress& mac) {
  bh_mac_key key{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), key.mac);
  return key;
}

// Prefixes may come and go meanwhile: behind one that went, the kernel begins anew.
template <typename Key>
void AddBlocked(int map, std::map<Prefix, BlockCount>& out) {
  Key key{}, next{};
  for (int result = bpf_map_get_next_key(map, nullptr, &next); result == 0; result = bpf_map_get_next_key(map, &key, &next)) {
    key = next;
    bh_block block{};
    if (bpf_map_lookup_elem(map, &key, &block) == 0) out[PrefixOf(key)] = {block.packets, block.bytes};
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EbpfUplinks>> EbpfUplinks::Open(KernelWriter& writer, Loader& loader, const std::string& base,
                                                               UplinkHook hook) {
  std::unique_ptr<EbpfUplinks> uplinks(new EbpfUplinks(writer, base, hook));
  const std::pair<const char*, int*> wanted[] = {{"bh_blocked4", &uplinks->blocked4_},
                                                 {"bh_blocked6", &uplinks->blocked6_},
                                                 {"bh_uplink_drops", &uplinks->drops_},
                                                 {"bh_host_macs", &uplinks->macs_},
                                                 {"bh_uplink_config", &uplinks->config_}};
  for (const auto& [name, fd] : wanted) {
    *fd = loader.MapFd(name);
    if (*fd < 0) return absl::InternalError(absl::StrCat("the BPF object has no map ", name));
  }
  if (hook == UplinkHook::kNone) return uplinks;
  auto program = loader.LoadUplink();
  if (!program.ok()) return program.status();
  const auto id = ProgramId(program->get());
  if (!id.ok()) return id.status();
  uplinks->program_ = *std::move(program);
  uplinks->program_id_ = *id;
  return uplinks;
}

std::string EbpfUplinks::LinkPath(uint32_t ifindex, UplinkHook hook) const {
  return absl::StrCat(base_, "/links/", ifindex, hook == UplinkHook::kGeneric ? kGenericUplinkSuffix : kUplinkSuffix);
}

absl::Status EbpfUplinks::StartCounting(uint32_t ifindex) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return absl::InternalError("the number of CPUs is not known");
  const std::vector<uint64_t> zeros(static_cast<size_t>(cpus));
  const absl::Status status = writer_.UpdateElement(drops_, &ifindex, zeros.data(), BPF_NOEXIST);
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status EbpfUplinks::PutLink(uint32_t ifindex) {
  const std::string path = LinkPath(ifindex, hook_);
  if (hook_ == UplinkHook::kGeneric) {
    return PutXdpLink(writer_, path, ifindex, XdpMode::kGeneric, program_.get(), program_id_);
  }
  const absl::Status native = PutXdpLink(writer_, path, ifindex, XdpMode::kNative, program_.get(), program_id_);
  // Drivers say in many ways that they cannot; what is no question of the mode fails again.
  if (native.ok() || absl::IsNotFound(native) || absl::IsAlreadyExists(native)) return native;
  return PutXdpLink(writer_, path, ifindex, XdpMode::kGeneric, program_.get(), program_id_);
}

absl::StatusOr<XdpMode> EbpfUplinks::Attach(uint32_t ifindex) {
  if (hook_ == UplinkHook::kNone) return absl::FailedPreconditionError("uplinks are not judged (uplink_hook: none)");
  const UplinkHook other = hook_ == UplinkHook::kXdp ? UplinkHook::kGeneric : UplinkHook::kXdp;
  if (auto status = RemoveLink(writer_, LinkPath(ifindex, other)); !status.ok()) return status;
  if (auto status = StartCounting(ifindex); !status.ok()) return status;
  if (auto status = PutLink(ifindex); !status.ok()) return status;
  return ReadXdpMode(ifindex, program_id_);
}

absl::Status EbpfUplinks::Detach(uint32_t ifindex) {
  for (const UplinkHook hook : {UplinkHook::kXdp, UplinkHook::kGeneric}) {
    if (auto status = RemoveLink(writer_, LinkPath(ifindex, hook)); !status.ok()) return status;
  }
  const absl::Status status = writer_.DeleteElement(drops_, &ifindex);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

std::vector<uint32_t> EbpfUplinks::Attached() const {
  std::set<uint32_t> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(base_ + "/links", error)) {
    const std::string name = entry.path().filename();
    uint32_t ifindex = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), ifindex);
    const std::string_view rest(end, static_cast<size_t>(name.data() + name.size() - end));
    if (bad == std::errc() && (rest == kUplinkSuffix || rest == kGenericUplinkSuffix)) out.insert(ifindex);
  }
  return {out.begin(), out.end()};
}

absl::Status EbpfUplinks::SetHostMacs(const std::set<MacAddress>& macs) {
  std::set<MacAddress> there;
  const absl::Status read = ForEachByKey<bh_mac_key, uint32_t>(macs_, [&](const bh_mac_key& key, uint32_t) {
    MacAddress mac;
    std::copy(std::begin(key.mac), std::end(key.mac), mac.bytes.begin());
    there.insert(mac);
  });
  if (!read.ok()) return read;
  for (const MacAddress& mac : there) {
    const bh_mac_key key = MacKey(mac);
    if (macs.contains(mac)) continue;
    if (auto status = writer_.DeleteElement(macs_, &key); !status.ok()) return status;
  }
  const uint32_t one = 1;
  for (const MacAddress& mac : macs) {
    const bh_mac_key key = MacKey(mac);
    if (there.contains(mac)) continue;
    if (auto status = writer_.UpdateElement(macs_, &key, &one); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EbpfUplinks::SetLocalPorts(uint16_t first, uint16_t last) {
  const uint32_t zero = 0;
  bh_uplink_config config{};
  config.first_port = first;
  config.last_port = last;
  return writer_.UpdateElement(config_, &zero, &config);
}

template <typename Key>
absl::Status EbpfUplinks::SyncBlocked(int map, const std::map<Prefix, Key>& wanted) {
  std::set<Prefix> there;
  std::vector<Key> gone;
  const absl::Status read = ForEachByKey<Key, bh_block>(map, [&](const Key& key, const bh_block&) {
    if (wanted.contains(PrefixOf(key))) {
      there.insert(PrefixOf(key));
    } else {
      gone.push_back(key);
    }
  });
  if (!read.ok()) return read;
  for (const Key& key : gone) {
    if (auto status = writer_.DeleteElement(map, &key); !status.ok()) return status;
  }
  const bh_block none{};
  for (const auto& [prefix, key] : wanted) {
    if (there.contains(prefix)) continue;
    if (auto status = writer_.UpdateElement(map, &key, &none); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EbpfUplinks::SetBlocked(const std::set<Prefix>& prefixes) {
  std::map<Prefix, bh_prefix4_key> wanted4;
  std::map<Prefix, bh_prefix6_key> wanted6;
  for (const Prefix& prefix : prefixes) {
    if (prefix.address.IsV4()) {
      wanted4[prefix] = Prefix4Key(prefix);
    } else {
      wanted6[prefix] = Prefix6Key(prefix);
    }
  }
  if (const size_t most = std::max(wanted4.size(), wanted6.size()); most > BH_MAX_BLOCKED) {
    return absl::ResourceExhaustedError(
        absl::StrCat(most, " blocked prefixes of one family; the dataplane has room for ", BH_MAX_BLOCKED));
  }
  if (auto status = SyncBlocked(blocked4_, wanted4); !status.ok()) return status;
  return SyncBlocked(blocked6_, wanted6);
}

absl::StatusOr<std::map<Prefix, BlockCount>> EbpfUplinks::ReadBlocked() const {
  std::map<Prefix, BlockCount> out;
  AddBlocked<bh_prefix4_key>(blocked4_, out);
  AddBlocked<bh_prefix6_key>(blocked6_, out);
  return out;
}

absl::StatusOr<std::map<uint32_t, uint64_t>> EbpfUplinks::ReadDrops() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return absl::InternalError("the number of CPUs is not known");
  std::map<uint32_t, uint64_t> out;
  std::vector<uint64_t> values(static_cast<size_t>(cpus));
  uint32_t key = 0, next = 0;
  for (int result = bpf_map_get_next_key(drops_, nullptr, &next); result == 0; result = bpf_map_get_next_key(drops_, &key, &next)) {
    key = next;
    if (bpf_map_lookup_elem(drops_, &key, values.data()) != 0) continue;  // gone meanwhile
    out[key] = std::accumulate(values.begin(), values.end(), uint64_t{0});
  }
  return out;
}

}  // namespace bulkhead
