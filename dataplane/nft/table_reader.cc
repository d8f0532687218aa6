// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nft/table_reader.h"

#include "dataplane/nft/handles.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "dataplane/nft/table_writer.h"

namespace bulkhead::nft {
namespace {

NetlinkRequest RequestFor(uint8_t what, uint8_t family) {
  NetlinkRequest request(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | what), 0);
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  request.AddHeader(header);
  return request;
}

void AddText(NetlinkRequest& request, uint16_t attribute, const char* text) {
  request.AddBytes(attribute, text, std::strlen(text) + 1);
}

// Nothing of that name is an empty list.
absl::Status NothingIsFine(const absl::Status& status) { return absl::IsNotFound(status) ? absl::OkStatus() : status; }

using Bytes = std::string_view;

absl::Status ReadSet(NetlinkSocket& socket, uint8_t family, const char* name, const std::function<void()>& restart,
                     const std::function<void(Bytes)>& take) {
  NetlinkRequest request = RequestFor(NFT_MSG_GETSETELEM, family);
  AddText(request, NFTA_SET_ELEM_LIST_TABLE, kTable);
  AddText(request, NFTA_SET_ELEM_LIST_SET, name);
  return NothingIsFine(socket.Dump(request, restart, [&](const nlmsghdr& message) {
    const SetHandle set(nftnl_set_alloc());
    if (nftnl_set_elems_nlmsg_parse(&message, set.get()) != 0) return;
    nftnl_set_elems_iter* elements = nftnl_set_elems_iter_create(set.get());
    while (nftnl_set_elem* element = nftnl_set_elems_iter_next(elements)) {
      uint32_t size = 0;
      const void* key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);
      if (key != nullptr) take(Bytes(static_cast<const char*>(key), size));
    }
    nftnl_set_elems_iter_destroy(elements);
  }));
}

std::string NameIn(Bytes bytes) { return std::string(bytes.substr(0, bytes.find('\0'))); }

absl::Status ReadPorts(NetlinkSocket& socket, uint8_t family, const char* name, std::set<Port>& out) {
  return ReadSet(
      socket, family, name, [&] { out.clear(); },
      [&](Bytes key) {
        Port port;
        if (key.size() <= sizeof(port.ifindex)) return;
        std::memcpy(&port.ifindex, key.data(), sizeof(port.ifindex));
        port.name = NameIn(key.substr(sizeof(port.ifindex)));
        out.insert(std::move(port));
      });
}

absl::Status ReadNames(NetlinkSocket& socket, uint8_t family, std::set<std::string>& out) {
  return ReadSet(
      socket, family, kNamesSet, [&] { out.clear(); }, [&](Bytes key) { out.insert(NameIn(key)); });
}

absl::Status ReadCounters(NetlinkSocket& socket, uint8_t family, Dropped& out) {
  NetlinkRequest request = RequestFor(NFT_MSG_GETOBJ, family);
  AddText(request, NFTA_OBJ_TABLE, kTable);
  return NothingIsFine(socket.Dump(
      request, [&] { out = {}; },
      [&](const nlmsghdr& message) {
        const ObjectHandle object(nftnl_obj_alloc());
        if (nftnl_obj_nlmsg_parse(&message, object.get()) != 0 ||
            nftnl_obj_get_u32(object.get(), NFTNL_OBJ_TYPE) != NFT_OBJECT_COUNTER) {
          return;
        }
        const std::string_view table = nftnl_obj_get_str(object.get(), NFTNL_OBJ_TABLE);
        const std::string_view name = nftnl_obj_get_str(object.get(), NFTNL_OBJ_NAME);
        const uint64_t packets = nftnl_obj_get_u64(object.get(), NFTNL_OBJ_CTR_PKTS);
        if (table != kTable) return;
        if (name == kFromCounter) out.from = packets;
        if (name == kToCounter) out.to = packets;
      }));
}

}  // namespace

absl::StatusOr<bool> HasTable(NetlinkSocket& socket, uint8_t family) {
  NetlinkRequest request = RequestFor(NFT_MSG_GETTABLE, family);
  AddText(request, NFTA_TABLE_NAME, kTable);
  const absl::Status status = socket.Talk(request, nullptr);
  // EINVAL: a kernel without nftables knows no such request (nfnetlink.c: nfnetlink_rcv_msg).
  if (absl::IsNotFound(status) || absl::IsInvalidArgument(status)) return false;
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<std::optional<FoundTable>> ReadTable(NetlinkSocket& socket, uint8_t family) {
  const absl::StatusOr<bool> there = HasTable(socket, family);
  if (!there.ok()) return there.status();
  if (!*there) return std::nullopt;
  FoundTable found;
  absl::Status status = ReadPorts(socket, family, kManagedSet, found.managed);
  if (status.ok()) status = ReadPorts(socket, family, kExemptSet, found.exempt);
  if (status.ok()) status = ReadNames(socket, family, found.exempt_names);
  if (status.ok()) status = ReadCounters(socket, family, found.dropped);
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<Dropped> ReadDropped(NetlinkSocket& socket, uint8_t family) {
  const absl::StatusOr<bool> there = HasTable(socket, family);
  if (!there.ok()) return there.status();
  if (!*there) return absl::NotFoundError("it is gone");
  Dropped dropped;
  if (absl::Status status = ReadCounters(socket, family, dropped); !status.ok()) return status;
  return dropped;
}

}  // namespace bulkhead::nft
