// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/static_published.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "bulkhead/model/common.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxPublished = 1024;  // of one workload

void ReadPublishedPort(const yaml::Node& item, const std::string& file, std::vector<std::string>* errors,
                       std::vector<PublishedPort>* out) {
  const size_t errors_before = errors->size();
  yaml::Fields fields(item, file, "published", errors);
  PublishedPort port;
  port.host_port = static_cast<uint16_t>(fields.Integer("host_port", 1, 65535, 1, yaml::Fields::kRequired));
  port.container_port = static_cast<uint16_t>(fields.Integer("port", 1, 65535, 1, yaml::Fields::kRequired));
  const std::string protocol = fields.String("protocol");
  if (!protocol.empty()) port.protocol = ParseProtocol(protocol).value_or(0);
  if (const yaml::Node* node = fields.Get("protocol"); node != nullptr && !HasPorts(port.protocol)) {
    yaml::AddError(file, *node, absl::StrCat("published.protocol: found ", yaml::Describe(*node), ", expected TCP, UDP or SCTP"),
                   errors);
  }
  const std::string text = fields.String("host_address");
  const std::optional<IpAddress> address = IpAddress::Parse(text);
  if (const yaml::Node* node = fields.Get("host_address"); node != nullptr && !address) {
    yaml::AddError(file, *node, absl::StrCat("published.host_address: found ", yaml::Describe(*node), ", expected an IP address"),
                   errors);
  }
  fields.Finish();
  if (errors->size() != errors_before) return;
  for (const uint8_t family : {uint8_t{4}, uint8_t{6}}) {
    if (address && address->family != family) continue;
    port.host_address = address.value_or(IpAddress{family, {}});
    out->push_back(port);
  }
}

}  // namespace

std::vector<PublishedPort> ReadPublishedPorts(const std::vector<yaml::Node>& items, const std::string& file,
                                              std::vector<std::string>* errors) {
  std::vector<PublishedPort> out;
  for (const yaml::Node& item : items) {
    if (out.size() >= kMaxPublished) {
      yaml::AddError(file, item, absl::StrCat("published: found more than ", kMaxPublished), errors);
      break;
    }
    ReadPublishedPort(item, file, errors, &out);
  }
  return out;
}

}  // namespace bulkhead
