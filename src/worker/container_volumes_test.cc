#include "worker/container_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "worker/testing/volume_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromWorker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IntArgument;
using ::testing::IsEmpty;

constexpr std::chrono::milliseconds kNever{3'600'000};

// Containers commit when they are asked and at their end alone.
class ContainerVolumesTest : public testing::VolumeFixture {
 protected:
  ContainerVolumesTest() {
    deadlines_.commits.pause = kNever;
    deadlines_.disk_look = std::chrono::milliseconds(50);
  }
};

constexpr const char* kWrites = R"(
import os
def step(x):
    print(sorted(os.listdir("/data")), flush=True)
    with open(f"/data/{x}", "w") as file:
        file.write(f"wrote {x}")
)";

TEST_F(ContainerVolumesTest, ShowTheHeadAndCommitWhatWasWrittenBeforeTheContainerIsStopped) {
  PutInHead("there", "before");
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  EXPECT_EQ(Told(), 0u);
  StopAndAwait(container);
  EXPECT_THAT(Printed(), ElementsAre("['there']"));
  EXPECT_EQ(head_->Read("1"), "wrote 1");
  EXPECT_EQ(head_->Read("there"), "before");
  EXPECT_TRUE(said_.back().has_container()) << "the last update comes last";
}

TEST_F(ContainerVolumesTest, AreEmptyAtFirstAndMountedWhereTheImageHasNothing) {
  UseVolume("/srv/deep/data");
  const std::string container =
      Start("import os\ndef step(x):\n    print(os.listdir('/srv/deep/data'), flush=True)\n", "step");
  Run(container, 1);
  EXPECT_THAT(Printed(), ElementsAre("[]"));
  StopAndAwait(container);
  EXPECT_EQ(Told(), 0u);
}

TEST_F(ContainerVolumesTest, AreMountedInsideTheImageWhereItsLinksPointOutside) {
  os::TempDirectory image;
  ASSERT_TRUE(os::Run({.argv = {"cp", "-al", images_.path + "/.", image / "root"}}, std::chrono::minutes(1)));
  std::filesystem::create_directory_symlink("../../../../burrow-outside", image / "root/data");
  images_.path = image / "root";
  UseVolume("/data");
  const std::string container = Start(
      "import os\ndef step(x):\n    open('/data/inside', 'w').close()\n    print(os.path.realpath('/data'), "
      "flush=True)\n",
      "step");
  Run(container, 1);
  StopAndAwait(container);
  EXPECT_THAT(Printed(), ElementsAre("/burrow-outside"));
  EXPECT_TRUE(head_->Has("inside"));
  EXPECT_FALSE(std::filesystem::exists("/burrow-outside"));
}

TEST_F(ContainerVolumesTest, CannotBeWrittenWhereTheyAreReadOnly) {
  PutInHead("there", "before");
  UseVolume("/data", true);
  const std::string container = Start(R"(
def step(x):
    try:
        open("/data/new", "w")
    except OSError as error:
        print(open("/data/there").read(), error.strerror, flush=True)
)",
                                      "step");
  Run(container, 1);
  PutInHead("there", "after");
  EXPECT_THAT(Ask(container, true).error(), IsEmpty());
  Run(container, 2);
  EXPECT_THAT(Ask(container, false).error(), IsEmpty());
  StopAndAwait(container);
  EXPECT_THAT(Printed(), ElementsAre("before Read-only file system", "after Read-only file system"));
  EXPECT_EQ(Told(), 0u);
}

TEST_F(ContainerVolumesTest, AreCommittedOnRequestAndNothingTwice) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  const auto done = Ask(container, false);
  EXPECT_THAT(done.error(), IsEmpty());
  EXPECT_EQ(done.version(), head_->version());
  EXPECT_EQ(head_->Read("1"), "wrote 1");
  PutInHead("1", "another container's");
  Run(container, 2);
  EXPECT_THAT(Ask(container, false).error(), IsEmpty());
  EXPECT_THAT(Ask(container, false).error(), IsEmpty());
  StopAndAwait(container);
  EXPECT_EQ(Told(), 2u);
  EXPECT_EQ(head_->Read("1"), "another container's");
  EXPECT_EQ(head_->Read("2"), "wrote 2");
}

TEST_F(ContainerVolumesTest, AreSharedByTwoContainersPathByPath) {
  UseVolume();
  const std::string first = Start(kWrites, "step"), second = Start(kWrites, "step");
  Run(first, 1);
  Run(second, 2);
  Run(second, 1);
  StopAndAwait(first);
  StopAndAwait(second);
  EXPECT_EQ(head_->Read("1"), "wrote 1");
  EXPECT_EQ(head_->Read("2"), "wrote 2");
}

class PeriodicCommitsTest : public testing::VolumeFixture {
 protected:
  PeriodicCommitsTest() { deadlines_.commits.pause = std::chrono::milliseconds(20); }
};

TEST_F(PeriodicCommitsTest, TellWhatChangedWhileTheContainerRuns) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  EXPECT_TRUE(RunUntil([&] { return head_->Has("1"); }));
  const size_t told = Told();
  Run(container, 2);
  EXPECT_TRUE(RunUntil([&] { return head_->Has("2"); }));
  EXPECT_GT(Told(), told);
  StopAndAwait(container);
}

TEST_F(PeriodicCommitsTest, SayOnceWhyControlRefusesAndTryAgain) {
  UseVolume();
  refusal_ = "the workspace has no room";
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  EXPECT_TRUE(RunUntil([&] { return Told() >= 3; }));
  EXPECT_FALSE(head_->Has("1"));
  refusal_.clear();
  EXPECT_TRUE(RunUntil([&] { return head_->Has("1"); }));
  StopAndAwait(container);
  EXPECT_EQ(SystemLines(),
            "volume at /data: what was written is not committed yet: the workspace has no room; it is tried again\n");
}

TEST_F(ContainerVolumesTest, SayWhatIsLostWhereControlRefusesTheLastCommit) {
  UseVolume();
  refusal_ = "the volume is gone";
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  EXPECT_EQ(Ask(container, false).error(), "the volume is gone");
  StopAndAwait(container);
  EXPECT_THAT(SystemLines(), HasSubstr("what was written since the last commit is lost: the volume is gone"));
}

TEST_F(ContainerVolumesTest, AreCommittedAfterTheirProcessWasKilledOrEndedByItself) {
  UseVolume();
  const char* source =
      "import os\ndef step(x):\n    open(f'/data/{x}', 'w').write('last')\n    x == 1 or os._exit(3)\n";
  const std::string killed = Start(source, "step"), ended = Start(source, "step");
  Run(killed, 1);
  Stop(killed, 0);
  AwaitStopped(killed);
  AwaitPhase(ended, burrow::link::v1::CONTAINER_PHASE_READY);
  Call(ended, IntArgument(2));
  EXPECT_EQ(AwaitStopped(ended).cause(), burrow::link::v1::STOP_CAUSE_EXITED);
  EXPECT_EQ(head_->Read("1"), "last");
  EXPECT_EQ(head_->Read("2"), "last");
}

TEST_F(ContainerVolumesTest, AreCommittedByAWorkerThatIsStopped) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  std::optional<bool> stopped;
  net::RunDetached(
      io_,
      [](ContainerManager& manager, std::optional<bool>& outcome) -> net::Task<void> {
        outcome = co_await manager.StopAll(std::chrono::seconds(2), std::chrono::seconds(8));
      }(*manager_, stopped),
      "stop the worker");
  EXPECT_TRUE(RunUntil([&] { return stopped.has_value(); }));
  EXPECT_EQ(head_->Read("1"), "wrote 1");
}

class NoLinkTest : public testing::VolumeFixture {
 protected:
  NoLinkTest() {
    deadlines_.commits = {
        .pause = kNever, .last = std::chrono::minutes(10), .without_link = std::chrono::milliseconds(300)};
  }
};

TEST_F(NoLinkTest, SayAgainOnANewConnectionWhatWasNotAnswered) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  answers_ = false;
  burrow::link::v1::VolumeRequest request;
  request.set_request_id("lost");
  request.set_container_id(container);
  request.set_volume_id("vo-test");
  manager_->AskVolume(request);
  EXPECT_TRUE(RunUntil([&] { return Told() == 1; }));
  manager_->LinkChanged(false);
  answers_ = true;
  manager_->LinkChanged(true);
  EXPECT_TRUE(RunUntil([&] { return head_->Has("1"); }));
  const auto first = Await([](const FromWorker& m) { return m.has_volume_changed(); }).volume_changed();
  EXPECT_EQ(Told(), 2u);
  for (const auto& message : said_) {
    if (message.has_volume_changed()) EXPECT_EQ(message.volume_changed().sequence(), first.sequence());
  }
  StopAndAwait(container);
}

TEST_F(NoLinkTest, GiveTheLastCommitUpAfterAWhileAndSayWhatIsLost) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  answers_ = false;
  manager_->LinkChanged(false);
  StopAndAwait(container);
  EXPECT_THAT(SystemLines(), HasSubstr("what was written since the last commit is lost: the server does not answer"));
  EXPECT_FALSE(head_->Has("1"));
}

TEST_F(ContainerVolumesTest, OfAnotherContainerAreNotHere) {
  UseVolume();
  const std::string container = Start(kWrites, "step");
  Run(container, 1);
  burrow::link::v1::VolumeRequest request;
  request.set_request_id("other");
  request.set_container_id(container);
  request.set_volume_id("vo-other");
  manager_->AskVolume(request);
  const auto done = Await([](const FromWorker& m) {
                      return m.has_volume_request_done() && m.volume_request_done().request_id() == "other";
                    }).volume_request_done();
  EXPECT_EQ(done.error(), "the container does not have this volume");
  EXPECT_THAT(Ask(ContainerId::New().str(), true).error(), HasSubstr("does not run any more"));
}

TEST_F(ContainerVolumesTest, LeaveNothingBehindWhereTheContainerCannotStart) {
  UseVolume();
  const std::string container =
      Start(kWrites, "step", [](auto& spec) { spec.mutable_function()->set_runtime("no-such-engine"); });
  EXPECT_EQ(AwaitStopped(container).cause(), burrow::link::v1::STOP_CAUSE_START_FAILED);
}

TEST_F(ContainerVolumesTest, GiveNobodyTheRightsOfTheirPrograms) {
  UseVolume();
  const std::string container = Start(R"(
import os
def step(x):
    flags = os.statvfs("/data").f_flag
    os.close(os.open("/data/tool", os.O_CREAT | os.O_WRONLY, 0o755))
    os.chmod("/data/tool", 0o4755)
    try:
        os.mknod("/data/device", 0o20644, os.makedev(1, 3))
    except OSError as error:
        print(bool(flags & os.ST_NOSUID), bool(flags & os.ST_NODEV), error.strerror, flush=True)
)",
                                      "step");
  Run(container, 1);
  StopAndAwait(container);
  EXPECT_THAT(Printed(), ElementsAre("True True Operation not permitted"));
  EXPECT_TRUE(head_->Has("tool"));
}

TEST_F(ContainerVolumesTest, CountForTheDiskOfTheContainer) {
  UseVolume();
  const std::string container =
      Start("import signal\ndef step(x):\n    open('/data/large', 'wb').write(b'x' * (x << 20))\n    signal.pause()\n",
            "step", [](auto& spec) { spec.mutable_function()->mutable_resources()->set_ephemeral_disk_mib(8); });
  Call(container, IntArgument(10));
  EXPECT_EQ(AwaitStopped(container).cause(), burrow::link::v1::STOP_CAUSE_OUT_OF_DISK);
}

TEST_F(ContainerVolumesTest, OfGvisorAreCommittedButNotReloaded) {
  if (!runtime::CheckInstalled("runsc")) GTEST_SKIP() << "runsc is not installed";
  PutInHead("there", "before");
  UseVolume();
  const std::string container =
      Start(kWrites, "step", [](auto& spec) { spec.mutable_function()->set_runtime("runsc"); });
  Run(container, 1);
  EXPECT_THAT(Ask(container, false).error(), IsEmpty());
  EXPECT_EQ(head_->Read("1"), "wrote 1");
  const auto reload = Ask(container, true);
  EXPECT_THAT(reload.error(), HasSubstr("a container under runsc keeps the mounts that it began with"));
  EXPECT_FALSE(reload.busy());
  StopAndAwait(container);
  EXPECT_THAT(Printed(), ElementsAre("['there']"));
}

}  // namespace
}  // namespace burrow::worker
