#include "os/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "os/fs.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr milliseconds kLong{60'000};

Result<Output> Shell(const std::string& script) { return os::Run({.argv = {"sh", "-c", script}}, kLong); }

TEST(Run, ReturnsOutputAndExitCode) {
  const auto output = Shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_EQ(output->out, "out\nerr\n");
  EXPECT_EQ(output->status.code, 3);
  EXPECT_FALSE(output->status.Success());
}

TEST(Run, EmptiesADirectoryForTheChildAlone) {
  BURROW_NEEDS_ROOT();
  const TempDirectory temp;
  ASSERT_TRUE(WriteFileAtomically(temp / "file", "kept"));
  const auto output = os::Run({.argv = {"ls", "-A", temp.path()}, .emptied = temp.path()}, kLong);
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_EQ(output->out, "");
  EXPECT_TRUE(output->status.Success());
  EXPECT_EQ(*ReadFile(temp / "file"), "kept");
  const auto nowhere = os::Run({.argv = {"true"}, .emptied = temp / "missing"}, kLong);
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message(), HasSubstr("empty a directory"));
}

TEST(Run, TellsASignalFromAnExitCode) {
  const auto output = Shell("kill -TERM $$");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->status.signal, SIGTERM);
  EXPECT_EQ(output->status.AsNumber(), -SIGTERM);
}

TEST(Run, KeepsTheLastMebibyteOfLongOutput) {
  const auto output = Shell("head -c 5000000 /dev/zero | tr '\\0' x; echo end");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out.size(), 1U << 20);
  EXPECT_TRUE(output->out.ends_with("xend\n"));
}

TEST(Run, KillsTheWholeGroupAtItsDeadline) {
  auto pipe = MakePipe();
  ASSERT_TRUE(pipe);
  const auto output =
      os::Run({.argv = {"sh", "-c", "sleep 1000 & sleep 1000"}, .fds = {{pipe->write.get(), 3}}}, milliseconds(100));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(ErrorText(output), HasSubstr("sh did not finish within 100 ms"));
  pipe->write.Reset();
  char byte;
  EXPECT_EQ(read(pipe->read.get(), &byte, 1), 0) << "end of file comes when both sleepers are gone";
}

TEST(Run, DoesNotWaitForAGrandchildThatKeepsTheOutputOpen) {
  const auto output = Shell("sleep 1000 & echo $!");
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_EQ(kill(std::stoi(output->out), SIGKILL), 0);
}

TEST(Spawn, SaysWhichProgramIsMissing) {
  const auto missing = Spawn({.argv = {"burrow-no-such-program"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(ErrorText(missing), HasSubstr("burrow-no-such-program is not installed"));
}

TEST(Spawn, ReportsTheStepThatFailedInTheChild) {
  TempDirectory temp;
  ASSERT_TRUE(WriteFileAtomically(temp / "text", "no program", 0755));
  EXPECT_EQ(ErrorText(Spawn({.argv = {temp / "text"}})), "start " + temp / "text" + ": execute: Exec format error");
  EXPECT_THAT(ErrorText(Spawn({.argv = {"true"}, .cwd = "/no/such"})), HasSubstr("enter its directory: No such file"));
  EXPECT_THAT(ErrorText(Spawn({.argv = {"true"}, .cgroup_procs = {"/no/such"}})),
              HasSubstr("join its cgroup: No such"));
  EXPECT_THAT(ErrorText(Spawn({.argv = {"true"}, .fds = {{999, 3}}})), HasSubstr("pass descriptors: Bad file"));
  EXPECT_EQ(Spawn({.argv = {"true"}, .fds = {{0, 3}, {1, 3}}}).error().code(), Code::kInvalidArgument);
}

TEST(Spawn, PassesNamedDescriptorsEvenCrosswiseAndNoOthers) {
  auto a = MakePipe(), b = MakePipe();
  ASSERT_TRUE(a && b);
  const int leaked = open("/dev/null", O_RDONLY);  // NOLINT(android-cloexec-open): inheritable on purpose
  auto listing =
      os::Run({.argv = {"sh", "-c",
                        "echo a >&4; echo b >&3; for n in $(seq 0 200); do [ -e /proc/$$/fd/$n ] && echo $n; done; :"},
               .fds = {{b->write.get(), 3}, {a->write.get(), 4}}},
              kLong);
  close(leaked);
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->out, "0\n1\n2\n3\n4\n");
  char text[3] = {};
  EXPECT_EQ(read(a->read.get(), text, 2), 2);
  EXPECT_STREQ(text, "a\n");
  EXPECT_EQ(read(b->read.get(), text, 2), 2);
  EXPECT_STREQ(text, "b\n");

  // The same two numbers, exchanged.
  const int low = a->write.get(), high = b->write.get();
  auto exchanged =
      os::Run({.argv = {"sh", "-c", fmt::format("echo x >&{}", low)}, .fds = {{high, low}, {low, high}}}, kLong);
  ASSERT_TRUE(exchanged) << ErrorText(exchanged);
  EXPECT_EQ(read(b->read.get(), text, 2), 2);
  EXPECT_STREQ(text, "x\n");
}

TEST(Spawn, GivesTheChildItsEnvironmentDirectoryAndDefaultSignals) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto* const handler = signal(SIGPIPE, SIG_IGN);
  const auto output = os::Run({.argv = {"sh", "-c", "pwd; echo $X; grep -E 'SigBlk|SigIgn' /proc/self/status"},
                               .env = {{"X=1", "PATH=/usr/bin:/bin"}},
                               .cwd = "/usr"},
                              kLong);
  signal(SIGPIPE, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "/usr\n1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, WaitsWithADeadlineAndStopsWithASignal) {
  auto process = Spawn({.argv = {"sleep", "1000"}});
  ASSERT_TRUE(process) << ErrorText(process);
  EXPECT_EQ(process->Wait(milliseconds(10)).error().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(process->running());
  const auto status = process->Stop(kLong);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_FALSE(process->running());
  EXPECT_EQ(process->Signal(SIGTERM).error().code(), Code::kNotFound);
}

TEST(Process, IsKilledWhenItIgnoresTheRequestToStop) {
  auto pipe = MakePipe();
  auto process = Spawn({.argv = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 1000; done"},
                        .fds = {{pipe->write.get(), 1}},
                        .new_session = true});
  ASSERT_TRUE(process);
  char byte;
  ASSERT_EQ(read(pipe->read.get(), &byte, 1), 1);
  const pid_t group = process->pid();
  const auto status = process->Stop(milliseconds(50));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGKILL);
  kill(-group, SIGKILL);
}

TEST(Process, EndsWithItsOwner) {
  auto pipe = MakePipe();
  {
    auto process = Spawn({.argv = {"sleep", "1000"}, .fds = {{pipe->write.get(), 3}}});
  }
  pipe->write.Reset();
  char byte;
  EXPECT_EQ(read(pipe->read.get(), &byte, 1), 0);
}

TEST(Process, HasADescriptorThatIsReadableWhenItHasEnded) {
  auto process = Spawn({.argv = {"true"}});
  ASSERT_TRUE(process);
  pollfd fd{process->pidfd(), POLLIN, 0};
  EXPECT_EQ(poll(&fd, 1, static_cast<int>(kLong.count())), 1);
  EXPECT_TRUE(process->Wait(milliseconds(0))->Success());
}

TEST(Spawn, LetsTheChildDieWithTheThreadThatStartedIt) {
  auto pipe = MakePipe();
  std::optional<Result<Process>> process;
  std::thread([&] { process = Spawn({.argv = {"sleep", "1000"}, .parent_death_signal = SIGKILL}); }).join();
  ASSERT_TRUE(*process);
  const auto status = (*process)->Wait(kLong);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGKILL);
}

TEST(Spawn, WorksFromManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int& count : wrong) {
    threads.emplace_back([&count] {
      for (int i = 0; i < 25; ++i) {
        const auto output = os::Run({.argv = {"echo", "x"}}, kLong);
        if (!output || output->out != "x\n") ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace burrow::os
