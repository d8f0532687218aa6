// SPDX-License-Identifier: Apache-2.0
// bulkhead capture: packets of a service, with what was said of them.
#include "bulkhead/api/capture.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/pcapng.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct CaptureOptions {
  Output output;
  std::string ns, service, verdict, file;
  uint64_t count = 0;
  unsigned rate = 0;
};

// "shop/web 198.18.0.5:40000"
std::string EndText(const std::string& party, const std::string& address, uint16_t port) {
  if (address.empty()) return party;
  const bool brackets = port != 0 && address.find(':') != std::string::npos;
  return absl::StrCat(party, " ", brackets ? "[" + address + "]" : address, port == 0 ? "" : absl::StrCat(":", port));
}

std::string KindText(const api::EventRow& row) {
  if (!row.protocol.empty()) return row.protocol;
  char text[16];
  std::snprintf(text, sizeof(text), "0x%04x", row.ethertype);
  return text;
}

std::string WhyText(const api::EventRow& row) {
  if (row.verdict == "allow") return row.rule;
  return row.rule.empty() ? row.reason : absl::StrCat(row.reason, ", ", row.rule);
}

std::string CommentOf(const api::EventRow& row) {
  const std::string why = WhyText(row);
  return absl::StrCat(row.verdict, why.empty() ? "" : ": ", why, "; ", row.from, " -> ", row.to, "; ", row.hook);
}

std::string LocalTimeText(uint64_t unix_ns) {
  const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  tm local{};
  char text[32];
  localtime_r(&seconds, &local);
  const size_t length = std::strftime(text, sizeof(text), "%H:%M:%S", &local);
  std::snprintf(text + length, sizeof(text) - length, ".%06u", static_cast<unsigned>(unix_ns % 1'000'000'000 / 1000));
  return text;
}

void PrintPacket(const api::CapturedPacket& packet) {
  const api::EventRow& row = packet.packet;
  const std::string why = WhyText(row);
  std::printf("%s %s %s %s -> %s %s %uB%s%s\n", LocalTimeText(packet.time_unix_ns).c_str(), row.hook == "ingress" ? "<" : ">",
              Coloured(row.verdict, ColourOf(row.verdict)).c_str(), Printable(EndText(row.from, row.from_address, row.from_port)).c_str(),
              Printable(EndText(row.to, row.to_address, row.to_port)).c_str(), KindText(row).c_str(), row.length, why.empty() ? "" : " ",
              Printable(why).c_str());
  std::fflush(stdout);
}

// Where packets go with -w. Each is whole in the file before the next is asked for: whatever ends the program, the file can be read.
class PacketFile {
 public:
  ~PacketFile() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  absl::Status Open(const std::string& path) {
    path_ = path;
    file_ = path == "-" ? stdout : std::fopen(path.c_str(), "wbe");
    return file_ == nullptr ? absl::InvalidArgumentError(absl::StrCat(path, ": ", std::strerror(errno))) : Write(writer_.Begin("bulkhead"));
  }
  absl::Status Add(const api::CapturedPacket& packet) {
    const std::string data = absl::HexStringToBytes(packet.data);
    return Write(writer_.Add({packet.interface, packet.time_unix_ns, data, packet.packet.length, packet.packet.hook == "ingress",
                              CommentOf(packet.packet)}));
  }

 private:
  absl::Status Write(const std::string& blocks) {
    if (std::fwrite(blocks.data(), 1, blocks.size(), file_) == blocks.size() && std::fflush(file_) == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(path_, ": ", std::strerror(errno)));
  }

  std::string path_;
  std::FILE* file_ = nullptr;
  PcapngWriter writer_;
};

bool IsHex(const std::string& text) {
  return text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

int Run(const Globals& globals, const CaptureOptions& options) {
  const absl::StatusOr<ServiceArgument> service = ParseService(options.service, options.ns, "--service");
  if (!service.ok()) return Report(service.status());
  api::ApiClient::Query query = {{api::kService, service->ns + "/" + service->service}};
  if (!options.verdict.empty()) query[api::kVerdict] = options.verdict;
  if (options.rate != 0) query[api::kRate] = absl::StrCat(options.rate);
  PacketFile file;
  if (!options.file.empty()) {
    if (absl::Status status = file.Open(options.file); !status.ok()) return Report(status);
  }
  uint64_t seen = 0, lost = 0;
  api::ApiClient client(globals.socket);
  absl::Status status = client.GetLines(api::kCapturePath, query, [&](const api::Json& json) -> absl::StatusOr<bool> {
    const absl::StatusOr<api::CapturedPacket> packet = api::FromJson<api::CapturedPacket>(json);
    if (!packet.ok()) return packet.status();
    if (!IsHex(packet->data)) return absl::InvalidArgumentError("\"data\": expected hexadecimal digits");
    lost = packet->lost;
    if (options.output.json()) std::printf("%s\n", api::DumpJson(json).c_str()), std::fflush(stdout);
    if (!options.output.json() && options.file.empty()) PrintPacket(*packet);
    if (!options.file.empty()) {
      if (absl::Status written = file.Add(*packet); !written.ok()) return written;
    }
    return ++seen != options.count;
  });
  if (lost != 0) std::fprintf(stderr, "bulkhead: %llu packets lost (see --rate)\n", static_cast<unsigned long long>(lost));
  return Report(status);
}

}  // namespace

void AddCapture(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<CaptureOptions>();
  CLI::App* verb = AddVerb(app, globals, "capture", "Show or save packets of a service, with the verdict on each", options, Run);
  verb->add_option("--service", options->service, "NAMESPACE/SERVICE, or SERVICE with -n")->required()->type_name("SERVICE");
  verb->add_option("-n,--namespace", options->ns, "The service's namespace")->type_name("NAMESPACE");
  verb->add_option("--verdict", options->verdict, "Only packets with this verdict")->check(CLI::IsMember({"allow", "deny", "would-deny"}));
  verb->add_option("-w,--write", options->file, "Write a pcapng file (- for stdout)")->type_name("FILE");
  verb->add_option("--count", options->count, "End after N packets")->type_name("N")->check(CLI::Range(1, 1'000'000'000));
  verb->add_option("--rate", options->rate, "At most N packets a second on each CPU (without it: 1000)")
      ->type_name("N")
      ->check(CLI::Range(1U, api::kMaxCaptureRate));
  AddOutput(verb, &options->output, false);
  verb->footer(
      "The first 128 bytes of packets that the service's workloads send (<) and that are delivered to them (>), and of those for or\n"
      "from the service that were denied elsewhere, until Ctrl-C. Each packet of a pcapng file has the verdict, the reason and the rule\n"
      "as its comment. One capture runs at a time. While it wants packets that pass (no --verdict, or allow), all packets of the host's\n"
      "workloads take the longer way through the dataplane; with --verdict deny established flows notice nothing.\n\n"
      "Examples:\n"
      "  bulkhead capture --service shop/db --verdict deny\n"
      "  bulkhead capture --service shop/db -w db.pcapng --count 1000\n"
      "  bulkhead capture -n shop --service db -w - | wireshark -k -i -");
}

}  // namespace bulkhead::cli
