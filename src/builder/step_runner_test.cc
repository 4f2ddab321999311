#include "builder/step_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "builder/image_file.h"
#include "builder/testing/step_fixture.h"
#include "os/testing/own_mounts.h"

namespace burrow::builder {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class StepRunnerTest : public testing::StepFixture {
 protected:
  Result<BuiltImage> RunCommands(const std::vector<std::string>& commands, uint32_t timeout_ms = 0) {
    burrow::v1::ImageStep step;
    for (const auto& command : commands) step.mutable_run()->add_commands(command);
    return Run(std::move(step), timeout_ms);
  }
};

TEST_F(StepRunnerTest, MakesALayerOfWhatCommandsChanged) {
  auto built = RunCommands({"echo new > /etc/made; echo said", "rm -rf /root", "ln -s made /etc/linked"});
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, Contains("said"));
  std::string tree = Describe(built->image);
  EXPECT_THAT(tree, HasSubstr("etc/made"));
  EXPECT_THAT(tree, HasSubstr("etc/linked"));
  EXPECT_THAT(tree, HasSubstr("bin/sh"));
  EXPECT_THAT(tree, Not(HasSubstr("proc")));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("new\n")));
  EXPECT_GT(built->files, 6u);
}

TEST_F(StepRunnerTest, GivesEqualStepsEqualEnvironmentAndDirectory) {
  parent_.add_env("GREETING=hello world");
  parent_.set_workdir("/etc");
  auto built = RunCommands({"echo \"$GREETING\" > here"});
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(Describe(built->image), HasSubstr("etc/here"));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("hello world\n")));
  EXPECT_EQ(built->image.workdir(), "/etc");
}

TEST_F(StepRunnerTest, RunsEachCommandByTheImagesShell) {
  for (const char* word : {"/bin/sh", "-f", "-u", "-c", "echo \"[$0]\"; eval \"$0\""}) parent_.add_shell(word);
  auto built = RunCommands({"echo 'a b' *", "echo $-; exit 4"});
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message(), HasSubstr("'echo $-; exit 4' failed with exit code 4"));
  for (const char* line : {"[echo 'a b' *]", "a b *", "[echo $-; exit 4]"}) EXPECT_THAT(lines_, Contains(line));
  parent_.mutable_shell()->Clear();
  parent_.add_shell("/bin/absent");
  EXPECT_THAT(RunCommands({"true"}).error().message(), HasSubstr("exit code 127"));
}

TEST_F(StepRunnerTest, NamesTheCommandThatFailedWithItsLastLines) {
  auto built = RunCommands({"echo fine", "echo before; echo broken >&2; exit 3", "echo never"});
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message(), HasSubstr("'echo before; echo broken >&2; exit 3' failed with exit code 3"));
  EXPECT_THAT(built.error().message(), HasSubstr("broken\n"));
  EXPECT_THAT(lines_, Not(Contains("never")));
}

TEST_F(StepRunnerTest, KeepsTheTreeAsAFailedCommandLeftIt) {
  auto built = RunCommands({"echo half > /etc/half; exit 1"});
  ASSERT_FALSE(built);
  ASSERT_TRUE(left_);
  EXPECT_THAT(Describe(left_->image), HasSubstr("etc/half"));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("half\n")));
  auto good = RunCommands({"echo x"});
  EXPECT_TRUE(good);
  EXPECT_FALSE(left_);
}

TEST_F(StepRunnerTest, EndsAStepThatWritesMoreThanItMay) {
  disk_.step_bytes = 1u << 20;
  auto built = RunCommands({"i=0; while :; do cat /bin/sh /bin/sh /bin/sh > /etc/f$i; i=$((i + 1)); sleep 0.01; done"});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(built.error().message(), HasSubstr("more than the 0.0 GiB that a step may"));
  EXPECT_FALSE(left_);
}

TEST_F(StepRunnerTest, SendsNoFileAgainOfWhichTheMetadataChanged) {
  ASSERT_TRUE(os::WriteFileAtomically(image_ + "/etc/large", std::string(1'000'000, 'x')));
  UseParent();
  const int before = server_.puts();
  auto built = RunCommands({"ln /etc/large /etc/second"});  // a link count is metadata, and overlay copies the file up
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_EQ(server_.puts(), before + 1) << "the new index alone";
  auto tree = TreeOf(built->image);
  const auto* node = FollowInTree(tree, "/etc/second");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->inode->digest, cas::Digest::Of(std::string(1'000'000, 'x')));
}

TEST_F(StepRunnerTest, KeepsTimesUnlessAnEpochClampsThem) {
  ASSERT_TRUE(os::WriteFileAtomically(image_ + "/etc/old", "old"));
  UseParent();
  auto step = NewStep();
  step.mutable_step()->mutable_run()->add_commands("echo x > /etc/fresh");
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  auto tree = TreeOf(built->image);
  EXPECT_GT(FollowInTree(tree, "/etc/fresh")->inode->mtime, 1'700'000'000);
  const auto old = FollowInTree(tree, "/etc/old")->inode->mtime;
  step = NewStep();
  step.mutable_step()->mutable_run()->add_commands("echo x > /etc/fresh");
  step.set_source_date_epoch(1'000);
  built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  tree = TreeOf(built->image);
  EXPECT_EQ(FollowInTree(tree, "/etc/fresh")->inode->mtime, 1'000);
  EXPECT_EQ(FollowInTree(tree, "/etc/fresh")->inode->mtime_ns, 0u);
  EXPECT_EQ(FollowInTree(tree, "/etc/old")->inode->mtime, old) << "the step did not change it";
}

TEST_F(StepRunnerTest, EndsWhenItIsCancelled) {
  std::jthread canceller([this] { cancellation_->Cancel(); });
  auto built = RunCommands({"sleep 100"});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kCancelled);
  EXPECT_FALSE(left_);
}

TEST_F(StepRunnerTest, EndsAtItsDeadline) {
  auto built = RunCommands({"echo waiting; sleep 100"}, 700);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kDeadlineExceeded) << built.error().message();
  EXPECT_THAT(built.error().message(), HasSubstr("did not end within 0.7 s: split it"));
  EXPECT_THAT(built.error().message(), HasSubstr("waiting"));
}

TEST_F(StepRunnerTest, BeginsWithNothingFromScratch) {
  parent_.Clear();
  burrow::v1::ImageStep step;
  step.mutable_base()->set_name("scratch");
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_TRUE(TreeOf(built->image).root().children.empty());
  EXPECT_EQ(built->files, 0u);
}

TEST_F(StepRunnerTest, RefusesAnUnknownBaseAndAStepWithoutParent) {
  burrow::v1::ImageStep step;
  step.mutable_base()->set_name("plan9");
  auto unknown = Run(step);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("debian_slim"));
  parent_.clear_index_digest();
  auto orphan = RunCommands({"true"});
  ASSERT_FALSE(orphan);
  EXPECT_THAT(orphan.error().message(), HasSubstr("Image.debian_slim()"));
}

}  // namespace
}  // namespace burrow::builder
