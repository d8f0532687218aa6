// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace bulkhead {
namespace {

constexpr size_t kKeep = 4096;  // bytes
thread_local std::string log_text;
thread_local int log_depth = 0;

int Collect(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN || log_depth == 0) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::string line(static_cast<size_t>(length) + 1, '\0');
  std::vsnprintf(line.data(), line.size(), format, arguments);
  line.pop_back();
  log_text += line;
  if (log_text.size() > kKeep) log_text.erase(0, log_text.size() - kKeep);
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  static const bool installed = [] {
    libbpf_set_print(Collect);
    return true;
  }();
  static_cast<void>(installed);
  if (log_depth++ == 0) log_text.clear();
}

LibbpfLog::~LibbpfLog() { --log_depth; }

std::string LibbpfLog::text() const { return log_text; }

}  // namespace bulkhead
