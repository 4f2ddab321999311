#include "oci/config_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "oci/date_time.h"

namespace burrow::oci {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kWhole = R"({
  "author": "Ada",
  "rootfs": {"diff_ids": []},
  "config": {
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}}, "StopSignal": "SIGQUIT",
    "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000, "Timeout": 1, "StartPeriod": 2,
                    "StartInterval": 3, "Retries": 4},
    "OnBuild": ["RUN make"], "Shell": ["/bin/bash", "-c"]},
  "history": [
    {"created": "2024-05-06T07:08:09.25Z", "created_by": "ADD rootfs /"},
    {"created_by": "ENV A=b", "empty_layer": true},
    {"created_by": "RUN make"},
    {"created_by": "CMD [\"x\"]", "empty_layer": true}]})";

TEST(ConfigDocument, SaysEverythingThatDockerSays) {
  auto parsed = ParseConfig(kWhole);
  ASSERT_TRUE(parsed) << parsed.error().message();
  const ImageConfig& config = parsed->config;
  EXPECT_THAT(config.exposed_ports, ElementsAre("53/udp", "80/tcp"));
  EXPECT_THAT(config.volumes, ElementsAre("/data"));
  EXPECT_EQ(config.stop_signal, "SIGQUIT");
  ASSERT_TRUE(config.healthcheck);
  EXPECT_THAT(config.healthcheck->test, ElementsAre("CMD-SHELL", "true"));
  EXPECT_EQ(config.healthcheck->interval_ns, 5'000'000'000u);
  EXPECT_EQ(config.healthcheck->start_interval_ns, 3u);
  EXPECT_EQ(config.healthcheck->retries, 4u);
  EXPECT_THAT(config.on_build, ElementsAre("RUN make"));
  EXPECT_THAT(config.shell, ElementsAre("/bin/bash", "-c"));
  EXPECT_EQ(config.author, "Ada");
  ASSERT_EQ(config.history.size(), 4u);
  EXPECT_EQ(config.history[0].created_ms, 1'714'979'289'250u);
  EXPECT_FALSE(config.history[0].empty_layer);
  EXPECT_EQ(config.history[1].created_by, "ENV A=b");
  EXPECT_TRUE(config.history[1].empty_layer);
}

TEST(ConfigDocument, IsReadAgainAsItWasWritten) {
  ImageConfig config = ParseConfig(kWhole).value().config;
  std::string text = ConfigText(config, cas::Digest::Of("layer"));
  auto again = ParseConfig(text);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_THAT(again->diff_ids, ElementsAre(cas::Digest::Of("layer")));
  EXPECT_EQ(ConfigText(again->config, cas::Digest::Of("layer")), text);
  EXPECT_EQ(again->config.healthcheck->timeout_ns, 1u);
  EXPECT_THAT(again->config.exposed_ports, ElementsAre("53/udp", "80/tcp"));
  EXPECT_EQ(again->config.history[0].created_ms, config.history[0].created_ms);
}

// Other tools refuse a document whose history tells of more or fewer layers than there are.
TEST(ConfigDocument, TellsOfExactlyOneLayer) {
  for (size_t changing : {0u, 1u, 3u}) {
    ImageConfig config;
    for (size_t i = 0; i < changing; ++i) {
      config.history.push_back({.created_by = fmt::format("RUN {}", i)});
      config.history.push_back({.created_by = "ENV", .empty_layer = true});
    }
    json history = json::parse(ConfigText(config, cas::Digest::Of("layer")))["history"];
    size_t layers = 0;
    for (const json& entry : history) layers += entry.value("empty_layer", false) ? 0 : 1;
    EXPECT_EQ(layers, 1u) << history.dump();
    if (changing == 3) EXPECT_FALSE(history[4].contains("empty_layer")) << history.dump();
  }
}

TEST(ConfigDocument, SaysNothingThatIsNotThere) {
  json document = json::parse(ConfigText({}, cas::Digest::Of("layer")));
  EXPECT_THAT(document["config"], IsEmpty());
  EXPECT_FALSE(document.contains("author"));
}

TEST(ConfigDocument, RefusesWhatCannotBeMeant) {
  for (const char* config :
       {R"({"ExposedPorts":["80"]})", R"({"Volumes":"/x"})", R"({"OnBuild":[1]})", R"({"Shell":{"a":1}})",
        R"({"Healthcheck":{"Interval":-1}})", R"({"Healthcheck":{"Retries":4294967296}})",
        R"({"Healthcheck":{"Timeout":1.5}})", R"({"Healthcheck":{"Test":"true"}})"}) {
    auto parsed = ParseConfig(fmt::format(R"({{"config":{}}})", config));
    ASSERT_FALSE(parsed) << config;
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
  }
  std::string many = "{\"history\":[{}";
  for (int i = 0; i < 10'000; ++i) many += ",{}";
  EXPECT_THAT(ParseConfig(many + "]}").error().message(), HasSubstr("too long"));
  EXPECT_TRUE(ParseConfig(R"({"history":[7,null,{"created":"yesterday","created_by":[]}],"config":null})"));
}

TEST(DateTime, KnowsOffsetsAndFractions) {
  EXPECT_EQ(ParseDateTime("1970-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(ParseDateTime("2024-05-06T07:08:09.123456789Z"), 1'714'979'289'123u);
  EXPECT_EQ(ParseDateTime("2024-05-06T09:08:09+02:00"), 1'714'979'289'000u);
  EXPECT_EQ(ParseDateTime("2024-05-06T05:38:09.5-01:30"), 1'714'979'289'500u);
  EXPECT_EQ(FormatDateTime(1'714'979'289'123), "2024-05-06T07:08:09.123Z");
  EXPECT_EQ(FormatDateTime(1'714'979'289'000), "2024-05-06T07:08:09Z");
  EXPECT_EQ(ParseDateTime(FormatDateTime(UINT64_MAX)), 253'402'300'799'999u);
}

TEST(DateTime, IsNothingWhereItIsNone) {
  for (const char* text :
       {"", "2024", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-05-06T25:00:00Z", "2024-05-06T07:08:09",
        "2024-05-06T07:08:09.Z", "2024-05-06T07:08:09.1234567890Z", "2024-05-06T07:08:09Zx", "2024-05-06T07:08:09+2",
        "0001-01-01T00:00:00Z", "+024-05-06T07:08:09Z", "2024-05-06T07:08:09+99:00"}) {
    EXPECT_FALSE(ParseDateTime(text)) << text;
  }
}

}  // namespace
}  // namespace burrow::oci
