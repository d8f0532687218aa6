// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "controlplane/api/metric_families.h"

namespace bulkhead::api {
namespace {

// What /proc/self/stat says behind the name, which may hold anything (proc(5), fields 3 and up).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t name_end = all.rfind(')');
  std::vector<std::string> out;
  if (name_end == std::string::npos) return out;
  std::istringstream rest(all.substr(name_end + 1));
  for (std::string field; rest >> field;) out.push_back(field);
  return out;
}

double BootSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double OpenFiles() {
  double count = 0;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

void AddProcess(Families* families) {
  constexpr size_t kUserTime = 11, kSystemTime = 12, kStartTime = 19, kVirtual = 20, kResident = 21;  // counted from field 3
  const std::vector<std::string> fields = StatFields();
  if (fields.size() > kResident) {
    const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
    AddCounter(families, "process_cpu_seconds_total", "User and system CPU time that the daemon spent.",
               (std::stod(fields[kUserTime]) + std::stod(fields[kSystemTime])) * tick);
    AddGauge(families, "process_resident_memory_bytes", "Resident memory of the daemon.",
             std::stod(fields[kResident]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    AddGauge(families, "process_virtual_memory_bytes", "Virtual memory of the daemon.", std::stod(fields[kVirtual]));
    AddGauge(families, "process_start_time_seconds", "When the daemon started, in Unix time.",
             BootSeconds() + std::stod(fields[kStartTime]) * tick);
  }
  AddGauge(families, "process_open_fds", "Open file descriptors of the daemon.", OpenFiles());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    AddGauge(families, "process_max_fds", "File descriptors that the daemon may have open.", static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace bulkhead::api
