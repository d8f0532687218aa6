// SPDX-License-Identifier: Apache-2.0
// Seeds of the recorded transcripts (tests/data/docker), shortened: an event or an answer a line.
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

constexpr size_t kLinesOfASeed = 24;

// Of a transcript, as many seeds as there are pieces of so many lines; each knows what was answered before.
std::vector<std::string> Scripts(const std::string& transcript) {
  std::vector<std::string> out;
  std::map<std::string, std::string> bodies;
  std::string script = "+\n";
  size_t lines = 0;
  const std::vector<std::string> texts = absl::StrSplit(transcript, '\n', absl::SkipEmpty());
  for (const std::string& text : texts) {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (line.contains("event")) {
      absl::StrAppend(&script, line["event"].dump(), "\n");
    } else if (line.contains("get")) {
      const std::string path = line["get"];
      if (line.contains("body")) bodies[path] = line["body"].dump();
      absl::StrAppend(&script, path, " ", line["status"].get<int>(), " ", bodies[path], "\n");
    }
    if (++lines % kLinesOfASeed == 0) out.push_back(std::exchange(script, "+\n") + "*\n.\n");
  }
  out.push_back(script + "*\n*\n.\n~\n");
  return out;
}

}  // namespace

std::vector<std::string> DockerSeeds() {
  std::vector<std::string> seeds = {
      "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
      "application/json\r\n\r\n5\r\n{}\n{}\r\n3;x=y\r\n\n{}\r\n0\r\nT: v\r\n\r\n",
      "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"no such container\"}\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"Type\":\"container\"}\n\n{}\n",
      "HTTP/1.1 301 Moved\r\nLocation: http://localhost/other\r\nContent-Length: 0\r\n\r\n",
      "[{\"Id\":\"a\",\"Names\":[\"/web\"],\"Ports\":[{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}],"
      "\"NetworkSettings\":{\"Networks\":{\"n\":{\"NetworkID\":\"b\",\"IPAddress\":\"198.18.0.2\"}}}}]",
      "{\"Id\":\"a\",\"Config\":{\"Labels\":{\"k\":\"v\"},\"ExposedPorts\":{\"80/tcp\":{},\"53/"
      "udp\":{}}},\"State\":{\"Status\":\"running\","
      "\"Pid\":7},\"HostConfig\":{\"NetworkMode\":\"container:b\",\"PortBindings\":{\"80/"
      "tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}}}"};
  for (const std::string& transcript : FilesBelow("tests/data/docker")) {
    if (!transcript.starts_with("{\"engine\"")) continue;
    for (std::string& script : Scripts(transcript)) seeds.push_back(std::move(script));
  }
  return WithFound(std::move(seeds), "docker");
}

}  // namespace bulkhead
