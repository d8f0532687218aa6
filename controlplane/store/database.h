// SPDX-License-Identifier: Apache-2.0
// Database: one connection to the daemon's SQLite file, prepared statements and transactions with absl::Status.
//
// Thread safety: a Database and its statements belong to one thread at a time. Threads that need the data open the same path again;
// WAL lets readers go on while one writes, and a writer waits up to kBusyTimeoutMs for another.
// Errors: kDataLoss = the file is damaged, kUnavailable = another connection held the lock too long, kResourceExhausted = disk full,
// kInternal = a wrong statement; messages carry SQLite's own words.
#ifndef BULKHEAD_CONTROLPLANE_STORE_DATABASE_H_
#define BULKHEAD_CONTROLPLANE_STORE_DATABASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bulkhead {

inline constexpr int kBusyTimeoutMs = 2000;

// A prepared statement. Parameters count from 1, columns from 0. A failed Bind is reported by the next Step. Keep it as a member and
// use it again: Run resets it by itself; after a loop over Step that ends early, call Reset.
class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  Statement& BindInt(int parameter, int64_t value);
  Statement& BindText(int parameter, std::string_view value);  // copied
  Statement& BindBlob(int parameter, std::string_view bytes);  // copied

  // true: a row can be read; false: done (and reset, bindings kept).
  absl::StatusOr<bool> Step();
  // For statements without rows: steps to the end and resets.
  absl::Status Run();
  void Reset();

  int64_t Int(int column) const;
  std::string Text(int column) const;  // any bytes, NUL included
  std::string Blob(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void Check(int code);

  sqlite3_stmt* statement_ = nullptr;
  absl::Status bind_error_;
};

class Database {
 public:
  // Opens or creates. ":memory:" is a database of its own, gone with the object. kDataLoss: not a database, or damaged.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  // Reads all of a file that others may have open, without what they keep in memory of it. kDataLoss: damaged.
  static absl::Status CheckFile(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }

  // One or more statements separated by `;`, without parameters and rows.
  absl::Status Exec(const std::string& sql);
  absl::StatusOr<Statement> Prepare(std::string_view sql);

  // Runs `body` within BEGIN IMMEDIATE .. COMMIT; rolled back when it fails. Not nested.
  absl::Status Transaction(const std::function<absl::Status()>& body);

  // Brings a component's tables to version steps.size(): runs the steps that this file has not seen, each with its version in one
  // transaction. Steps are appended, never changed. kFailedPrecondition: the file comes from a newer program.
  absl::Status Migrate(const std::string& component, const std::vector<std::string>& steps);

  // Gives up to `pages` of the file's unused pages (of 4096 bytes) back, the file's size with them at the next checkpoint; nothing while
  // fewer than that, or less than a quarter of the file, are unused: they will be used again. Each of them costs about a page's write,
  // so `pages` bounds how long this takes. Outside of transactions. A file of before this was possible keeps its size.
  absl::Status Trim(uint32_t pages);

  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t Changes() const;
  int64_t LastInsertId() const;

 private:
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  absl::Status QuickCheck();

  std::string path_;
  sqlite3* handle_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_STORE_DATABASE_H_
