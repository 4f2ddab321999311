// Volumes of containers that start from forks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/testing/volume_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::CONTAINER_PHASE_READY;
using burrow::link::v1::ContainerUpdate;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::chrono::minutes kPatience{1};

// The import reads a volume; each step shows what that was and what there is, and writes.
constexpr const char* kImportReads = R"(
import os
imported = open("/data/weights").read()
def step(x):
    if x > 0:
        with open(f"/data/{x}", "w") as file:
            file.write(f"wrote {x}")
    print(imported, sorted(os.listdir("/data")), open("/data/weights").read(), flush=True)
)";

class VolumeForkTest : public testing::VolumeFixture {
 protected:
  VolumeForkTest() { deadlines_.commits.pause = std::chrono::hours(1); }

  std::string StartOne(const std::string& source) {
    return Start(source, "step", [this](auto& spec) {
      spec.mutable_function()->set_memory_snapshot(true);
      spec.mutable_image()->set_workdir(working_directory_);
    });
  }
  static bool IsFork(const ContainerUpdate& ready) { return ready.phases(0).name() == "fork"; }
  static std::string NoteOf(const ContainerUpdate& ready) {
    std::string notes;
    for (const auto& phase : ready.phases()) notes += phase.note();
    return notes;
  }
  // Starts containers one after another until one is as wanted, which stays; "" after a while.
  std::string StartUntil(const std::string& source, const std::function<bool(const ContainerUpdate&)>& wanted) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    std::string last;
    while (std::chrono::steady_clock::now() < until && !HasFailure()) {
      const std::string id = StartOne(source);
      const auto ready = AwaitPhase(id, CONTAINER_PHASE_READY);
      if (wanted(ready)) return id;
      last = ready.ShortDebugString();
      StopAndAwait(id);
    }
    ADD_FAILURE() << "no container was as wanted; the last: " << last;
    return "";
  }
  std::string Forked(const std::string& source) { return StartUntil(source, IsFork); }
  std::string NotForkedBecause(const std::string& source, const std::string& why) {
    return StartUntil(source, [&](const auto& ready) { return NoteOf(ready).contains(why); });
  }

  std::string working_directory_;
};

TEST_F(VolumeForkTest, AreMountedInAForkAndCommitted) {
  PutInHead("weights", "one");
  UseVolume();
  const std::string container = Forked(kImportReads);
  Run(container, 1);
  EXPECT_THAT(Ask(container, false).error(), IsEmpty());
  EXPECT_EQ(head_->Read("1"), "wrote 1");
  Run(container, 2);
  StopAndAwait(container);
  EXPECT_EQ(head_->Read("2"), "wrote 2");
  EXPECT_THAT(Printed(), ElementsAre("one ['1', 'weights'] one", "one ['1', '2', 'weights'] one"));
}

TEST_F(VolumeForkTest, OfTwoForksAreApart) {
  PutInHead("weights", "one");
  UseVolume();
  const std::string first = Forked(kImportReads);
  const std::string second = Forked(kImportReads);
  Run(first, 1);
  Run(second, 2);
  EXPECT_THAT(Printed(), ElementsAre("one ['1', 'weights'] one", "one ['2', 'weights'] one"));
  StopAndAwait(first);
  StopAndAwait(second);
  EXPECT_TRUE(head_->Has("1") && head_->Has("2"));
}

TEST_F(VolumeForkTest, AreMountedWhereTheImageHasNothing) {
  PutInHead("weights", "one");
  UseVolume("/srv/deep/data");
  const std::string container =
      Forked("import os\ndef step(x):\n    print(os.listdir('/srv/deep/data'), flush=True)\n");
  Run(container, 1);
  EXPECT_THAT(Printed(), ElementsAre("['weights']"));
  StopAndAwait(container);
}

TEST_F(VolumeForkTest, AreReloadedInAFork) {
  PutInHead("weights", "one");
  UseVolume();
  const std::string container = Forked(kImportReads);
  PutInHead("weights", "two");
  EXPECT_THAT(Ask(container, true).error(), IsEmpty());
  Run(container, 0);
  EXPECT_THAT(Printed(), ElementsAre("one ['weights'] two"));
  StopAndAwait(container);
}

TEST_F(VolumeForkTest, ThatHaveChangedAreReadByAnotherImport) {
  PutInHead("weights", "one");
  UseVolume();
  StopAndAwait(Forked(kImportReads));
  PutInHead("weights", "two");
  UseVolume();
  const std::string fresh = NotForkedBecause(kImportReads, "a volume of it has changed since it was warmed");
  Run(fresh, 0);
  StopAndAwait(fresh);
  const std::string forked = Forked(kImportReads);
  Run(forked, 0);
  StopAndAwait(forked);
  EXPECT_THAT(Printed(), ElementsAre("two ['weights'] two", "two ['weights'] two"));
}

TEST_F(VolumeForkTest, CannotBeWrittenWhereTheyAreReadOnly) {
  UseVolume("/data", true);
  const std::string container = Forked(R"(
def step(x):
    try:
        open("/data/new", "w")
    except OSError as error:
        print(error.strerror, flush=True)
)");
  Run(container, 0);
  EXPECT_THAT(Printed(), ElementsAre("Read-only file system"));
  StopAndAwait(container);
}

TEST_F(VolumeForkTest, ThatAnImportWritesMakeContainersStartFromNothing) {
  UseVolume();
  const std::string container = NotForkedBecause("open('/data/imported', 'w').write('x')\ndef step(x):\n    pass\n",
                                                 "its import failed in the process");
  Run(container, 0);
  StopAndAwait(container);
  EXPECT_EQ(head_->Read("imported"), "x");
}

TEST_F(VolumeForkTest, ThatHaveTheWorkingDirectoryMakeContainersStartFromNothing) {
  UseVolume();
  working_directory_ = "/data";
  StopAndAwait(NotForkedBecause("def step(x):\n    pass\n", "its working directory is in a volume"));
}

}  // namespace
}  // namespace burrow::worker
