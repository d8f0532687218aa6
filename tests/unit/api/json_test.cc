// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/json.h"

#include "bulkhead/api/change.h"
#include "bulkhead/api/explain.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/errors.h"
#include "gtest/gtest.h"

namespace bulkhead::api {
namespace {

TEST(JsonTest, WireTypesComeBackAsTheyWere) {
  Status status;
  status.ok = false;
  status.pid = -3;
  status.generation = ~uint64_t{0};
  status.services_by_mode = {{"enforce", 2}};
  status.unprotected = {{"shop/a", "shop/b", "enforce", "host network"}};
  const std::string text = DumpJson(ToJson(status));
  const auto back = ParseWire<Status>(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DumpJson(ToJson(*back)), text);
  EXPECT_EQ(back->generation, ~uint64_t{0});
  EXPECT_EQ(back->unprotected[0].reason, "host network");
}

TEST(JsonTest, OptionalFieldsAreLeftOutAndUnknownOnesIgnored) {
  EXPECT_FALSE(ToJson(ModeRequest{"shop", "", std::nullopt, 0}).contains("mode"));
  const auto request = ParseWire<ModeRequest>(R"({"namespace": "shop", "mode": null, "future": [1]})");
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->mode.has_value());
}

TEST(JsonTest, WrongTypesNameTheField) {
  const auto row = ParseWire<FlowRow>(R"({"from": "a", "port": 70000})");
  EXPECT_EQ(row.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(row.status().message().find("\"port\""), absl::string_view::npos) << row.status();
  EXPECT_FALSE(ParseWire<FlowRow>(R"({"packets_to": -1})").ok());
  EXPECT_FALSE(ParseWire<FlowRow>(R"({"packets_to": 1.5})").ok());
  EXPECT_FALSE(ParseWire<FlowRow>(R"({"from": ["a"]})").ok());
  EXPECT_FALSE(ParseWire<ServiceRow>(R"({"policies": {"a": 1}})").ok());
}

TEST(JsonTest, DepthIsBounded) {
  EXPECT_TRUE(ParseJson(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(kMaxJsonDepth + 2, '[') + std::string(kMaxJsonDepth + 2, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(4'000'000, '[')).ok());
}

TEST(JsonTest, OutputIsAsciiWhateverGoesIn) {
  ApiError error{"\x1b[31m\xff\xc2\x9b\n", "X"};
  const std::string text = DumpJson(ToJson(error));
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << text;
}

TEST(ErrorsTest, CodesComeBack) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError("a"), absl::NotFoundError("b"), absl::FailedPreconditionError("c"),
        absl::ResourceExhaustedError("d"), absl::PermissionDeniedError("e"), absl::UnavailableError("f")}) {
    EXPECT_EQ(StatusOfError(HttpStatusOf(status.code()), ErrorBody(status)), status);
  }
  EXPECT_EQ(StatusOfError(404, "<html>").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(StatusOfError(599, "").code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace bulkhead::api
