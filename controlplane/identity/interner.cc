// SPDX-License-Identifier: Apache-2.0
#include "controlplane/identity/interner.h"

#include <algorithm>
#include <utility>

namespace bulkhead {
namespace {

// Length first: no two different sequences of strings give the same bytes, whatever bytes they hold.
void Append(std::string* key, std::string_view part) {
  const uint64_t size = part.size();
  key->append(reinterpret_cast<const char*>(&size), sizeof(size));
  key->append(part);
}

}  // namespace

IdentityInterner::IdentityInterner(const std::vector<Identity>& known) {
  for (const Identity& identity : known) {
    if (identity.id < kFirstIdentity) continue;
    ids_.emplace(KeyOf(identity.ns, identity.service, identity.labels, identity.image_digest), identity.id);
    identities_.emplace(identity.id, identity);
    next_ = std::max(next_, identity.id + 1);
  }
}

std::string IdentityInterner::KeyOf(const std::string& ns, const std::string& service, const Labels& labels,
                                    const std::string& image_digest) {
  std::string key;
  Append(&key, ns);
  Append(&key, service);
  Append(&key, image_digest);
  for (const auto& [name, value] : labels) {
    Append(&key, name);
    Append(&key, value);
  }
  return key;
}

IdentityId IdentityInterner::Intern(const std::string& ns, const std::string& service, const Labels& labels,
                                    const std::string& image_digest) {
  const auto [at, inserted] = ids_.emplace(KeyOf(ns, service, labels, image_digest), next_);
  if (inserted) {
    identities_.emplace(next_, Identity{next_, ns, service, labels, image_digest});
    new_.push_back(next_);
    ++next_;
  }
  return at->second;
}

const Identity* IdentityInterner::Find(IdentityId id) const {
  const auto at = identities_.find(id);
  return at == identities_.end() ? nullptr : &at->second;
}

std::vector<Identity> IdentityInterner::TakeNew() {
  std::vector<Identity> out;
  for (const IdentityId id : std::exchange(new_, {})) out.push_back(identities_.at(id));
  return out;
}

}  // namespace bulkhead
