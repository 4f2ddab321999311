#include "dockerfile/plan.h"

#include <gmock/gmock.h>

#include "dockerfile/testing/parsing.h"

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using testing::kPlatform;
using testing::Parsed;

Plan Planned(const Dockerfile& file, const BuildArgs& args = {}, const std::string& target = "") {
  auto plan = MakePlan(file, args, target, kPlatform);
  if (plan) return std::move(*plan);
  ADD_FAILURE() << plan.error().message();
  return {};
}

Error PlanError(std::string_view text, const std::string& target = "") {
  auto plan = MakePlan(Parsed(text), {}, target, kPlatform);
  if (!plan) return plan.error();
  ADD_FAILURE() << "there is a plan for " << text;
  return {Code::kUnknown, ""};
}

size_t StageOf(const Source& source) { return std::get<StageRef>(source).stage; }
std::string ImageOf(const Source& source) { return std::get<ImageRef>(source).reference; }

constexpr const char* kStages = R"(
FROM one AS Base
FROM two AS unused
FROM base AS build
RUN --mount=from=tool/image,target=/t make
FROM three AS other
FROM scratch
COPY --from=BUILD a /a
COPY --from=0 b /b
COPY --from=busybox c /c
)";

TEST(Plan, HoldsTheNeededStagesAlone) {
  Plan plan = Planned(Parsed(kStages));
  EXPECT_EQ(plan.target, 4u);
  EXPECT_THAT(plan.stages, ElementsAre(Key(0), Key(2), Key(4)));
  EXPECT_THAT(plan.stages[4].needs, ElementsAre(0, 2));
  EXPECT_EQ(ImageOf(plan.stages[4].base), "scratch");
  EXPECT_EQ(StageOf(plan.stages[4].froms["BUILD"]), 2u);
  EXPECT_EQ(StageOf(plan.stages[4].froms["0"]), 0u);
  EXPECT_EQ(ImageOf(plan.stages[4].froms["busybox"]), "busybox");
  EXPECT_EQ(StageOf(plan.stages[2].base), 0u);
  EXPECT_EQ(ImageOf(plan.stages[2].froms["tool/image"]), "tool/image");
  EXPECT_THAT(plan.stages[0].needs, IsEmpty());
}

TEST(Plan, TargetsAreNamesOrNumbers) {
  Dockerfile file = Parsed(kStages);
  EXPECT_THAT(Planned(file, {}, "Unused").stages, ElementsAre(Key(1)));
  EXPECT_THAT(Planned(file, {}, "2").stages, ElementsAre(Key(0), Key(2)));
  EXPECT_THAT(PlanError(kStages, "biuld").message(), HasSubstr("there is no stage \"biuld\" to build"));
  EXPECT_THAT(PlanError(kStages, "biuld").message(), HasSubstr("did you mean build?"));
  EXPECT_EQ(PlanError(kStages, "5").code(), Code::kInvalidArgument);
}

TEST(Plan, GlobalArgumentsDecideBases) {
  Dockerfile file = Parsed("ARG TAG=1 NAME=app-$TAG\nARG NONE\nFROM ${NAME}:${TAG%.*}-${NONE:-x}-$TARGETARCH");
  EXPECT_EQ(Planned(file).stages[0].base_text, "app-1:1-x-amd64");
  Plan plan = Planned(file, {{"TAG", "2.5"}, {"NONE", "y"}, {"MORE", "z"}, {"http_proxy", "p"}, {"TARGETARCH", "arm"}});
  EXPECT_EQ(plan.stages[0].base_text, "app-2.5:2-y-arm");
  EXPECT_THAT(plan.unused_args, ElementsAre("MORE"));
  EXPECT_EQ(plan.globals["NAME"], "app-2.5");
  EXPECT_EQ(Planned(file).globals.count("NONE"), 0u);
  EXPECT_EQ(Planned(file).globals["BUILDPLATFORM"], "linux/amd64");
  EXPECT_EQ(Planned(file).globals["TARGETVARIANT"], "");
}

TEST(Plan, ArgumentsOfAnyStageCountAsUsed) {
  Dockerfile file = Parsed("FROM a\nARG X\nONBUILD ARG Y\nFROM b");
  EXPECT_THAT(Planned(file, {{"X", "1"}, {"Y", "2"}, {"Z", "3"}}).unused_args, ElementsAre("Z"));
}

TEST(Plan, ArgumentsOfStagesDoNotReachBases) {
  EXPECT_THAT(PlanError("FROM a\nARG B=b\nFROM $B").message(),
              HasSubstr("Dockerfile:3:6: the base is empty\nFROM $B\n     ^"));
}

TEST(Plan, AStageMayHaveTheNameOfItsImage) {
  EXPECT_EQ(ImageOf(Planned(Parsed("FROM debian AS debian")).stages[0].base), "debian");
  Plan plan = Planned(Parsed("FROM a AS x\nFROM b AS x\nFROM x"));
  EXPECT_EQ(StageOf(plan.stages[2].base), 1u);
}

TEST(Plan, RefusesStagesThatAreNotThereYet) {
  EXPECT_THAT(PlanError("FROM a\nCOPY --from=later x /x\nFROM b AS later\n", "0").message(),
              HasSubstr("Dockerfile:2:13: the stage \"later\" is not there yet"));
  EXPECT_THAT(PlanError("FROM a\nCOPY --from=0 x /x").message(), HasSubstr("stage 0 is not there yet"));
  EXPECT_THAT(PlanError("FROM a AS me\nRUN --mount=from=me,target=/x y").message(),
              HasSubstr("2:18: the stage \"me\""));
}

TEST(Plan, TriggersOfAStageCountInTheNextOne) {
  Plan plan = Planned(Parsed("FROM a AS tools\nFROM b AS base\nONBUILD COPY --from=tools x /x\nFROM base"));
  EXPECT_THAT(plan.stages[2].needs, ElementsAre(0, 1));
  EXPECT_EQ(StageOf(plan.stages[2].froms["tools"]), 0u);
}

TEST(Plan, OnlyTheOwnPlatformIsBuilt) {
  EXPECT_EQ(Planned(Parsed("FROM --platform=$BUILDPLATFORM a")).stages[0].platform, "linux/amd64");
  EXPECT_EQ(Planned(Parsed("FROM --platform=amd64 a")).stages[0].platform, "amd64");
  EXPECT_EQ(Planned(Parsed("FROM --platform=linux/x86_64 a")).stages.size(), 1u);
  Error error = PlanError("FROM --platform=linux/arm64 a");
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("Dockerfile:1:17: this is built on linux/amd64 alone, not on linux/arm64"));
}

TEST(Plan, ErrorsOfExpansionsPointAtTheText) {
  EXPECT_THAT(PlanError("ARG A=1\nARG B=${A\nFROM x").message(), HasSubstr("Dockerfile:2:7: \"${A\" lacks a }"));
  EXPECT_THAT(PlanError("ARG V\nFROM x:${V:?unset}").message(), HasSubstr("Dockerfile:2:6: V: unset"));
}

TEST(Plan, AFragmentHasNoBase) {
  auto fragment = ParseFragment("COPY --from=img a /a", "commands");
  ASSERT_TRUE(fragment);
  Plan plan = Planned(*fragment);
  EXPECT_EQ(ImageOf(plan.stages[0].base), "");
  EXPECT_EQ(ImageOf(plan.stages[0].froms["img"]), "img");
}

}  // namespace
}  // namespace burrow::dockerfile
