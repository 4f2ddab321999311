#include "control/imports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace burrow::control {
namespace {

using ::testing::ElementsAre;

TEST(Imports, KeepEverythingThatAnImageSays) {
  oci::ImageConfig config{.env = {"A=b"},
                          .entrypoint = {"/run"},
                          .cmd = {"x"},
                          .workdir = "/srv",
                          .user = "ada",
                          .labels = {{"l", "v"}},
                          .exposed_ports = {"80/tcp"},
                          .volumes = {"/data"},
                          .stop_signal = "SIGQUIT",
                          .healthcheck = oci::HealthCheck{{"CMD", "true"}, 1, 2, 3, 4, 5},
                          .on_build = {"RUN make"},
                          .shell = {"/bin/bash", "-c"},
                          .author = "Ada",
                          .history = {{"RUN make", false, 7}, {"ENV A=b", true, 8}}};
  oci::ImageConfig again = ToConfig(ToImage(cas::Digest::Of("index"), config));
  EXPECT_EQ(again.env, config.env);
  EXPECT_EQ(again.entrypoint, config.entrypoint);
  EXPECT_EQ(again.cmd, config.cmd);
  EXPECT_EQ(again.workdir, config.workdir);
  EXPECT_EQ(again.user, config.user);
  EXPECT_EQ(again.labels, config.labels);
  EXPECT_EQ(again.exposed_ports, config.exposed_ports);
  EXPECT_EQ(again.volumes, config.volumes);
  EXPECT_EQ(again.stop_signal, config.stop_signal);
  EXPECT_EQ(again.on_build, config.on_build);
  EXPECT_EQ(again.shell, config.shell);
  EXPECT_EQ(again.author, config.author);
  ASSERT_TRUE(again.healthcheck);
  EXPECT_THAT(again.healthcheck->test, ElementsAre("CMD", "true"));
  EXPECT_EQ(again.healthcheck->interval_ns, 1u);
  EXPECT_EQ(again.healthcheck->timeout_ns, 2u);
  EXPECT_EQ(again.healthcheck->start_period_ns, 3u);
  EXPECT_EQ(again.healthcheck->start_interval_ns, 4u);
  EXPECT_EQ(again.healthcheck->retries, 5u);
  ASSERT_EQ(again.history.size(), 2u);
  EXPECT_EQ(again.history[1].created_by, "ENV A=b");
  EXPECT_TRUE(again.history[1].empty_layer);
  EXPECT_EQ(again.history[0].created_ms, 7u);
  EXPECT_FALSE(ToConfig(ToImage(cas::Digest::Of("index"), {})).healthcheck);
}

}  // namespace
}  // namespace burrow::control
