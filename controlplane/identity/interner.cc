// SPDX-License-Identifier: Apache-2.0
#include "controlplane/identity/interner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

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
    ids_.emplace(KeyOf(identity), identity.id);
    identities_.emplace(identity.id, identity);
    next_ = std::max(next_, identity.id + 1);
  }
}

std::string IdentityInterner::KeyOf(const Identity& identity) {
  std::string key, ports;
  for (const NamedPort& port : identity.named_ports) {
    Append(&ports, port.name);
    Append(&ports, absl::StrCat(port.protocol, "/", port.port));
  }
  Append(&key, identity.ns);
  Append(&key, identity.service);
  Append(&key, identity.image_digest);
  Append(&key, ports);
  for (const auto& [name, value] : identity.labels) {
    Append(&key, name);
    Append(&key, value);
  }
  return key;
}

IdentityId IdentityInterner::Intern(const std::string& ns, const std::string& service, const Labels& labels,
                                    const std::string& image_digest, const std::vector<NamedPort>& named_ports) {
  Identity identity{next_, ns, service, labels, image_digest, named_ports};
  const auto [at, inserted] = ids_.emplace(KeyOf(identity), next_);
  if (inserted) {
    identities_.emplace(next_, std::move(identity));
    new_.push_back(next_);
    ++next_;
  }
  return at->second;
}

void IdentityInterner::Reserve(IdentityId last) { next_ = std::max(next_, last + 1); }

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
