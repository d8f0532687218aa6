// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/uninstall.h"

#include <bpf/bpf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/ebpf/attach.h"
#include "dataplane/ebpf/xdp_link.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/bpffs.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/tc.h"

namespace bulkhead {
namespace {

// A thing to remove, and how.
struct Item {
  std::string text;
  std::function<absl::Status(KernelWriter&)> remove;
};

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Pins are told apart by where the layout puts them (loader.h).
struct Pins {
  std::vector<std::string> links;
  std::vector<std::string> paths;  // all, files before their directories
  std::set<uint32_t> programs;     // kernel's numbers
  std::map<uint32_t, AttachmentRecord> records;
};

absl::StatusOr<Pins> FindPins(const std::string& root) {
  Pins pins;
  pins.paths = ListTree(root);
  for (const std::string& path : pins.paths) {
    if (IsDirectory(path)) continue;
    const UniqueFd fd(bpf_obj_get(path.c_str()));
    if (!fd.ok()) return absl::ErrnoToStatus(errno, path);
    if (absl::StrContains(path, "/links/")) {
      pins.links.push_back(path);
    } else if (absl::StrContains(path, "/programs/")) {
      bpf_prog_info info{};
      uint32_t size = sizeof(info);
      if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0) pins.programs.insert(info.id);
    } else if (absl::EndsWith(path, kAttachmentsMap)) {
      const absl::Status status = ForEachByKey<uint32_t, AttachmentRecord>(
          fd.get(), [&](uint32_t ifindex, const AttachmentRecord& record) { pins.records[ifindex] = record; });
      if (!status.ok()) return status;
    }
  }
  return pins;
}

// By name also: the pins may be gone while the filters are not.
bool IsOurs(const TcFilter& filter, const std::set<uint32_t>& programs) {
  return filter.kind == "bpf" && (programs.contains(filter.program_id) || absl::StartsWith(filter.name, "bh_ingress") ||
                                  absl::StartsWith(filter.name, "bh_egress"));
}

Item FilterItem(const TcFilter& filter, const std::string& interface) {
  const std::string hook = filter.direction == TcDirection::kIngress ? "ingress" : "egress";
  return {absl::StrCat("tc filter ", filter.name, " on ", interface, " ", hook), [filter](KernelWriter& writer) {
            return writer.DeleteFilter(filter.ifindex, filter.direction, filter.priority, filter.handle);
          }};
}

// A clsact that we added goes once it is empty; with no record of it, when nothing but our filters hung there.
Item ClsactItem(uint32_t ifindex, const std::string& interface) {
  return {absl::StrCat("clsact qdisc on ", interface), [ifindex](KernelWriter& writer) -> absl::Status {
            auto socket = NetlinkSocket::Open();
            if (!socket.ok()) return socket.status();
            const auto left = DumpFilters(*socket, ifindex);
            if (!left.ok()) return left.status();
            return left->empty() ? writer.DeleteClsact(ifindex) : absl::OkStatus();
          }};
}

// What checks who sent a packet goes before what notes it, on all interfaces: else packets that policy allows would be dropped as spoofed
// meanwhile.
absl::Status FindFilters(const Pins& pins, std::vector<Item>& items) {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  std::vector<Item> ingress, clsact;
  for (const Link& link : *links) {
    const auto filters = DumpFilters(*socket, link.ifindex);
    if (!filters.ok()) return filters.status();
    size_t ours = 0;
    for (const TcFilter& filter : *filters) {
      if (!IsOurs(filter, pins.programs)) continue;
      ++ours;
      (filter.direction == TcDirection::kEgress ? items : ingress).push_back(FilterItem(filter, link.name));
    }
    const auto record = pins.records.find(link.ifindex);
    const bool own = record != pins.records.end() ? record->second.own_clsact != 0 : ours > 0;
    if (!own || ours != filters->size()) continue;
    const auto there = HasClsact(*socket, link.ifindex);
    if (!there.ok()) return there.status();
    if (*there) clsact.push_back(ClsactItem(link.ifindex, link.name));
  }
  for (std::vector<Item>* more : {&ingress, &clsact}) items.insert(items.end(), more->begin(), more->end());
  return absl::OkStatus();
}

Item LinkItem(const std::string& path) {
  const bool tcx = absl::EndsWith(path, "_ingress") || absl::EndsWith(path, "_egress");
  return {absl::StrCat(tcx ? "tcx link " : "XDP link ", path), [path](KernelWriter& writer) { return RemoveLink(writer, path); }};
}

absl::StatusOr<std::vector<Item>> FindItems(const std::string& root) {
  const auto pins = FindPins(root);
  if (!pins.ok()) return pins.status();
  std::vector<Item> items;
  if (auto status = FindFilters(*pins, items); !status.ok()) return status;
  std::vector<std::string> links = pins->links;
  std::stable_partition(links.begin(), links.end(), [](const std::string& path) { return absl::EndsWith(path, "_egress"); });
  for (const std::string& path : links) items.push_back(LinkItem(path));
  const std::set<std::string> done(links.begin(), links.end());
  for (const std::string& path : pins->paths) {
    if (done.contains(path)) continue;
    if (IsDirectory(path)) {
      items.push_back({absl::StrCat("directory ", path), [path](KernelWriter& writer) { return writer.RemoveDirectory(path); }});
    } else {
      items.push_back({absl::StrCat("pin ", path), [path](KernelWriter& writer) { return writer.Unpin(path); }});
    }
  }
  if (const std::string point = OwnMountOf(root); !point.empty()) {
    items.push_back({absl::StrCat("bpffs on ", point), [point](KernelWriter& writer) { return writer.Unmount(point); }});
  }
  return items;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListInstalled(const std::string& root) {
  const auto items = FindItems(root);
  if (!items.ok()) return items.status();
  std::vector<std::string> out;
  for (const Item& item : *items) out.push_back(item.text);
  return out;
}

absl::Status Uninstall(KernelWriter& writer, const std::string& root, std::vector<std::string>& removed) {
  const auto items = FindItems(root);
  if (!items.ok()) return items.status();
  absl::Status first;
  for (const Item& item : *items) {
    const absl::Status status = item.remove(writer);
    if (status.ok()) {
      removed.push_back(item.text);
    } else if (first.ok()) {
      first = absl::Status(status.code(), absl::StrCat(item.text, ": ", std::string(status.message())));
    }
  }
  return first;
}

}  // namespace bulkhead
