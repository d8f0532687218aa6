// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/new_images.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr char kStoreKey[] = "image_digests";

std::string KeyOf(const ServiceName& service, const std::string& digest) {
  return EncodeLabels({{"digest", digest}, {"namespace", service.first}, {"service", service.second}});
}

bool ParseTimes(const std::string& text, uint64_t* since, uint64_t* until) {
  const char* const end = text.data() + text.size();
  const auto [middle, error] = std::from_chars(text.data(), end, *since);
  if (error != std::errc() || middle == end || *middle != ' ') return false;
  const auto [last, second] = std::from_chars(middle + 1, end, *until);
  return second == std::errc() && last == end;
}

}  // namespace

absl::Status NewImages::Load() {
  const absl::StatusOr<std::optional<std::string>> stored = store_->Get(kStoreKey);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return absl::OkStatus();
  const absl::StatusOr<Labels> entries = DecodeLabels(**stored);
  if (!entries.ok()) return entries.status();
  std::map<ServiceName, Digests> services;
  for (const auto& [key, times] : *entries) {
    const absl::StatusOr<Labels> names = DecodeLabels(key);
    Digest digest;
    const auto name = [&names](const char* key) -> const std::string* {
      const auto at = names->find(key);
      return at == names->end() ? nullptr : &at->second;
    };
    if (!names.ok() || !name("namespace") || !name("service") || !name("digest") ||
        !ParseTimes(times, &digest.since, &digest.until)) {
      return absl::DataLossError("image digests cannot be read");
    }
    services[{*name("namespace"), *name("service")}][*name("digest")] = digest;
  }
  services_ = std::move(services);
  return absl::OkStatus();
}

absl::Status NewImages::Save() {
  Labels entries;
  for (const auto& [service, digests] : services_) {
    for (const auto& [name, digest] : digests) entries[KeyOf(service, name)] = absl::StrCat(digest.since, " ", digest.until);
  }
  const absl::Status status = store_->Set(kStoreKey, EncodeLabels(entries));
  unsaved_ = !status.ok();
  return status;
}

// Whether it was not known.
bool NewImages::Add(Digests* digests, const std::string& digest, bool first, Mode mode, uint64_t unix_now) {
  const auto [at, fresh] = digests->try_emplace(digest);
  if (!fresh) return false;
  const bool newcomer = !first && mode == Mode::kEnforce && choice_ != NewImage::kEnforce;
  at->second = {unix_now, newcomer ? unix_now + grace_ : 0};
  return true;
}

void NewImages::ForgetServices(const std::map<ServiceName, std::set<std::string>>& live) {
  if (services_.size() <= kMaxServices) return;
  std::set<std::pair<uint64_t, ServiceName>> idle;  // by their newest digest
  for (const auto& [service, digests] : services_) {
    uint64_t newest = 0;
    for (const auto& [name, digest] : digests) newest = std::max(newest, digest.since);
    if (!live.contains(service)) idle.emplace(newest, service);
  }
  for (auto at = idle.begin(); at != idle.end() && services_.size() > kMaxServices; ++at) {
    services_.erase(at->second);
    unsaved_ = true;
  }
}

absl::Status NewImages::Sync(const std::map<IdentityId, std::set<IpAddress>>& identities, const Modes& modes, uint64_t unix_now) {
  std::map<ServiceName, std::set<std::string>> live;
  std::map<IdentityId, NewcomerView> newcomers;
  for (const auto& [id, addresses] : identities) {
    const Identity* identity = interner_->Find(id);
    if (identity != nullptr && !identity->image_digest.empty()) live[{identity->ns, identity->service}].insert(identity->image_digest);
  }
  for (const auto& [service, digests] : live) {
    Digests& known = services_[service];
    const bool first = known.empty();  // then all of these are its first
    for (const std::string& digest : digests) {
      unsaved_ = Add(&known, digest, first, modes.Of(service.first, service.second), unix_now) || unsaved_;
    }
    while (known.size() > std::max(kMaxDigests, digests.size())) {
      auto oldest = known.end();
      for (auto at = known.begin(); at != known.end(); ++at) {
        const bool older = oldest == known.end() || at->second.since < oldest->second.since;
        if (!digests.contains(at->first) && older) oldest = at;
      }
      known.erase(oldest);
    }
  }
  ForgetServices(live);
  for (const auto& [id, addresses] : identities) {
    const Identity* identity = interner_->Find(id);
    if (identity == nullptr || identity->image_digest.empty()) continue;
    const Digest& digest = services_[{identity->ns, identity->service}][identity->image_digest];
    if (digest.until <= unix_now) continue;
    newcomers[id] = {choice_ == NewImage::kLearn ? Newcomer::kAdmitted : Newcomer::kReported, digest.since, digest.until};
  }
  // One that has no workload now keeps its place until its time is over, so that policy is not made anew whenever one stops.
  for (const auto& [id, newcomer] : newcomers_) {
    if (newcomer.until > unix_now) newcomers.try_emplace(id, newcomer);
  }
  newcomers_ = std::move(newcomers);
  return unsaved_ ? Save() : absl::OkStatus();
}

}  // namespace bulkhead
