// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

const std::vector<std::string>& Schema() {
  static const auto* const steps = new std::vector<std::string>{
      // labels: EncodeLabels. Text columns hold any bytes.
      "CREATE TABLE identities (id INTEGER PRIMARY KEY, ns BLOB NOT NULL, service BLOB NOT NULL, labels BLOB NOT NULL,"
      " image_digest BLOB NOT NULL);"
      // key: RuleInfo::key. The other columns are as of the last policy that had the rule.
      "CREATE TABLE rules (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, tier INTEGER NOT NULL, policy_ns BLOB NOT NULL,"
      " policy BLOB NOT NULL, direction INTEGER NOT NULL, rule_index INTEGER NOT NULL, file BLOB NOT NULL, line INTEGER NOT NULL,"
      " col INTEGER NOT NULL);"
      "CREATE TABLE key_values (key TEXT PRIMARY KEY, value BLOB NOT NULL);",
      // named_ports: EncodeNamedPorts.
      "ALTER TABLE identities ADD COLUMN named_ports BLOB NOT NULL DEFAULT x'';",
  };
  return *steps;
}

// A place beside the file that is free.
std::string AsidePath(const std::string& path) {
  std::error_code error;
  for (int n = 1;; ++n) {
    std::string aside = absl::StrCat(path, ".bad-", n);
    if (n == 1000 || !std::filesystem::exists(aside, error)) return aside;
  }
}

absl::Status MoveAside(const std::string& path, const std::string& aside) {
  std::error_code error;
  std::filesystem::rename(path, aside, error);
  if (error) return absl::InternalError(absl::StrCat(path, ": ", error.message()));
  // The log and its index belong to the old file; left behind they would be replayed into the new one.
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code missing;
    std::filesystem::rename(absl::StrCat(path, suffix), absl::StrCat(aside, suffix), missing);
  }
  return absl::OkStatus();
}

void AppendString(std::string* out, std::string_view value) {
  const auto size = static_cast<uint32_t>(value.size());
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(size >> shift & 0xff));
  out->append(value);
}

bool TakeString(std::string_view* bytes, std::string* out) {
  if (bytes->size() < 4) return false;
  uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size |= static_cast<uint32_t>(static_cast<uint8_t>((*bytes)[static_cast<size_t>(i)])) << (8 * i);
  bytes->remove_prefix(4);
  if (bytes->size() < size) return false;
  *out = std::string(bytes->substr(0, size));
  bytes->remove_prefix(size);
  return true;
}

}  // namespace

std::string EncodeLabels(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    AppendString(&out, name);
    AppendString(&out, value);
  }
  return out;
}

absl::StatusOr<Labels> DecodeLabels(std::string_view bytes) {
  Labels labels;
  while (!bytes.empty()) {
    std::string name, value;
    if (!TakeString(&bytes, &name) || !TakeString(&bytes, &value)) return absl::DataLossError("stored labels are cut");
    labels.emplace(std::move(name), std::move(value));
  }
  return labels;
}

std::string EncodeNamedPorts(const std::vector<NamedPort>& ports) {
  std::string out;
  for (const NamedPort& port : ports) {
    AppendString(&out, port.name);
    out.push_back(static_cast<char>(port.protocol));
    out.push_back(static_cast<char>(port.port & 0xff));
    out.push_back(static_cast<char>(port.port >> 8));
  }
  return out;
}

absl::StatusOr<std::vector<NamedPort>> DecodeNamedPorts(std::string_view bytes) {
  std::vector<NamedPort> ports;
  while (!bytes.empty()) {
    NamedPort port;
    if (!TakeString(&bytes, &port.name) || bytes.size() < 3) return absl::DataLossError("stored port names are cut");
    port.protocol = static_cast<uint8_t>(bytes[0]);
    port.port = static_cast<uint16_t>(static_cast<uint8_t>(bytes[1]) | static_cast<uint8_t>(bytes[2]) << 8);
    bytes.remove_prefix(3);
    ports.push_back(std::move(port));
  }
  return ports;
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenOnce(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(path);
  if (!database.ok()) return database.status();
  if (absl::Status status = (*database)->Migrate("store", Schema()); !status.ok()) return status;
  std::unique_ptr<Store> store(new Store(*std::move(database)));
  if (absl::Status status = store->CheckReadable(); !status.ok()) return status;
  if (path != ":memory:") store->path_ = path;
  return store;
}

// A file may be a sound database and still not hold what we wrote: it is as useless as one that is damaged.
absl::Status Store::CheckReadable() {
  absl::Status status = LoadIdentities().status();
  if (status.ok()) status = LoadRules().status();
  if (status.ok()) status = Get("generation").status();
  if (status.ok() || absl::IsUnavailable(status)) return status;
  return absl::DataLossError(status.message());
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenOnce(path);
  if (store.ok()) return store;
  std::string problem = absl::StrCat("state: ", std::string(store.status().message()));
  if (absl::IsDataLoss(store.status()) || absl::IsFailedPrecondition(store.status())) {
    const std::string aside = AsidePath(path);
    if (absl::Status moved = MoveAside(path, aside); moved.ok()) {
      absl::StrAppend(&problem, "; moved to ", aside, " and begun anew");
      store = OpenOnce(path);
    }
  }
  if (!store.ok()) {
    absl::StrAppend(&problem, "; nothing is remembered over a restart");
    store = OpenOnce(":memory:");
  }
  if (store.ok()) (*store)->problem_ = problem;
  return store;
}

absl::StatusOr<std::vector<Identity>> Store::LoadIdentities() {
  absl::StatusOr<Statement> select =
      database_->Prepare("SELECT id, ns, service, labels, image_digest, named_ports FROM identities ORDER BY id");
  if (!select.ok()) return select.status();
  std::vector<Identity> out;
  while (true) {
    absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    Identity identity;
    identity.id = static_cast<IdentityId>(select->Int(0));
    identity.ns = select->Blob(1);
    identity.service = select->Blob(2);
    absl::StatusOr<Labels> labels = DecodeLabels(select->Blob(3));
    if (!labels.ok()) return labels.status();
    identity.labels = *std::move(labels);
    identity.image_digest = select->Blob(4);
    absl::StatusOr<std::vector<NamedPort>> ports = DecodeNamedPorts(select->Blob(5));
    if (!ports.ok()) return ports.status();
    identity.named_ports = *std::move(ports);
    out.push_back(std::move(identity));
  }
}

absl::Status Store::SaveIdentities(const std::vector<Identity>& identities) {
  if (identities.empty()) return absl::OkStatus();
  return database_->Transaction([&]() -> absl::Status {
    absl::StatusOr<Statement> insert = database_->Prepare(
        "INSERT OR REPLACE INTO identities (id, ns, service, labels, image_digest, named_ports) VALUES (?, ?, ?, ?, ?, ?)");
    if (!insert.ok()) return insert.status();
    for (const Identity& identity : identities) {
      insert->BindInt(1, identity.id).BindBlob(2, identity.ns).BindBlob(3, identity.service);
      insert->BindBlob(4, EncodeLabels(identity.labels)).BindBlob(5, identity.image_digest);
      insert->BindBlob(6, EncodeNamedPorts(identity.named_ports));
      if (absl::Status status = insert->Run(); !status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<RuleInfo>> Store::LoadRules() {
  absl::StatusOr<Statement> select = database_->Prepare(
      "SELECT id, key, tier, policy_ns, policy, direction, rule_index, file, line, col FROM rules ORDER BY id");
  if (!select.ok()) return select.status();
  std::vector<RuleInfo> out;
  while (true) {
    absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    RuleInfo rule;
    rule.id = static_cast<uint32_t>(select->Int(0));
    rule.key = select->Blob(1);
    rule.tier = static_cast<Tier>(select->Int(2));
    rule.policy_ns = select->Blob(3);
    rule.policy = select->Blob(4);
    rule.direction = static_cast<Direction>(select->Int(5));
    rule.index = static_cast<int>(select->Int(6));
    rule.pos = {select->Blob(7), static_cast<int>(select->Int(8)), static_cast<int>(select->Int(9))};
    out.push_back(std::move(rule));
  }
}

absl::Status Store::SaveRules(const std::vector<RuleInfo>& rules) {
  if (rules.empty()) return absl::OkStatus();
  return database_->Transaction([&]() -> absl::Status {
    absl::StatusOr<Statement> insert = database_->Prepare(
        "INSERT OR REPLACE INTO rules (id, key, tier, policy_ns, policy, direction, rule_index, file, line, col)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    if (!insert.ok()) return insert.status();
    for (const RuleInfo& rule : rules) {
      insert->BindInt(1, rule.id).BindBlob(2, rule.key).BindInt(3, static_cast<int>(rule.tier)).BindBlob(4, rule.policy_ns);
      insert->BindBlob(5, rule.policy).BindInt(6, static_cast<int>(rule.direction)).BindInt(7, rule.index);
      insert->BindBlob(8, rule.pos.file).BindInt(9, rule.pos.line).BindInt(10, rule.pos.column);
      if (absl::Status status = insert->Run(); !status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<std::string>> Store::Get(std::string_view key) {
  absl::StatusOr<Statement> select = database_->Prepare("SELECT value FROM key_values WHERE key = ?");
  if (!select.ok()) return select.status();
  absl::StatusOr<bool> row = select->BindText(1, key).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::optional<std::string>();
  return std::optional<std::string>(select->Blob(0));
}

absl::Status Store::Set(std::string_view key, std::string_view value) {
  absl::StatusOr<Statement> insert = database_->Prepare("INSERT OR REPLACE INTO key_values (key, value) VALUES (?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->BindText(1, key).BindBlob(2, value).Run();
}

absl::Status Store::Erase(std::string_view key) {
  absl::StatusOr<Statement> erase = database_->Prepare("DELETE FROM key_values WHERE key = ?");
  if (!erase.ok()) return erase.status();
  return erase->BindText(1, key).Run();
}

}  // namespace bulkhead
