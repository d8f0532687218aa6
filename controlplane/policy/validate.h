// SPDX-License-Identifier: Apache-2.0
// The syntax of names, labels and ports, as the Kubernetes API reference gives it. Each returns "" when the text is valid, else
// what was expected ("at most 63 characters"). Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_VALIDATE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_VALIDATE_H_

#include <string>
#include <string_view>

namespace bulkhead {

std::string CheckDnsLabel(std::string_view text);      // RFC 1123 label: a namespace's name
std::string CheckDnsSubdomain(std::string_view text);  // labels joined by dots: an object's name
std::string CheckLabelKey(std::string_view text);      // [prefix/]name
std::string CheckLabelValue(std::string_view text);
std::string CheckDomainName(std::string_view text);  // [*.]LABEL.LABEL...[.], as policy.networking.k8s.io has it; RFC 1035 2.3.4
std::string CheckPortName(std::string_view text);    // RFC 6335 section 5.1, lower case

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_VALIDATE_H_
