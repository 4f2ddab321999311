// Reloads of volumes in containers that run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "worker/testing/volume_fixture.h"

namespace burrow::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VolumeReloadTest : public testing::VolumeFixture {
 protected:
  VolumeReloadTest() { deadlines_.commits.pause = std::chrono::hours(1); }
};

constexpr const char* kReads = R"(
import os
held = None
def step(x):
    global held
    if x == 1:
        open("/data/mine", "w").write("1")
    if x == 2:
        held = open("/data/mine")
    if x == 3:
        held.close()
    if x == 4:
        os.chdir("/data")
    if x == 5:
        os.chdir("/")
    print({name: open("/data/" + name).read() for name in sorted(os.listdir("/data"))}, flush=True)
)";

TEST_F(VolumeReloadTest, ShowAfterAReloadWhatOthersCommitted) {
  UseVolume();
  const std::string container = Start(kReads, "step");
  Run(container, 1);
  PutInHead("theirs", "2");
  Run(container, 0);
  const auto done = Ask(container, true);
  EXPECT_THAT(done.error(), IsEmpty());
  EXPECT_EQ(done.version(), head_->version());
  Run(container, 0);
  // What was there is the head now: nothing of it is told once more.
  const size_t told = Told();
  EXPECT_THAT(Ask(container, true).error(), IsEmpty());
  Run(container, 1);
  StopAndAwait(container);
  EXPECT_EQ(Told(), told + 1);
  EXPECT_THAT(Printed(), ElementsAre("{'mine': '1'}", "{'mine': '1'}", "{'mine': '1', 'theirs': '2'}",
                                     "{'mine': '1', 'theirs': '2'}"));
}

TEST_F(VolumeReloadTest, StayAsTheyAreWhileAFileOrDirectoryOfThemIsInUse) {
  UseVolume();
  const std::string container = Start(kReads, "step");
  Run(container, 1);
  for (const auto& [begin, end, use] :
       {std::tuple(2, 3, "/data/mine open"), {4, 5, "/data as its working directory"}}) {
    Run(container, static_cast<uint8_t>(begin));
    const auto busy = Ask(container, true);
    EXPECT_TRUE(busy.busy());
    EXPECT_THAT(busy.error(), HasSubstr("/data is in use: python3 has ")) << busy.error();
    EXPECT_THAT(busy.error(), HasSubstr(use));
    Run(container, static_cast<uint8_t>(end));
  }
  PutInHead("theirs", "2");
  EXPECT_THAT(Ask(container, true).error(), IsEmpty());
  Run(container, 0);
  EXPECT_EQ(Printed().back(), "{'mine': '1', 'theirs': '2'}");
  StopAndAwait(container);
}

TEST_F(VolumeReloadTest, LieUponWhatNobodyCanWrite) {
  UseVolume();
  const std::string container = Start(R"(
def step(x):
    for line in open("/proc/self/mountinfo"):
        words = line.split()
        if words[4] == "/data":
            print(words[5].split(",")[0], words[words.index("-") + 1] == "overlay", flush=True)
)",
                                      "step");
  for (int i = 0; i < 2; ++i) {
    Run(container, 1);
    EXPECT_THAT(Printed(), ::testing::SizeIs(static_cast<size_t>(2 * i + 2)));
    EXPECT_THAT(Printed()[static_cast<size_t>(2 * i)], "ro False");
    EXPECT_THAT(Printed().back(), "rw True");
    PutInHead("theirs", "1");
    EXPECT_THAT(Ask(container, true).error(), IsEmpty());
  }
  StopAndAwait(container);
}

TEST_F(VolumeReloadTest, LoseNothingThatIsWrittenWhileTheyAreReloaded) {
  UseVolume();
  const std::string container = Start(R"(
import threading, time
stop, written = threading.Event(), 0
def write():
    global written
    while not stop.is_set() and written < 500:  # more would keep an instrumented build busy for minutes
        try:
            with open(f"/data/{written}", "w") as file:
                file.write("x")
            written += 1
        except OSError:
            pass
        time.sleep(0.005)
thread = threading.Thread(target=write)
def step(x):
    if x == 1:
        thread.start()
    else:
        stop.set()
        thread.join()
        print(written, flush=True)
)",
                                      "step");
  Run(container, 1);
  for (int i = 0; i < 5; ++i) {
    const auto done = Ask(container, true);
    EXPECT_TRUE(done.error().empty() || done.busy()) << done.error();
  }
  Run(container, 2);
  StopAndAwait(container);
  const int written = std::stoi(Printed().back());
  EXPECT_GT(written, 0);
  for (int i = 0; i < written; ++i) EXPECT_TRUE(head_->Has(std::to_string(i))) << i << " of " << written;
}

}  // namespace
}  // namespace burrow::worker
