// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/start_report.h"

#include <bpf/bpf.h>

#include <filesystem>
#include <utility>

#include "dataplane/ebpf/attached_programs.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/ebpf/older_layout.h"

namespace bulkhead {
namespace {

// Loads; whatever the loader would do beyond that is not done.
class LookingWriter : public KernelWriter {
 public:
  absl::Status UpdateElement(int, const void*, const void*, uint64_t) override { return absl::OkStatus(); }
  absl::Status DeleteElement(int, const void*) override { return absl::OkStatus(); }
  absl::Status ChangeMapped(const char*, const std::function<void()>&) override { return absl::OkStatus(); }
  absl::Status StoreWord(uint32_t*, uint32_t) override { return absl::OkStatus(); }
  absl::Status Pin(int, const std::string&) override { return absl::OkStatus(); }
  absl::Status RenamePin(const std::string&, const std::string&) override { return absl::OkStatus(); }
  absl::Status Unpin(const std::string&) override { return absl::OkStatus(); }
  absl::Status MakeDirectory(const std::string&) override { return absl::OkStatus(); }
  absl::Status RemoveDirectory(const std::string&) override { return absl::OkStatus(); }
  absl::Status MountBpffs(const std::string&, const std::string&) override { return absl::OkStatus(); }
};

std::set<uint32_t> PinnedMapIds(const std::string& base) {
  std::set<uint32_t> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(base + "/maps", error)) {
    const UniqueFd fd(bpf_obj_get(entry.path().c_str()));
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (fd.ok() && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0) out.insert(info.id);
  }
  return out;
}

absl::Status ReportAttached(const std::string& base, Loader& loader, StartReport& report) {
  const auto records = ReadOlderAttachments(base);
  if (!records.ok()) return records.status();
  const auto ingress = ReadProgram(loader.Loaded(0)->ingress), egress = ReadProgram(loader.Loaded(0)->egress);
  if (!ingress.ok()) return ingress.status();
  if (!egress.ok()) return egress.status();
  auto found = FindPrograms({records->begin(), records->end()}, {base, PinnedMapIds(base), {ingress->tag, egress->tag}});
  if (!found.ok()) return found.status();
  report.interfaces = found->interfaces;
  report.other_build = found->other_build;
  report.wrong = std::move(found->wrong);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StartReport> ReportStart(const EbpfOptions& options) {
  StartReport report;
  report.layout = options.layout_version;
  const auto plan = PlanStart(options.pin_root, options.layout_version, options.reset);
  if (!plan.ok()) {
    report.refused = std::string(plan.status().message());
    return report;
  }
  report.kind = plan->kind;
  report.from = plan->from.version;
  LookingWriter writer;
  LoaderOptions loading = LoaderOptionsFor(options, *plan);
  loading.look_only = true;
  const auto loader = Loader::Open(writer, loading);
  if (!loader.ok()) {
    report.refused = std::string(loader.status().message());
    return report;
  }
  report.carried.assign((*loader)->carried().begin(), (*loader)->carried().end());
  report.flows_carried = (*loader)->flows_carried();
  if (plan->kind == StartKind::kNew) return report;
  const std::string base = plan->from.version != 0 ? plan->from.base : (*loader)->base();
  if (auto status = ReportAttached(base, **loader, report); !status.ok()) return status;
  return report;
}

}  // namespace bulkhead
