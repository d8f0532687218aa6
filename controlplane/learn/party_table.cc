// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/party_table.h"

#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"

namespace bulkhead::learn {
namespace {

PartyKind KindOf(IdentityId id) {
  switch (id) {
    case kIdentityHost:
      return PartyKind::kHost;
    case kIdentityWorld:
      return PartyKind::kWorld;
    default:
      return id < kFirstIdentity ? PartyKind::kUnknown : PartyKind::kService;
  }
}

}  // namespace

std::string PackLabels(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) absl::StrAppend(&out, key.size(), ":", key, value.size(), ":", value);
  return out;
}

absl::StatusOr<Labels> UnpackLabels(std::string_view bytes) {
  const auto take = [&bytes]() -> std::optional<std::string> {
    size_t length = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), length);
    const size_t digits = static_cast<size_t>(end - bytes.data());
    if (error != std::errc() || digits >= bytes.size() || bytes[digits] != ':') return std::nullopt;
    if (length > bytes.size() - digits - 1) return std::nullopt;
    std::string out(bytes.substr(digits + 1, length));
    bytes.remove_prefix(digits + 1 + length);
    return out;
  };
  Labels labels;
  while (!bytes.empty()) {
    const auto key = take();
    const auto value = take();
    if (!key || !value) return absl::DataLossError("learn_parties: labels cannot be read");
    labels[*key] = *value;
  }
  return labels;
}

absl::Status PartyTable::Open(Database* database) {
  database_ = database;
  const std::pair<Statement*, const char*> all[] = {
      {&find_, "SELECT id, latest FROM learn_parties WHERE kind = ?1 AND ns = ?2 AND service = ?3 AND labels = ?4 AND digest = ?5"},
      {&add_, "INSERT INTO learn_parties (kind, ns, service, labels, digest, latest) VALUES (?1,?2,?3,?4,?5,?6)"},
      {&touch_, "UPDATE learn_parties SET latest = ?2 WHERE id = ?1"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::Status PartyTable::FindOrAdd(const Content& content, IdentityId id, std::pair<int64_t, IdentityId>* row) {
  const auto bind = [&content](Statement& statement) -> Statement& {
    return statement.BindInt(1, static_cast<int64_t>(std::get<0>(content)))
        .BindText(2, std::get<1>(content))
        .BindText(3, std::get<2>(content))
        .BindBlob(4, std::get<3>(content))
        .BindText(5, std::get<4>(content));
  };
  const auto found = bind(find_).Step();
  if (!found.ok()) return found.status();
  if (*found) {
    *row = {find_.Int(0), static_cast<IdentityId>(find_.Int(1))};
    find_.Reset();
    return absl::OkStatus();
  }
  if (auto status = bind(add_).BindInt(6, id).Run(); !status.ok()) return status;
  *row = {database_->LastInsertId(), id};
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PartyTable::Row(IdentityId id, const Learner::IdentityLookup& lookup) {
  const PartyKind kind = KindOf(id);
  Content content{kind, "", "", "", ""};
  if (kind == PartyKind::kService) {
    const Identity* identity = lookup(id);
    if (identity == nullptr) return 0;
    content = {kind, identity->ns, identity->service, PackLabels(identity->labels), identity->image_digest};
  }
  auto& row = rows_[content];
  if (row.first == 0) {
    if (auto status = FindOrAdd(content, id, &row); !status.ok()) return status;
  }
  if (row.second != id) {
    if (auto status = touch_.BindInt(1, row.first).BindInt(2, id).Run(); !status.ok()) return status;
    row.second = id;
  }
  return row.first;
}

absl::Status PartyTable::DropUnused() {
  rows_.clear();
  return database_->Exec(
      "DELETE FROM learn_parties WHERE id NOT IN (SELECT source FROM learn_edges UNION SELECT destination FROM learn_edges UNION "
      "SELECT party FROM learn_presence UNION SELECT party FROM learn_listeners UNION SELECT party FROM learn_quarantine)");
}

}  // namespace bulkhead::learn
