// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/static_source.h"

#include <dirent.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/validate.h"
#include "controlplane/runtime/static_published.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxFiles = 8192;
constexpr size_t kMaxFileBytes = 256 << 10;
constexpr char kPortNameText[] = "at most 15 lower-case letters, digits and single -, with a letter among them";
constexpr int kRecheckMs = 500;  // for namespaces, and for what inotify cannot see
constexpr int kSettleMs = 20;    // after a change: editors write and rename

bool IsYamlName(std::string_view name) { return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml")); }

std::string StemOf(const std::string& name) { return name.substr(0, name.rfind('.')); }

// 0 and a problem when there is no network namespace at the path.
uint64_t NamespaceInode(const std::string& path, std::string* problem) {
  struct stat info;
  struct statfs system;
  if (stat(path.c_str(), &info) != 0 || statfs(path.c_str(), &system) != 0) {
    *problem = absl::StrCat("network namespace ", path, ": ", std::strerror(errno));
    return 0;
  }
  if (system.f_type != NSFS_MAGIC) {
    *problem = absl::StrCat("network namespace ", path, ": is not a namespace");
    return 0;
  }
  return info.st_ino;
}

std::optional<NamedPort> ReadNamedPort(const yaml::Node& item, const std::string& file, std::vector<std::string>* errors) {
  const size_t errors_before = errors->size();
  yaml::Fields fields(item, file, "ports", errors);
  NamedPort out;
  out.name = fields.String("name", yaml::Fields::kRequired);
  out.port = static_cast<uint16_t>(fields.Integer("port", 1, 65535, 1, yaml::Fields::kRequired));
  const std::string protocol = fields.String("protocol");
  if (!protocol.empty()) out.protocol = ParseProtocol(protocol).value_or(0);
  if (const yaml::Node* name = fields.Get("name"); name != nullptr && yaml::IsString(*name) && !CheckPortName(out.name).empty()) {
    yaml::AddError(file, *name, absl::StrCat("ports.name: found ", yaml::Describe(*name), ", expected ", kPortNameText), errors);
  }
  if (const yaml::Node* node = fields.Get("protocol"); node != nullptr && !HasPorts(out.protocol)) {
    yaml::AddError(file, *node, absl::StrCat("ports.protocol: found ", yaml::Describe(*node), ", expected TCP, UDP or SCTP"),
                   errors);
  }
  fields.Finish();
  return errors->size() == errors_before ? std::optional(std::move(out)) : std::nullopt;
}

// One name may stand for a port of each protocol (dns), not for two of one.
std::vector<NamedPort> ReadNamedPorts(const std::vector<yaml::Node>& items, const std::string& file,
                                      std::vector<std::string>* errors) {
  std::map<std::pair<std::string, uint8_t>, uint16_t> ports;
  for (const yaml::Node& item : items) {
    const std::optional<NamedPort> port = ReadNamedPort(item, file, errors);
    if (!port) continue;
    if (ports.size() == kMaxNamedPorts) {
      yaml::AddError(file, item, absl::StrCat("ports: found more than ", kMaxNamedPorts), errors);
      break;
    }
    if (!ports.try_emplace({port->name, port->protocol}, port->port).second) {
      yaml::AddError(file, item, absl::StrCat("ports: found a second ", port->name, " of ", ProtocolName(port->protocol)), errors);
    }
  }
  std::vector<NamedPort> out;
  for (const auto& [name, number] : ports) out.push_back({name.first, name.second, number});
  return out;
}

NetworkAttachment ReadNetwork(const yaml::Node& item, const std::string& file, std::vector<std::string>* errors) {
  yaml::Fields fields(item, file, "networks", errors);
  NetworkAttachment out;
  out.bridge = out.network = fields.String("bridge");
  const std::string mac = fields.String("mac");
  if (const auto parsed = MacAddress::Parse(mac)) {
    out.mac = *parsed;
  } else if (!mac.empty()) {
    yaml::AddError(file, *fields.Get("mac"),
                   absl::StrCat("networks.mac: found ", yaml::Quote(mac), ", expected six bytes, 02:00:00:00:00:01 say"), errors);
  }
  for (const std::string& text : fields.Strings("addresses")) {
    if (const auto address = IpAddress::Parse(text)) {
      out.addresses.push_back(*address);
    } else {
      yaml::AddError(file, *fields.Get("addresses"),
                     absl::StrCat("networks.addresses: found ", yaml::Quote(text), ", expected an IP address"), errors);
    }
  }
  fields.Finish();
  return out;
}

uint64_t OwnNamespaceInode() {
  struct stat info;
  return stat("/proc/self/ns/net", &info) == 0 ? info.st_ino : 0;
}

}  // namespace

absl::StatusOr<WorkloadReport> ParseWorkloadFile(std::string_view text, const std::string& file, const std::string& id) {
  absl::StatusOr<std::vector<yaml::Node>> documents =
      yaml::Parse(text, file, {.bytes = kMaxFileBytes, .nodes = 20'000, .depth = 8});
  if (!documents.ok()) return documents.status();
  if (documents->empty()) return absl::InvalidArgumentError(absl::StrCat(file, ":1:1: found nothing, expected a workload"));
  std::vector<std::string> errors;
  if (documents->size() > 1) {
    errors.push_back(yaml::At(file, (*documents)[1], "found a second document, expected one workload in each file"));
  }
  const yaml::Node& root = documents->front();
  yaml::Fields fields(root, file, "", &errors);
  WorkloadReport report;
  report.id = id;
  report.runtime = "static";
  report.name = fields.String("name", yaml::Fields::kRequired);
  report.ns = fields.String("namespace");
  report.labels = fields.StringMap("labels");
  report.image = fields.String("image");
  report.image_digest = fields.String("digest");
  report.netns_path = fields.String("netns", yaml::Fields::kRequired);
  const bool is_path = report.netns_path.starts_with('/') && report.netns_path.find('\0') == std::string::npos;
  if (const yaml::Node* netns = fields.Get("netns"); netns != nullptr && !is_path) {
    yaml::AddError(file, *netns, absl::StrCat("netns: found ", yaml::Describe(*netns), ", expected an absolute path"), &errors);
  }
  report.named_ports = ReadNamedPorts(fields.Items("ports"), file, &errors);
  report.published = ReadPublishedPorts(fields.Items("published"), file, &errors);
  for (const yaml::Node& item : fields.Items("networks")) report.networks.push_back(ReadNetwork(item, file, &errors));
  fields.Finish();
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return report;
}

StaticSource::StaticSource(std::string folder) : folder_(std::move(folder)) {}

StaticSource::~StaticSource() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    (void)!write(stop_, &one, sizeof(one));
    thread_.join();
  }
  if (inotify_ >= 0) close(inotify_);
  if (stop_ >= 0) close(stop_);
}

void StaticSource::Start(SourceSink sink) {
  sink_ = std::move(sink);
  stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  inotify_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

void StaticSource::Run() {
  Watch();
  sink_(Event(SourceEvent::Kind::kSyncBegin));
  Scan();
  sink_(Event(SourceEvent::Kind::kSyncEnd));
  pollfd fds[] = {{stop_, POLLIN, 0}, {inotify_, POLLIN, 0}};  // poll passes over a negative fd
  while (true) {
    const int ready = poll(fds, 2, kRecheckMs);
    if (ready < 0 && errno != EINTR) return;
    if ((fds[0].revents & POLLIN) != 0) return;
    if ((fds[1].revents & POLLIN) != 0) {
      pollfd stop = {stop_, POLLIN, 0};
      if (poll(&stop, 1, kSettleMs) > 0) return;
      char events[4096];
      // Which file changed does not matter: the scan finds out, and cannot miss one when the queue overflows.
      while (read(inotify_, events, sizeof(events)) > 0) {
      }
    }
    Watch();
    Scan();
  }
}

// Adding a watch again is how a folder that was deleted and made anew is found; on the same folder it changes nothing.
void StaticSource::Watch() {
  if (inotify_ < 0) return;
  watch_ = inotify_add_watch(inotify_, folder_.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
}

std::map<std::string, StaticSource::Stamp> StaticSource::List() {
  std::map<std::string, Stamp> out;
  std::string problem;
  DIR* dir = opendir(folder_.c_str());
  if (dir == nullptr) {
    problem = absl::StrCat(folder_, ": ", std::strerror(errno));
  } else {
    while (const dirent* entry = readdir(dir)) {
      struct stat info;
      if (!IsYamlName(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &info, 0) != 0) continue;
      if (out.size() >= kMaxFiles) {
        problem = absl::StrCat(folder_, ": more than ", kMaxFiles, " workload files; the rest is not read");
        break;
      }
      out[entry->d_name] = {info.st_ino, info.st_size, info.st_mtim};
    }
    closedir(dir);
  }
  if (!problem.empty() || folder_problem_) Problem(folder_, problem);
  folder_problem_ = !problem.empty();
  return out;
}

void StaticSource::Scan() {
  const std::map<std::string, Stamp> present = List();
  for (auto at = files_.begin(); at != files_.end();) {
    if (present.contains(at->first)) {
      ++at;
      continue;
    }
    if (!at->second.problem.empty()) Problem(absl::StrCat(folder_, "/", at->first), "");
    if (at->second.sent) {
      SourceEvent event = Event(SourceEvent::Kind::kRemove);
      event.id = at->second.sent->id;
      sink_(std::move(event));
    }
    at = files_.erase(at);
  }
  for (const auto& [name, stamp] : present) {
    File& file = files_[name];
    if (!(file.stamp == stamp)) {
      file.stamp = stamp;
      ReadOne(name);
    }
    CheckNamespace(&file);
  }
}

absl::StatusOr<WorkloadReport> StaticSource::Load(const std::string& name) const {
  const std::string path = absl::StrCat(folder_, "/", name);
  // a.yaml and a.yml would be one workload.
  for (const auto& [other, file] : files_) {
    if (other != name && file.report && file.report->id == StemOf(name)) {
      return absl::AlreadyExistsError(absl::StrCat(path, ": ", other, " has this name already"));
    }
  }
  absl::StatusOr<std::string> text = yaml::ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  return ParseWorkloadFile(*text, path, StemOf(name));
}

void StaticSource::ReadOne(const std::string& name) {
  absl::StatusOr<WorkloadReport> report = Load(name);
  File& file = files_[name];
  std::string problem;
  if (report.ok()) {
    file.report = *std::move(report);
  } else {
    problem = absl::StrCat(std::string(report.status().message()),
                           file.report ? "; the workload stays as it was" : "; no workload is made of this file");
    // Looked at again each time: the other file may go.
    if (absl::IsAlreadyExists(report.status())) file.stamp = {};
  }
  if (problem != file.problem) Problem(absl::StrCat(folder_, "/", name), problem);
  file.problem = problem;
}

void StaticSource::CheckNamespace(File* file) {
  if (!file->report) return;
  WorkloadReport report = *file->report;
  const uint64_t inode = NamespaceInode(report.netns_path, &report.problem);
  report.host_network = inode != 0 && inode == OwnNamespaceInode();
  report.phase = inode == 0 ? WorkloadPhase::kCreated : WorkloadPhase::kRunning;
  if (file->sent == report && file->netns_inode == inode) return;
  file->netns_inode = inode;
  file->sent = report;
  SourceEvent event = Event(SourceEvent::Kind::kUpsert);
  event.report = std::move(report);
  sink_(std::move(event));
}

SourceEvent StaticSource::Event(SourceEvent::Kind kind) const {
  SourceEvent event;
  event.kind = kind;
  event.source = Name();
  return event;
}

void StaticSource::Problem(const std::string& key, const std::string& text) {
  SourceEvent event = Event(SourceEvent::Kind::kProblem);
  event.key = key;
  event.text = text;
  sink_(std::move(event));
}

}  // namespace bulkhead
