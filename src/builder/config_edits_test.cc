#include "builder/config_edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace burrow::builder {
namespace {

namespace df = dockerfile;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConfigEditsTest : public ::testing::Test {
 protected:
  Status Apply(df::InstructionKind kind, bool base_cmd = false, std::vector<std::string> args = {}) {
    df::ExpandedInstruction instruction{.instruction = {.kind = std::move(kind)}, .args = std::move(args)};
    return ApplyConfiguration(image_, instruction, base_cmd);
  }
  burrow::link::v1::Image image_;
};

TEST_F(ConfigEditsTest, VariablesAreReplacedWhereTheyStandOrComeLast) {
  ASSERT_TRUE(Apply(df::Env{{{"B", "1"}, {"AB", "2"}, {"A", "3"}}}));
  ASSERT_TRUE(Apply(df::Env{{{"AB", "x=y"}, {"C", ""}, {"B", "4"}}}));
  EXPECT_THAT(image_.env(), ElementsAre("B=4", "AB=x=y", "A=3", "C="));
  EXPECT_FALSE(Apply(df::Env{{{"", "x"}}}));
  EXPECT_FALSE(Apply(df::Env{{{"A=B", "x"}}}));
  EXPECT_FALSE(Apply(df::Env{{{"A", std::string("\0", 1)}}}));
}

TEST_F(ConfigEditsTest, PortsVolumesAndTriggersGrow) {
  ASSERT_TRUE(Apply(df::Expose{{"80/tcp", "53/udp"}}));
  ASSERT_TRUE(Apply(df::Expose{{"80/tcp", "443/tcp"}}));
  ASSERT_TRUE(Apply(df::Volume{{"/data", "/data", "/log"}}));
  ASSERT_TRUE(Apply(df::OnBuild{"RUN a"}));
  ASSERT_TRUE(Apply(df::OnBuild{"RUN a"}));
  ASSERT_TRUE(Apply(df::Label{{{"k", "1"}, {"k", "2"}}}));
  EXPECT_THAT(image_.exposed_ports(), ElementsAre("80/tcp", "53/udp", "443/tcp"));
  EXPECT_THAT(image_.volumes(), ElementsAre("/data", "/log"));
  EXPECT_THAT(image_.on_build(), ElementsAre("RUN a", "RUN a"));
  EXPECT_EQ(image_.labels().at("k"), "2");
  EXPECT_FALSE(Apply(df::Volume{{""}}));
}

TEST_F(ConfigEditsTest, AnEntrypointTakesAnInheritedCommandAway) {
  image_.add_cmd("inherited");
  ASSERT_TRUE(Apply(df::Entrypoint{{.shell_form = false, .args = {"/run"}}}, /*base_cmd=*/true));
  EXPECT_THAT(image_.entrypoint(), ElementsAre("/run"));
  EXPECT_THAT(image_.cmd(), IsEmpty());
  ASSERT_TRUE(Apply(df::Cmd{{.text = "x y"}}, true, {"/bin/sh", "-c", "x y"}));
  ASSERT_TRUE(Apply(df::Entrypoint{{.text = "run"}}, /*base_cmd=*/false, {"/bin/sh", "-c", "run"}));
  EXPECT_THAT(image_.entrypoint(), ElementsAre("/bin/sh", "-c", "run"));
  EXPECT_THAT(image_.cmd(), ElementsAre("/bin/sh", "-c", "x y"));
  ASSERT_TRUE(Apply(df::Entrypoint{{.shell_form = false}}));
  EXPECT_THAT(image_.entrypoint(), IsEmpty());
}

TEST_F(ConfigEditsTest, TheRestIsSet) {
  ASSERT_TRUE(Apply(df::User{"ada:wheel"}));
  ASSERT_TRUE(Apply(df::Workdir{"/srv"}));
  ASSERT_TRUE(Apply(df::Shell{{"/bin/bash", "-c"}}));
  ASSERT_TRUE(Apply(df::Maintainer{"Ada"}));
  ASSERT_TRUE(Apply(df::HealthCheck{.test = {"CMD", "x"}, .interval_ns = 1, .retries = 2}));
  ASSERT_TRUE(Apply(df::HealthCheck{.test = {"NONE"}}));
  EXPECT_EQ(image_.user(), "ada:wheel");
  EXPECT_EQ(image_.workdir(), "/srv");
  EXPECT_THAT(image_.shell(), ElementsAre("/bin/bash", "-c"));
  EXPECT_EQ(image_.author(), "Ada");
  EXPECT_THAT(image_.healthcheck().test(), ElementsAre("NONE"));
  EXPECT_EQ(image_.healthcheck().retries(), 0u);
  EXPECT_FALSE(Apply(df::User{""}));
  EXPECT_FALSE(Apply(df::Shell{}));
  EXPECT_FALSE(Apply(df::Run{}));
}

TEST_F(ConfigEditsTest, SignalsAreThoseThatThereAre) {
  for (const char* good : {"9", "KILL", "SIGTERM", "sigquit", "SIGRTMIN+3", "RTMAX-2"}) {
    EXPECT_TRUE(Apply(df::StopSignal{good})) << good;
    EXPECT_EQ(image_.stop_signal(), good);
  }
  for (const char* bad : {"", "0", "-1", "100", "SIGNONE", "9x", "SIG", "RTMIN+", "RTMIN+99", "RTMINx"}) {
    EXPECT_FALSE(Apply(df::StopSignal{bad})) << bad;
  }
}

TEST_F(ConfigEditsTest, OnlyWhatTouchesNoFileChangesTheConfigurationAlone) {
  EXPECT_TRUE(ChangesConfigurationOnly({.kind = df::Env{}}));
  EXPECT_TRUE(ChangesConfigurationOnly({.kind = df::HealthCheck{}}));
  for (const auto& kind : std::vector<df::InstructionKind>{df::Run{}, df::Copy{}, df::Workdir{}, df::Arg{}}) {
    EXPECT_FALSE(ChangesConfigurationOnly({.kind = kind}));
  }
}

TEST_F(ConfigEditsTest, AStartStepChangesWhatItNames) {
  image_.add_cmd("inherited");
  image_.set_user("root");
  burrow::v1::StartStep step;
  ASSERT_TRUE(ApplyStart(image_, step, true));
  EXPECT_THAT(image_.cmd(), ElementsAre("inherited"));
  step.mutable_entrypoint()->add_values("/run");
  ASSERT_TRUE(ApplyStart(image_, step, false));
  EXPECT_THAT(image_.cmd(), ElementsAre("inherited"));
  ASSERT_TRUE(ApplyStart(image_, step, true));
  EXPECT_THAT(image_.cmd(), IsEmpty());
  step.mutable_cmd()->add_values("x");
  step.mutable_shell()->add_values("/bin/bash");
  step.set_user("ada");
  ASSERT_TRUE(ApplyStart(image_, step, true));
  EXPECT_THAT(image_.cmd(), ElementsAre("x"));
  EXPECT_THAT(image_.shell(), ElementsAre("/bin/bash"));
  EXPECT_EQ(image_.user(), "ada");
  step.mutable_shell()->clear_values();
  EXPECT_FALSE(ApplyStart(image_, step, true));
}

}  // namespace
}  // namespace burrow::builder
