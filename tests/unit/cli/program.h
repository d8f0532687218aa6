// SPDX-License-Identifier: Apache-2.0
// Runs the program `bulkhead` against a server in this process. One thread.
#ifndef BULKHEAD_TESTS_UNIT_CLI_PROGRAM_H_
#define BULKHEAD_TESTS_UNIT_CLI_PROGRAM_H_

#include <memory>
#include <string>

#include "controlplane/api/server.h"
#include "gtest/gtest.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::cli {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest();
  ~ProgramTest() override;

  void Start();  // the server
  // `arguments` as a shell reads them; the socket is in the environment.
  Outcome Run(const std::string& arguments, const std::string& input = "");
  void Write(const std::string& name, const std::string& text);
  std::string Read(const std::string& name);

  bulkhead::testing::FakeService service_;
  std::string folder_;
  std::unique_ptr<ApiServer> server_;
};

}  // namespace bulkhead::cli

#endif  // BULKHEAD_TESTS_UNIT_CLI_PROGRAM_H_
