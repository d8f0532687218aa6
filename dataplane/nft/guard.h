// SPDX-License-Identifier: Apache-2.0
// Guard: the nftables tables `bridge bulkhead` and `inet bulkhead`, which drop what container interfaces send and get that no
// program of the dataplane holds. They stay when the process ends.
//
// Works in the network namespace of the thread that opened it. Thread safety: one thread at a time. Errors: as the kernel's.
// kUnimplemented: it has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE), or none at all. A table is changed whole or not at all.
#ifndef BULKHEAD_DATAPLANE_NFT_GUARD_H_
#define BULKHEAD_DATAPLANE_NFT_GUARD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/netlink.h"
#include "dataplane/nft/guard_rules.h"

namespace bulkhead::nft {

// What the control plane asks; tests fake it.
class GuardTables {
 public:
  virtual ~GuardTables() = default;

  virtual absl::StatusOr<FoundGuard> Read() = 0;
  // Of both tables, since they were first made. kNotFound: a table that was brought there is gone.
  virtual absl::StatusOr<Dropped> ReadDropped() = 0;
  // Makes the tables say that. By element where only sets changed since this object's last call; else the table is replaced, in one
  // transaction, its counters going on.
  virtual absl::Status Bring(const GuardRules& rules) = 0;
  // The same, and takes nothing that was there for granted: after somebody else has changed it.
  virtual absl::Status PutBack(const GuardRules& rules) = 0;
};

class Guard : public GuardTables {
 public:
  // kUnimplemented: no nftables at all.
  static absl::StatusOr<std::unique_ptr<Guard>> Open(KernelWriter& writer);

  absl::StatusOr<FoundGuard> Read() override;
  absl::StatusOr<Dropped> ReadDropped() override;
  absl::Status Bring(const GuardRules& rules) override;
  absl::Status PutBack(const GuardRules& rules) override;

  // By which a GuardMonitor knows this object's changes.
  uint32_t port() const { return socket_.port(); }

 private:
  struct Table {
    uint8_t family = 0;
    const char* op = nullptr;      // of the KernelWriter
    bool knows_bridges = true;     // until the kernel refused
    bool known = false;            // what is there
    std::optional<TableRules> is;  // in force as far as known
    Dropped dropped;               // as last read
  };
  Guard(KernelWriter& writer, NetlinkSocket socket);
  absl::StatusOr<std::optional<FoundTable>> ReadTable(Table& table);
  absl::Status BringTable(Table& table, const std::optional<TableRules>& rules);
  absl::Status Replace(Table& table, const TableRules& rules);
  absl::Status Remove(Table& table);

  KernelWriter& writer_;
  NetlinkSocket socket_;
  Table bridge_, routed_;
};

// Tells when somebody else changed one of the two tables.
class GuardMonitor {
 public:
  // own_port: whose changes do not count.
  static absl::StatusOr<GuardMonitor> Open(uint32_t own_port);
  int fd() const { return socket_.fd(); }  // readable when Drain has something
  // Whether somebody did, or may have while notifications were lost. Never blocks.
  bool Drain();

 private:
  GuardMonitor(NetlinkSocket socket, uint32_t own_port) : socket_(std::move(socket)), own_port_(own_port) {}
  NetlinkSocket socket_;
  uint32_t own_port_;
};

// For `bulkhead uninstall`: the tables that are there, for people ("nftables table bridge bulkhead"), and taking one of them away.
struct InstalledTable {
  uint8_t family = 0;
  std::string text;
};
absl::StatusOr<std::vector<InstalledTable>> FindTables();
absl::Status RemoveTable(KernelWriter& writer, uint8_t family);

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_GUARD_H_
