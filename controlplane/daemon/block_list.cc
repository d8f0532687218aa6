// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/block_list.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/uplink.h"

namespace bulkhead {
namespace {

constexpr char kBlocksKey[] = "blocked";
// As many as one family has room for: then no mixture is refused by the dataplane.
constexpr size_t kMostBlocks = BH_MAX_BLOCKED;

bool TakeNumber(std::string_view* text, char end, uint64_t* number) {
  const auto [at, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || at == text->data() + text->size() || *at != end) return false;
  text->remove_prefix(static_cast<size_t>(at - text->data()) + 1);
  return true;
}

}  // namespace

BlockList::BlockList(Store* store, Uplinks* uplinks) : store_(store), uplinks_(uplinks) { Load(); }

// Stored as lines "SINCE UNTIL PREFIX".
absl::Status BlockList::Save(const Blocks& blocks) {
  std::string text;
  for (const auto& [prefix, block] : blocks) absl::StrAppend(&text, block.since, " ", block.until, " ", prefix.ToString(), "\n");
  return store_->Set(kBlocksKey, text);
}

void BlockList::Load() {
  const absl::StatusOr<std::optional<std::string>> stored = store_->Get(kBlocksKey);
  if (!stored.ok()) lost_ = absl::StrCat("blocked prefixes: ", std::string(stored.status().message()));
  if (!stored.ok() || !stored->has_value()) return;
  std::string_view rest = **stored;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    Block block;
    std::optional<Prefix> prefix;
    if (TakeNumber(&line, ' ', &block.since) && TakeNumber(&line, ' ', &block.until)) prefix = Prefix::Parse(line);
    if (prefix) {
      blocks_[*prefix] = block;
    } else {
      lost_ = "blocked prefixes: some of those that were stored cannot be read";
    }
  }
}

absl::Status BlockList::Publish() {
  view_.reset();
  std::set<Prefix> prefixes;
  for (const auto& [prefix, block] : blocks_) prefixes.insert(prefix);
  const absl::Status status = uplinks_->SetBlocked(prefixes);
  published_ = status.ok();
  return status;
}

absl::Status BlockList::Change(Blocks blocks) {
  if (absl::Status status = Save(blocks); !status.ok()) return status;
  std::swap(blocks_, blocks);
  const absl::Status status = Publish();
  if (status.ok()) return status;
  std::swap(blocks_, blocks);
  saved_ = Save(blocks_).ok();
  (void)Publish();  // else the next Tick
  return status;
}

absl::StatusOr<ChangeResult> BlockList::Add(const Prefix& prefix, uint64_t seconds, uint64_t unix_now) {
  Blocks blocks = blocks_;
  const auto [at, fresh] = blocks.try_emplace(prefix, Block{unix_now, 0});
  if (fresh && blocks.size() > kMostBlocks) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the deny list is full: ", blocks_.size(), " of ", kMostBlocks, " prefixes; nothing changed"));
  }
  at->second.until = seconds == 0 ? 0 : unix_now + seconds;
  if (absl::Status status = Change(std::move(blocks)); !status.ok()) return status;
  ChangeResult result;
  result.changes.push_back(
      absl::StrCat(prefix.ToString(), fresh ? " blocked" : " blocked already; now", seconds == 0 ? " until it is removed" : "",
                   seconds == 0 ? "" : absl::StrCat(" for ", seconds, "s")));
  if (uplinks_->hook() == UplinkHook::kNone) {
    result.notes.push_back("nothing is dropped now: uplinks are not judged (uplink_hook: none)");
  } else if (uplinks_->Attached().empty()) {
    result.notes.push_back("nothing is dropped now: no uplink is known (see `bulkhead status`, and `uplinks` in the configuration)");
  }
  return result;
}

absl::StatusOr<ChangeResult> BlockList::Remove(const Prefix& prefix) {
  Blocks blocks = blocks_;
  if (blocks.erase(prefix) == 0) return absl::NotFoundError(absl::StrCat(prefix.ToString(), " is not blocked"));
  if (absl::Status status = Change(std::move(blocks)); !status.ok()) return status;
  ChangeResult result;
  result.changes.push_back(absl::StrCat(prefix.ToString(), " no longer blocked"));
  for (const auto& [wider, block] : blocks_) {
    if (wider.Contains(prefix)) result.notes.push_back(absl::StrCat("still blocked, within ", wider.ToString()));
  }
  return result;
}

bool BlockList::Tick(uint64_t unix_now) {
  const size_t ended =
      std::erase_if(blocks_, [unix_now](const auto& each) { return each.second.until != 0 && each.second.until <= unix_now; });
  if (ended != 0) published_ = saved_ = false;
  absl::Status status;
  if (!published_) status = Publish();
  if (!saved_) {
    const absl::Status saved = Save(blocks_);
    saved_ = saved.ok();
    if (status.ok()) status = saved;
  }
  problem_ = status.ok() ? lost_ : absl::StrCat("blocked prefixes: ", std::string(status.message()));
  return ended != 0;
}

std::shared_ptr<const std::vector<BlockView>> BlockList::View() {
  if (view_ == nullptr) {
    std::vector<BlockView> out;
    for (const auto& [prefix, block] : blocks_) out.push_back({prefix, block.since, block.until});
    view_ = std::make_shared<const std::vector<BlockView>>(std::move(out));
  }
  return view_;
}

}  // namespace bulkhead
