// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nft/guard.h"

// Before the kernel's headers, which then leave the same names alone.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/nft/table_reader.h"
#include "dataplane/nft/table_writer.h"

namespace bulkhead::nft {
namespace {

constexpr uint8_t kFamilies[] = {NFPROTO_BRIDGE, NFPROTO_INET};

const char* FamilyText(uint8_t family) { return family == NFPROTO_BRIDGE ? "bridge" : "inet"; }

std::string NameOf(uint8_t family) { return absl::StrCat("nftables table ", FamilyText(family), " ", kTable); }

absl::Status About(uint8_t family, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(NameOf(family), ": ", std::string(status.message())));
}

absl::StatusOr<NetlinkSocket> OpenSocket() {
  auto socket = NetlinkSocket::Open({}, NETLINK_NETFILTER);
  if (socket.ok()) return socket;
  return absl::UnimplementedError(absl::StrCat("this kernel has no nftables: ", std::string(socket.status().message())));
}

}  // namespace

Guard::Guard(KernelWriter& writer, NetlinkSocket socket) : writer_(writer), socket_(std::move(socket)) {
  bridge_.family = NFPROTO_BRIDGE;
  bridge_.op = "guard-bridge";
  routed_.family = NFPROTO_INET;
  routed_.op = "guard-inet";
  routed_.knows_bridges = false;
}

absl::StatusOr<std::unique_ptr<Guard>> Guard::Open(KernelWriter& writer) {
  auto socket = OpenSocket();
  if (!socket.ok()) return socket.status();
  return std::unique_ptr<Guard>(new Guard(writer, *std::move(socket)));
}

absl::StatusOr<std::optional<FoundTable>> Guard::ReadTable(Table& table) {
  absl::StatusOr<std::optional<FoundTable>> found = nft::ReadTable(socket_, table.family);
  if (!found.ok()) return About(table.family, found.status());
  // A counter that somebody has put back to zero goes on from what was last read.
  if (found->has_value()) {
    Dropped& dropped = (*found)->dropped;
    table.dropped = dropped = {std::max(dropped.from, table.dropped.from), std::max(dropped.to, table.dropped.to)};
  }
  return found;
}

absl::StatusOr<FoundGuard> Guard::Read() {
  auto bridge = ReadTable(bridge_);
  if (!bridge.ok()) return bridge.status();
  auto routed = ReadTable(routed_);
  if (!routed.ok()) return routed.status();
  return FoundGuard{*std::move(bridge), *std::move(routed)};
}

absl::StatusOr<Dropped> Guard::ReadDropped() {
  Dropped sum;
  for (Table* table : {&bridge_, &routed_}) {
    if (table->is) {
      const absl::StatusOr<Dropped> dropped = nft::ReadDropped(socket_, table->family);
      if (!dropped.ok()) return About(table->family, dropped.status());
      table->dropped = *dropped;
    }
    sum.from += table->dropped.from;
    sum.to += table->dropped.to;
  }
  return sum;
}

absl::Status Guard::Bring(const GuardRules& rules) {
  const absl::Status bridge = BringTable(bridge_, rules.bridge);
  const absl::Status routed = BringTable(routed_, rules.routed);
  return bridge.ok() ? routed : bridge;
}

absl::Status Guard::PutBack(const GuardRules& rules) {
  bridge_.known = routed_.known = false;
  return Bring(rules);
}

absl::Status Guard::BringTable(Table& table, const std::optional<TableRules>& rules) {
  if (table.known && table.is == rules) return absl::OkStatus();
  if (!rules) return Remove(table);
  if (table.known && table.is && table.is->patterns == rules->patterns) {
    Batch batch;
    AddChange({table.family, table.knows_bridges}, *table.is, *rules, batch);
    if (batch.empty() || writer_.CommitRules(table.op, socket_, batch.Finish()).ok()) {
      table.is = rules;
      return absl::OkStatus();
    }
    // It is not what we thought; whole, it will be.
  }
  return Replace(table, *rules);
}

absl::Status Guard::Replace(Table& table, const TableRules& rules) {
  table.known = false;
  if (auto found = ReadTable(table); !found.ok()) return found.status();  // for the counters
  const auto commit = [&] {
    Batch batch;
    AddReplacement({table.family, table.knows_bridges}, rules, table.dropped, batch);
    return writer_.CommitRules(table.op, socket_, batch.Finish());
  };
  absl::Status status = commit();
  if (!status.ok() && table.knows_bridges) {
    // Perhaps for want of `meta ibrname` (CONFIG_NFT_BRIDGE_META) alone.
    table.knows_bridges = false;
    const absl::Status without = commit();
    if (!without.ok()) table.knows_bridges = true;
    status = without;
  }
  if (!status.ok()) return About(table.family, status);
  table.is = rules;
  table.known = true;
  return absl::OkStatus();
}

absl::Status Guard::Remove(Table& table) {
  table.known = false;
  const absl::StatusOr<bool> there = HasTable(socket_, table.family);
  if (!there.ok()) return About(table.family, there.status());
  if (*there) {
    Batch batch;
    AddRemoval(table.family, batch);
    if (absl::Status status = writer_.CommitRules(table.op, socket_, batch.Finish()); !status.ok()) {
      return About(table.family, status);
    }
  }
  table.is.reset();
  table.known = true;
  return absl::OkStatus();
}

absl::StatusOr<GuardMonitor> GuardMonitor::Open(uint32_t own_port) {
  const int groups[] = {NFNLGRP_NFTABLES};
  auto socket = NetlinkSocket::Open(groups, NETLINK_NETFILTER);
  if (!socket.ok()) return socket.status();
  return GuardMonitor(*std::move(socket), own_port);
}

bool GuardMonitor::Drain() {
  bool changed = false;
  const absl::Status status = socket_.Drain([&](const nlmsghdr& message) {
    if (message.nlmsg_pid == own_port_ || (message.nlmsg_type & 0xff) == NFT_MSG_NEWGEN) return;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return;
    const uint8_t family = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&message))->nfgen_family;
    if (family != NFPROTO_BRIDGE && family != NFPROTO_INET) return;
    // The table's name is the first attribute of all that tells of a table or of what is in one (linux/netfilter/nf_tables.h).
    static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
                  NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1);
    changed |= StringOf(AttributesOf<1>(message, sizeof(nfgenmsg))[1]) == kTable;
  });
  return changed || !status.ok();
}

absl::StatusOr<std::vector<InstalledTable>> FindTables() {
  std::vector<InstalledTable> out;
  auto socket = OpenSocket();
  if (!socket.ok()) return out;
  for (const uint8_t family : kFamilies) {
    const absl::StatusOr<bool> there = HasTable(*socket, family);
    if (!there.ok()) return About(family, there.status());
    if (*there) out.push_back({family, NameOf(family)});
  }
  return out;
}

absl::Status RemoveTable(KernelWriter& writer, uint8_t family) {
  auto socket = OpenSocket();
  if (!socket.ok()) return socket.status();
  Batch batch;
  AddRemoval(family, batch);
  return writer.CommitRules("guard-remove", *socket, batch.Finish());
}

}  // namespace bulkhead::nft
