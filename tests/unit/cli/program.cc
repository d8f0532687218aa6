// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cli/program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/places/places.h"

namespace bulkhead::cli {

ProgramTest::ProgramTest() {
  char pattern[] = "/tmp/bulkhead-cli-XXXXXX";
  folder_ = mkdtemp(pattern);
}

ProgramTest::~ProgramTest() {
  server_.reset();
  std::filesystem::remove_all(folder_);
}

void ProgramTest::Start() {
  ApiServerOptions options;
  options.socket_path = folder_ + "/api.sock";
  options.version = "0.0.1";
  absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Start(options, &service_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
}

Outcome ProgramTest::Run(const std::string& arguments, const std::string& input) {
  Write("in", input);
  const std::string command = "cd " + folder_ + " && { BULKHEAD_SOCKET=" + folder_ + "/api.sock " + ProgramPath("bulkhead") + " " +
                              arguments + "; } <in >out 2>err";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read("out"), Read("err")};
}

void ProgramTest::Write(const std::string& name, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
  std::ofstream(folder_ + "/" + name) << text;
}

std::string ProgramTest::Read(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(folder_ + "/" + name).rdbuf();
  return text.str();
}

}  // namespace bulkhead::cli
