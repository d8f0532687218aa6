// SPDX-License-Identifier: Apache-2.0
// The bodies of the fuzzers: each takes any bytes, and aborts when something that must hold does not; and what each begins with.
#ifndef BULKHEAD_TESTS_FUZZ_TARGETS_H_
#define BULKHEAD_TESTS_FUZZ_TARGETS_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// YAML as policies, inventory, probes (FuzzPolicyText), and as the daemon's configuration, modes and static workloads
// (FuzzSettingsText). What parses is also printed and parsed again; policies are compiled.
void FuzzYaml(std::string_view text);
void FuzzPolicyText(std::string_view text);
void FuzzSettingsText(std::string_view text);
std::vector<std::string> YamlSeeds();

// What begins with "HTTP/" is what an engine sends on its socket; everything else is a script of its events and answers, a line
// each:
//   {...}             an event
//   /PATH STATUS BODY what it answers to that request from now on; those that wait for it are answered
//   *                 every request that waits is answered; NotFound where nothing was said
//   + ~ .             a new connection, a resynchronisation, its end
void FuzzDocker(std::string_view bytes);
void FuzzDockerScript(std::string_view script);
void FuzzDockerHttp(std::string_view bytes);
std::vector<std::string> DockerSeeds();

// The first byte says who asks; then what the kernel sends, each datagram behind its length (2 bytes, low first).
void FuzzNetlink(std::string_view bytes);
std::vector<std::string> NetlinkSeeds();

// "METHOD PATH?QUERY\nBODY", as the HTTP server hands it over.
void FuzzApi(std::string_view bytes);
std::vector<std::string> ApiSeeds();

// What the daemon finds in its database: a whole file; or '!' and bytes to overwrite in a sound one, each piece behind its place (3
// bytes, low first) and length (1 byte); or SQL that is run on a sound one.
void FuzzDatabase(std::string_view bytes);
std::vector<std::string> DatabaseSeeds();

// A DNS answer -> names, whole and as a cut one.
void FuzzDns(std::string_view bytes);
std::vector<std::string> DnsSeeds();

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_FUZZ_TARGETS_H_
