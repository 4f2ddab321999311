#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::CONTAINER_PHASE_READY;
using burrow::link::v1::ContainerUpdate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IntArgument;

constexpr std::chrono::minutes kForkPatience{1};

std::vector<std::string> PhasesOf(const ContainerUpdate& update) {
  std::vector<std::string> names;
  for (const auto& phase : update.phases()) names.push_back(phase.name());
  return names;
}
std::string NoteOf(const ContainerUpdate& update) {
  std::string notes;
  for (const auto& phase : update.phases()) notes += phase.note();
  return notes;
}

// Containers of a function that is to start from forks.
class ForkTest : public testing::NodeFixture {
 protected:
  using Edit = std::function<void(burrow::v1::FunctionSpec&)>;

  std::string StartOne(const std::string& source, const std::string& function, const Edit& edit = {}) {
    return Start(source, function, [&](auto& spec) {
      spec.mutable_function()->set_memory_snapshot(true);
      if (edit) edit(*spec.mutable_function());
    });
  }
  // Starts containers one after another until one is as wanted, which stays; "" after a minute.
  std::string StartUntil(const std::string& source, const std::string& function,
                         const std::function<bool(const ContainerUpdate&)>& wanted, const Edit& edit = {}) {
    ContainerUpdate last;
    const auto until = std::chrono::steady_clock::now() + kForkPatience;
    while (std::chrono::steady_clock::now() < until && !HasFailure()) {
      const std::string id = StartOne(source, function, edit);
      last = AwaitPhase(id, CONTAINER_PHASE_READY);
      if (wanted(last)) return id;
      Stop(id);
      AwaitStopped(id);
    }
    ADD_FAILURE() << "no container was as wanted; the last: " << last.ShortDebugString();
    return "";
  }
  std::string Forked(const std::string& source, const std::string& function, const Edit& edit = {}) {
    return StartUntil(source, function, [](const auto& update) { return PhasesOf(update)[0] == "fork"; }, edit);
  }
  // With signal 9: every process in the control group of a template or of a container that waits for a fork.
  void KillTemplates() {
    int killed = 0;
    std::error_code gone;  // groups come and go meanwhile
    const std::filesystem::recursive_directory_iterator end;
    for (std::filesystem::recursive_directory_iterator at("/sys/fs/cgroup", gone); at != end; at.increment(gone)) {
      if (!at->path().filename().string().starts_with("tm-")) continue;
      if (!at->path().parent_path().string().contains(cgroup_name_)) continue;
      std::ifstream procs(at->path() / "cgroup.procs");
      for (pid_t pid = 0; procs >> pid; ++killed) kill(pid, SIGKILL);
    }
    ASSERT_GT(killed, 0);
  }
  using Phase = burrow::link::v1::TemplatePhase;
  // Waits for it of any template, of which it gives the id.
  std::string AwaitTemplate(Phase phase) {
    return Await([&](const FromWorker& m) { return m.template_update().phase() == phase; })
        .template_update()
        .template_id();
  }
  bool Said(Phase phase) {
    return std::ranges::any_of(said_, [&](const FromWorker& m) { return m.template_update().phase() == phase; });
  }
  int ValueOf(const std::string& container, int argument = 1) {
    const std::string value = AwaitDone(Call(container, IntArgument(argument))).value().inline_();
    return value.size() > 3 ? value[3] : -1;
  }
};

constexpr const char* kCounting = R"(
import os
count = 0
open("/tmp/imported", "w").write("7")
def work(x):
    global count
    count += 1
    return count
def process(x):
    return os.getpid()
def file(x):
    return int(open("/tmp/imported").read())
def leave(x):
    os._exit(3)
def wait(x):
    import time
    time.sleep(1000)
def grow(x):
    return len(bytearray(1 << 31))
)";

TEST_F(ForkTest, AFurtherContainerIsAForkOfAWarmedProcess) {
  const std::string first = StartOne(kCounting, "work");
  const auto ready = AwaitPhase(first, CONTAINER_PHASE_READY);
  EXPECT_THAT(PhasesOf(ready), ElementsAre("mount", "launch", "interpreter", "import"));
  EXPECT_THAT(NoteOf(ready), HasSubstr("not forked: "));
  EXPECT_EQ(ValueOf(first), 1);
  const std::string one = Forked(kCounting, "work");
  EXPECT_THAT(PhasesOf(AwaitPhase(one, CONTAINER_PHASE_READY)), ElementsAre("fork", "import"));
  const std::string two = Forked(kCounting, "work");
  EXPECT_EQ(ValueOf(one), 1);
  EXPECT_EQ(ValueOf(one), 2);
  EXPECT_EQ(ValueOf(two), 1) << "each has memory of its own";
}

TEST_F(ForkTest, NothingIsWarmedForThemWhereControlHasNoRoom) {
  may_warm_ = false;
  const std::string first = StartOne(kCounting, "work");
  const std::string refused = AwaitTemplate(burrow::link::v1::TEMPLATE_PHASE_WANTED);
  Stop(first);
  AwaitStopped(first);
  said_.clear();
  const auto next = AwaitPhase(StartOne(kCounting, "work"), CONTAINER_PHASE_READY);
  EXPECT_THAT(NoteOf(next), HasSubstr("not forked: no container of it has run here yet"));
  EXPECT_NE(AwaitTemplate(burrow::link::v1::TEMPLATE_PHASE_WANTED), refused) << "it is asked again";
  EXPECT_TRUE(manager_->Templates().empty());
}

TEST_F(ForkTest, WhatTheyComeFromIsGivenUpOnceNoneOfThemLives) {
  const std::string forked = Forked(kCounting, "work");
  const std::string id = AwaitTemplate(burrow::link::v1::TEMPLATE_PHASE_IN_USE);
  ASSERT_EQ(manager_->Templates().size(), 1u);
  EXPECT_EQ(manager_->Templates()[0].phase(), burrow::link::v1::TEMPLATE_PHASE_IN_USE);
  OrderTemplate(id, false);
  EXPECT_EQ(ValueOf(forked), 1);
  EXPECT_FALSE(Said(burrow::link::v1::TEMPLATE_PHASE_ENDED));
  Stop(forked);
  EXPECT_TRUE(RunUntil([&] { return Said(burrow::link::v1::TEMPLATE_PHASE_ENDED); }));
  EXPECT_EQ(AwaitTemplate(burrow::link::v1::TEMPLATE_PHASE_IDLE), id);
  EXPECT_TRUE(manager_->Templates().empty());
}

TEST_F(ForkTest, EachIsInAPidNamespaceOfItsOwnAndFindsWhatTheImportWrote) {
  EXPECT_EQ(ValueOf(Forked(kCounting, "process")), 2);
  EXPECT_EQ(ValueOf(Forked(kCounting, "file")), 7);
}

TEST_F(ForkTest, SaysHowItsProcessEnded) {
  const std::string id = Forked(kCounting, "leave");
  Call(id, IntArgument(1));
  const auto stopped = AwaitStopped(id);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_EXITED);
  EXPECT_EQ(stopped.exit_code(), 3);
}

TEST_F(ForkTest, ItsCallsCanBeCancelled) {
  const std::string id = Forked(kCounting, "wait");
  const std::string call = Call(id, IntArgument(1));
  Cancel(id, call);
  EXPECT_EQ(AwaitDone(call).status(), burrow::v1::CALL_STATUS_CANCELLED);
}

TEST_F(ForkTest, IsBoundByTheFunctionsMemory) {
  const std::string id = Forked(kCounting, "grow");
  Call(id, IntArgument(1));
  EXPECT_EQ(AwaitStopped(id).cause(), burrow::link::v1::STOP_CAUSE_OUT_OF_MEMORY);
}

TEST_F(ForkTest, AnotherSourceIsAnotherProcess) {
  Forked(kCounting, "work");
  const std::string other = StartOne(std::string(kCounting) + "count = 5\n", "work");
  EXPECT_THAT(PhasesOf(AwaitPhase(other, CONTAINER_PHASE_READY)),
              ElementsAre("mount", "launch", "interpreter", "import"));
  EXPECT_EQ(ValueOf(other), 6);
}

TEST_F(ForkTest, SignalsToItsProcessGroupStayInIt) {
  const std::string source =
      std::string(kCounting) + "def group(x):\n    import signal\n    os.kill(0, signal.SIGKILL)\n";
  const std::string one = Forked(source, "group"), two = Forked(source, "group");
  Call(one, IntArgument(1));
  EXPECT_EQ(AwaitStopped(one).exit_code(), -SIGKILL);
  EXPECT_EQ(PhasesOf(AwaitPhase(Forked(source, "group"), CONTAINER_PHASE_READY))[0], "fork") << "the template lives";
  Stop(two);
  EXPECT_EQ(AwaitStopped(two).cause(), burrow::link::v1::STOP_CAUSE_REQUESTED);
}

TEST_F(ForkTest, TellsApartWhatItsCallsPrintAtOnce) {
  const std::string source = "def work(x):\n    print('number', x, flush=True)\n    return x\n";
  const std::string forked = Forked(source, "work", [](auto& function) { function.set_max_inputs(4); });
  const std::string one = Call(forked, IntArgument(1)), two = Call(forked, IntArgument(2));
  AwaitDone(one);
  AwaitDone(two);
  std::map<std::string, std::string> said;
  for (const auto& line : Lines()) said[line.call_id()] += line.text();
  EXPECT_EQ(said[one], "number 1");
  EXPECT_EQ(said[two], "number 2");
}

struct UnsafeCase {
  const char *name, *source, *reason;
};
class UnsafeForkTest : public ForkTest, public ::testing::WithParamInterface<UnsafeCase> {};

TEST_P(UnsafeForkTest, IsStartedFromNothingAndSaysWhy) {
  const std::string source = std::string(GetParam().source) + "\ndef work(x):\n    return x\n";
  const std::string id =
      StartUntil(source, "work", [](const auto& update) { return NoteOf(update).contains(GetParam().reason); });
  EXPECT_EQ(ValueOf(id, 9), 9);
}

const UnsafeCase kUnsafe[] = {
    {"Threads",
     "import threading, time\n"
     "threading.Thread(target=time.sleep, args=(1000,), daemon=True, name='watcher').start()",
     "1 thread runs after the import (watcher)"},
    {"Sockets", "import socket\nkept = socket.socket()", "the import left a socket open"},
    {"Files", "kept = open('/tmp/log', 'w')", "the import left /tmp/log open"},
    {"Pipes", "import os\nkept = os.pipe()", "the import left a pipe open"},
    {"SharedMemory", "import mmap\nkept = mmap.mmap(-1, 4096)", "the import left memory that processes share"},
    {"Forks", "import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))", "its fork ended at once"},
    {"Children", "import subprocess\nkept = subprocess.Popen(['sleep', '1000'])", "1 child processes"},
    {"Failure", "import os\nif os.path.exists('/proc/self/fd/4'):\n    raise ValueError('not here')",
     "its import failed"},
};
INSTANTIATE_TEST_SUITE_P(Reasons, UnsafeForkTest, ::testing::ValuesIn(kUnsafe),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(ForkTest, IsStartedFromNothingByAnotherEngineThanCrun) {
  const auto by_runc = [](auto& function) { function.set_runtime("runc"); };
  const auto says_why = [](const auto& update) { return NoteOf(update).contains("not forked: only crun"); };
  EXPECT_EQ(ValueOf(StartUntil(kCounting, "work", says_why, by_runc)), 1);
}

TEST_F(ForkTest, StartsFromNothingAgainWhenTheWarmedProcessWasKilled) {
  const std::string forked = Forked(kCounting, "work");
  EXPECT_EQ(ValueOf(forked), 1);
  KillTemplates();
  AwaitStopped(forked);
  // Until then a start may still take what was killed.
  EXPECT_TRUE(RunUntil([&] { return Said(burrow::link::v1::TEMPLATE_PHASE_ENDED); }));
  const auto next = AwaitPhase(StartOne(kCounting, "work"), CONTAINER_PHASE_READY);
  EXPECT_THAT(NoteOf(next), HasSubstr("not forked: "));
  EXPECT_EQ(ValueOf(Forked(kCounting, "work")), 1) << "and is warmed again";
}

}  // namespace
}  // namespace burrow::worker
