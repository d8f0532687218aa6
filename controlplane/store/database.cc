// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/database.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

// The primary result code is the low byte (sqlite.org/rescode.html).
absl::Status ErrorOf(sqlite3* handle, int code, std::string_view what) {
  const std::string message = absl::StrCat(std::string(what), ": ", handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return absl::DataLossError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return absl::UnavailableError(message);
    case SQLITE_FULL: return absl::ResourceExhaustedError(message);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return absl::PermissionDeniedError(message);
    case SQLITE_CONSTRAINT: return absl::AlreadyExistsError(message);
    default: return absl::InternalError(message);
  }
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), bind_error_(std::move(other.bind_error_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

void Statement::Check(int code) {
  if (code != SQLITE_OK && bind_error_.ok()) bind_error_ = ErrorOf(sqlite3_db_handle(statement_), code, "bind");
}

Statement& Statement::BindInt(int parameter, int64_t value) {
  Check(sqlite3_bind_int64(statement_, parameter, value));
  return *this;
}

Statement& Statement::BindText(int parameter, std::string_view value) {
  Check(sqlite3_bind_text64(statement_, parameter, value.data() == nullptr ? "" : value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, not an empty blob.
  Check(sqlite3_bind_blob64(statement_, parameter, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (statement_ == nullptr) return absl::FailedPreconditionError("statement was not prepared");
  if (!bind_error_.ok()) return std::exchange(bind_error_, absl::OkStatus());
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  absl::Status error = ErrorOf(sqlite3_db_handle(statement_), code, "step");
  sqlite3_reset(statement_);
  return error;
}

absl::Status Statement::Run() {
  while (true) {
    absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  bind_error_ = absl::OkStatus();
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::Text(int column) const { return Blob(column); }

std::string Statement::Blob(int column) const {
  // The pointer first, then the size: the order that SQLite asks for (sqlite.org/c3ref/column_blob.html).
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  if (const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr); code != SQLITE_OK) {
    absl::Status error = ErrorOf(handle, code, path);
    sqlite3_close_v2(handle);
    return error;
  }
  std::unique_ptr<Database> database(new Database(path, handle));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // auto_vacuum can be chosen only before anything is in the file, and WAL writes to it; in a file that has tables it does nothing.
  // NORMAL: after a power cut the last transactions may be missing, never torn, and no commit waits for the disk.
  // A log that one large transaction made long is cut to 16 MiB when it has been written back.
  for (const char* pragma : {"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                             "PRAGMA foreign_keys=ON", "PRAGMA journal_size_limit=16777216"}) {
    if (absl::Status status = database->Exec(pragma); !status.ok()) return status;
  }
  if (absl::Status status = database->QuickCheck(); !status.ok()) return status;
  return database;
}

absl::Status Database::QuickCheck() {
  absl::StatusOr<Statement> check = Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  absl::StatusOr<bool> row = check->Step();
  if (!row.ok()) return row.status();
  return *row && check->Text(0) != "ok" ? absl::DataLossError(absl::StrCat(path_, ": ", check->Text(0))) : absl::OkStatus();
}

absl::Status Database::CheckFile(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, nullptr);
  Database database(path, handle);  // closes it in any case
  if (code != SQLITE_OK) return ErrorOf(handle, code, path);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database.QuickCheck();
}

Database::~Database() { sqlite3_close_v2(handle_); }

absl::Status Database::Exec(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(handle_, code, path_);
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return ErrorOf(handle_, code, path_);
  return Statement(statement);
}

absl::Status Database::Transaction(const std::function<absl::Status()>& body) {
  if (absl::Status status = Exec("BEGIN IMMEDIATE"); !status.ok()) return status;
  absl::Status status = body();
  if (status.ok()) status = Exec("COMMIT");
  if (!status.ok()) {
    // Some errors have rolled back already; then this one fails and says nothing new.
    (void)Exec("ROLLBACK");
  }
  return status;
}

absl::Status Database::Migrate(const std::string& component, const std::vector<std::string>& steps) {
  absl::Status status = Exec("CREATE TABLE IF NOT EXISTS schema_version (component TEXT PRIMARY KEY, version INTEGER NOT NULL)");
  if (!status.ok()) return status;
  return Transaction([&]() -> absl::Status {
    absl::StatusOr<Statement> get = Prepare("SELECT version FROM schema_version WHERE component = ?");
    if (!get.ok()) return get.status();
    absl::StatusOr<bool> row = get->BindText(1, component).Step();
    if (!row.ok()) return row.status();
    const int64_t version = *row ? get->Int(0) : 0;
    get->Reset();
    if (version < 0) return absl::DataLossError(absl::StrCat(path_, ": ", component, " has version ", version));
    if (version > static_cast<int64_t>(steps.size())) {
      return absl::FailedPreconditionError(absl::StrCat(path_, ": ", component, " has version ", version, ", this program knows ",
                                                        steps.size(), " at most"));
    }
    for (int64_t step = version; step < static_cast<int64_t>(steps.size()); ++step) {
      if (absl::Status done = Exec(steps[static_cast<size_t>(step)]); !done.ok()) return done;
    }
    absl::StatusOr<Statement> set = Prepare("INSERT OR REPLACE INTO schema_version (component, version) VALUES (?, ?)");
    if (!set.ok()) return set.status();
    return set->BindText(1, component).BindInt(2, static_cast<int64_t>(steps.size())).Run();
  });
}

absl::Status Database::Trim(uint32_t pages) {
  uint64_t counts[2] = {};
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<Statement> count = Prepare(i == 0 ? "PRAGMA freelist_count" : "PRAGMA page_count");
    if (!count.ok()) return count.status();
    if (absl::StatusOr<bool> row = count->Step(); !row.ok()) return row.status();
    counts[i] = static_cast<uint64_t>(count->Int(0));
  }
  const auto [unused, all] = counts;
  if (unused < pages || unused * 4 < all) return absl::OkStatus();
  return Exec(absl::StrCat("PRAGMA incremental_vacuum(", pages, ")"));
}

int64_t Database::Changes() const { return sqlite3_changes64(handle_); }
int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(handle_); }

}  // namespace bulkhead
