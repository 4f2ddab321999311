#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "os/testing/own_mounts.h"
#include "runtime/container.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using os::TempDirectory;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr milliseconds kLong{60'000};

struct Finished {
  ContainerExit exit;
  std::string out;
};

std::vector<std::string> Names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  return names;
}

// A node with one image; runs every test with both engines.
class ContainerTest : public EngineFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_NO_FATAL_FAILURE(Prepare(
        {"sh", "cat", "sleep", "true", "ls", "id", "mknod", "mount", "unshare", "head", "tail", "kill"}, GetParam()));
  }
  void TearDown() override {
    EngineFixture::TearDown();
    if (cgroups_) EXPECT_THAT(SmallFiles(), IsEmpty());
  }

  // What the runtime keeps of its containers.
  std::vector<std::string> SmallFiles() const {
    auto names = Names(state_ + "/engine");
    for (auto& name : Names(state_ + "/containers")) names.push_back(std::move(name));
    return names;
  }

  ContainerOptions Options(std::vector<std::string> args) {
    const std::string name = "c" + std::to_string(count_++);
    EXPECT_TRUE(os::MakeDirectories(temp_ / name));
    return {.name = name_ + "-" + name,
            .directory = temp_ / name,
            .lower = {.directories = {image_}},
            .args = std::move(args),
            .env = {"PATH=/usr/bin:/bin", "GREETING=hello"}};
  }
  ContainerOptions Shell(const std::string& script) { return Options({"sh", "-c", script}); }

  // Runs to the end with stdout and stderr in one pipe.
  Finished RunToEnd(ContainerOptions options) {
    auto pipe = os::MakePipe();
    options.fds.insert(options.fds.begin(), {{pipe->write.get(), 1}, {pipe->write.get(), 2}});
    auto container = runtime_->Start(options);
    EXPECT_TRUE(container) << ErrorText(container);
    if (!container) return {};
    pipe->write.Reset();
    Finished finished;
    char buffer[4096];
    for (ssize_t count; (count = read(pipe->read.get(), buffer, sizeof buffer)) > 0;) {
      finished.out.append(buffer, static_cast<size_t>(count));
    }
    auto exit = container->Wait(kLong);
    EXPECT_TRUE(exit) << ErrorText(exit);
    if (exit) finished.exit = *exit;
    return finished;
  }

  int count_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Engines, ContainerTest, ::testing::Values(Engine::kCrun, Engine::kRunc),
                         [](const auto& test) { return test.param == Engine::kCrun ? "Crun" : "Runc"; });

TEST_P(ContainerTest, RunsACommandAndReportsItsExitCode) {
  const Finished finished = RunToEnd(Shell("echo $GREETING; exit 7"));
  EXPECT_EQ(finished.out, "hello\n");
  EXPECT_EQ(finished.exit.status.code, 7);
  EXPECT_FALSE(finished.exit.out_of_memory);
}

TEST_P(ContainerTest, TellsASignalFromAnExitCode) {
  auto container = runtime_->Start(Options({"sleep", "1000"}));
  ASSERT_TRUE(container) << ErrorText(container);
  EXPECT_EQ(container->Wait(milliseconds(0)).error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(container->Signal(SIGKILL));
  const auto exit = container->Wait(kLong);
  ASSERT_TRUE(exit) << ErrorText(exit);
  EXPECT_EQ(exit->status.signal, SIGKILL);
  EXPECT_FALSE(exit->out_of_memory);
  EXPECT_EQ(container->Signal(SIGTERM).error().code(), Code::kNotFound);
}

TEST_P(ContainerTest, DeliversSignalsToAHandler) {
  auto pipe = os::MakePipe();
  auto options = Shell("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
  options.fds = {{pipe->write.get(), 1}};
  auto container = runtime_->Start(options);
  ASSERT_TRUE(container) << ErrorText(container);
  char byte;
  ASSERT_EQ(read(pipe->read.get(), &byte, 1), 1);
  ASSERT_TRUE(container->Signal(SIGTERM));
  EXPECT_EQ(container->Wait(kLong)->status.code, 9);
}

TEST_P(ContainerTest, IsKilledWithEverythingInIt) {
  auto pipe = os::MakePipe();
  auto options = Shell("sleep 1000 & sleep 1000 & echo; wait");
  options.fds = {{pipe->write.get(), 1}};
  auto container = runtime_->Start(options);
  ASSERT_TRUE(container) << ErrorText(container);
  pipe->write.Reset();
  char byte;
  ASSERT_EQ(read(pipe->read.get(), &byte, 1), 1);
  container->Kill();
  pollfd ended{container->pidfd(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, static_cast<int>(kLong.count())), 1);
  EXPECT_EQ(container->Wait(kLong)->status.signal, SIGKILL);
  EXPECT_EQ(container->Wait(kLong)->status.signal, SIGKILL) << "asked again";
  while (read(pipe->read.get(), &byte, 1) > 0) {
  }
}

TEST_P(ContainerTest, SaysThatMemoryRanOut) {
  auto options = Shell("head -c 100000000 /dev/zero | tail; exit 1");
  options.limits = {.memory_bytes = 24u << 20};
  const Finished finished = RunToEnd(options);
  EXPECT_TRUE(finished.exit.out_of_memory) << finished.out;
  EXPECT_FALSE(finished.exit.status.Success());
}

TEST_P(ContainerTest, FailsToStartWithTheEnginesReasonAndLeavesTheDirectoryEmpty) {
  const auto options = Options({"no-such-program"});
  const auto container = runtime_->Start(options);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(ErrorText(container), AllOf(HasSubstr("start container"), HasSubstr("no-such-program")));
  EXPECT_THAT(Names(options.directory), IsEmpty());
}

TEST_P(ContainerTest, RefusesADirectoryInUseWithoutHarm) {
  const auto options = Options({"sleep", "1000"});
  auto container = runtime_->Start(options);
  ASSERT_TRUE(container) << ErrorText(container);
  auto second = options;
  second.name += "-second";
  EXPECT_FALSE(runtime_->Start(second));
  EXPECT_FALSE(runtime_->Start(options));
  EXPECT_TRUE(container->Signal(0));
  EXPECT_THAT(Names(options.directory + "/rootfs"), Not(IsEmpty()));
}

TEST_P(ContainerTest, WritesToItsUpperDirectoryAndFindsItClean) {
  auto options = Shell("true");
  options.binds = {{image_, "/burrow/lib"}, {image_ + "/bin/true", "/burrow/file"}};
  auto pure = runtime_->Start(options);
  ASSERT_TRUE(pure) << ErrorText(pure);
  EXPECT_TRUE(pure->Wait(kLong)->status.Success());
  EXPECT_THAT(Names(pure->upper()), IsEmpty());

  auto writing = Shell("echo x > /new; echo y > /etc/conf");
  writing.cwd = "/made/here";
  auto writer = runtime_->Start(writing);
  ASSERT_TRUE(writer) << ErrorText(writer);
  EXPECT_TRUE(writer->Wait(kLong)->status.Success());
  EXPECT_THAT(Names(writer->upper()), UnorderedElementsAre("new", "etc", "made"));
  EXPECT_THAT(Names(writer->upper() + "/etc"), UnorderedElementsAre("conf"));
}

TEST_P(ContainerTest, SeesGeneratedFilesInsteadOfTheImages) {
  ASSERT_TRUE(os::WriteFileAtomically(image_ + "/etc/hosts", "the image's"));
  auto options =
      Shell("cat /etc/hostname /etc/hosts; cat /etc/resolv.conf > /dev/null && echo resolv; echo x > /etc/hosts");
  options.hostname = "burrow-7";
  const Finished finished = RunToEnd(options);
  EXPECT_THAT(finished.out, AllOf(HasSubstr("burrow-7\n127.0.0.1\tlocalhost\n"), HasSubstr("resolv"),
                                  HasSubstr("Read-only"), Not(HasSubstr("image's"))));
}

// A device that does no harm; what stands for a disk of the host looks the same.
TEST_P(ContainerTest, OpensNoDeviceNodeOfItsImage) {
  ASSERT_EQ(mknod((image_ + "/etc/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
  ASSERT_EQ(chmod((image_ + "/etc/zero").c_str(), 0666), 0);
  const Finished finished = RunToEnd(Shell("ls -l /etc/zero; head -c 1 /etc/zero && echo opened; : > /etc/zero"));
  EXPECT_THAT(finished.out, AllOf(HasSubstr("1,"), HasSubstr("ermission denied"), Not(HasSubstr("opened"))));
  EXPECT_THAT(RunToEnd(Shell("head -c 3 /dev/zero | tail -c 1 >/dev/null && echo fine")).out, HasSubstr("fine"));
}

TEST_P(ContainerTest, FollowsNoLinkOfAnImageOutOfIt) {
  ASSERT_TRUE(os::WriteFileAtomically(temp_ / "outside", "kept"));
  ASSERT_EQ(symlink((temp_ / "outside").c_str(), (image_ + "/etc/hosts").c_str()), 0);
  ASSERT_EQ(symlink("../run/resolve/stub.conf", (image_ + "/etc/resolv.conf").c_str()), 0);
  auto options = Shell("cat /etc/hosts; cat /etc/resolv.conf >/dev/null && echo fine");
  auto pipe = os::MakePipe();
  options.fds = {{pipe->write.get(), 1}};
  auto container = runtime_->Start(options);
  ASSERT_TRUE(container) << ErrorText(container);
  ASSERT_TRUE(container->Wait(kLong));
  char text[4096] = {};
  ASSERT_GT(read(pipe->read.get(), text, sizeof text - 1), 0);
  EXPECT_THAT(text, AllOf(HasSubstr("localhost"), HasSubstr("fine")));
  EXPECT_THAT(Names(container->upper()), IsEmpty());
  EXPECT_EQ(*os::ReadFile(temp_ / "outside"), "kept");
}

TEST_P(ContainerTest, MakesMountTargetsInsideTheImageWhereverItsLinksLead) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "outside/kept"));
  ASSERT_TRUE(os::MakeDirectories(image_ + "/usr/lib"));
  ASSERT_EQ(symlink("usr/lib", (image_ + "/lib-link").c_str()), 0);
  ASSERT_EQ(symlink((temp_ / "outside").c_str(), (image_ + "/absolute").c_str()), 0);
  ASSERT_EQ(symlink("../../../../../../../../../..", (image_ + "/climbs").c_str()), 0);
  ASSERT_TRUE(os::MakeDirectories(temp_ / "shared"));
  ASSERT_TRUE(os::WriteFileAtomically(temp_ / "shared/file", "seen\n"));
  const std::string climbing = "/climbs" + (temp_ / "outside/new");
  auto options =
      Shell("cat /lib-link/a/file /usr/lib/a/file /absolute/b/c/file " + climbing + "/file; echo x > /absolute/t/x");
  options.binds = {
      {temp_ / "shared", "/lib-link/a"}, {temp_ / "shared", "/absolute/b/c"}, {temp_ / "shared", climbing}};
  options.tmpfs = {{"/absolute/t"}};
  auto pipe = os::MakePipe();
  options.fds = {{pipe->write.get(), 1}, {pipe->write.get(), 2}};
  auto container = runtime_->Start(options);
  ASSERT_TRUE(container) << ErrorText(container);
  EXPECT_TRUE(container->Wait(kLong)->status.Success());
  char text[4096] = {};
  ASSERT_GT(read(pipe->read.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "seen\nseen\nseen\nseen\n");
  EXPECT_THAT(Names(temp_ / "outside"), UnorderedElementsAre("kept"));
  EXPECT_THAT(Names(temp_ / "outside/kept"), IsEmpty());
  EXPECT_THAT(Names(container->upper()), IsEmpty());
}

TEST_P(ContainerTest, RunsAsAnotherUserInADirectoryOfItsOwnMaking) {
  auto options = Shell("id; echo x > /mem/file && echo wrote; echo y > /etc/no");
  options.user = {.uid = 1234, .gid = 1235, .groups = {1236, 1237}};
  options.cwd = "/made/for/it";
  options.tmpfs = {{"/mem", 1u << 20}};
  const Finished finished = RunToEnd(options);
  EXPECT_THAT(finished.out,
              AllOf(HasSubstr("uid=1234 gid=1235 groups=1235,1236,1237"), HasSubstr("wrote"), HasSubstr("denied")));
}

TEST_P(ContainerTest, BoundsATmpfs) {
  auto options = Shell("head -c 3000000 /dev/zero > /mem/file || echo full");
  options.tmpfs = {{"/mem", 1u << 20}};
  EXPECT_THAT(RunToEnd(options).out, HasSubstr("full"));
}

TEST_P(ContainerTest, PassesDescriptors) {
  auto in = os::MakePipe(), out = os::MakePipe();
  auto options = Shell("cat <&3 >&4; ls /proc/self/fd | head -c 20 >&2");
  options.fds = {{in->read.get(), 3}, {out->write.get(), 4}};
  ASSERT_TRUE(os::WriteAll(in->write.get(), "through"));
  in->write.Reset();
  const Finished finished = RunToEnd(options);
  EXPECT_EQ(finished.exit.status.code, 0) << finished.out;
  EXPECT_THAT(finished.out, StartsWith("0\n1\n2\n3\n4\n")) << "and the one that ls reads with";
  char text[16] = {};
  EXPECT_EQ(read(out->read.get(), text, sizeof text), 7);
  EXPECT_STREQ(text, "through");
}

TEST_P(ContainerTest, BindsReadOnlyUnlessToldOtherwise) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "shared"));
  auto options = Shell("echo x > /ro/file; echo y > /rw/file");
  options.binds = {{temp_ / "shared", "/ro"}, {temp_ / "shared", "/rw", false}};
  EXPECT_THAT(RunToEnd(options).out, HasSubstr("Read-only"));
  EXPECT_EQ(*os::ReadFile(temp_ / "shared/file"), "y\n");
}

TEST_P(ContainerTest, HoldsItsProcessesBack) {
  const auto fails = [&](const std::string& command) { return RunToEnd(Shell(command + " 2>&1 && echo DONE")).out; };
  EXPECT_THAT(fails("mount -t tmpfs none /tmp"), Not(HasSubstr("DONE")));
  EXPECT_THAT(fails("unshare -U true"), Not(HasSubstr("DONE")));
  EXPECT_THAT(fails("mknod /dev/disk b 254 0"), HasSubstr("not permitted"));
  EXPECT_THAT(fails("mknod /tmp/zero c 1 5"), HasSubstr("not permitted"));
  EXPECT_THAT(fails("mknod /tmp/pipe p"), HasSubstr("DONE"));
  EXPECT_THAT(fails("echo 1 > /proc/sys/kernel/panic"), Not(HasSubstr("DONE")));
  const std::string status = RunToEnd(Shell("cat /proc/self/status; ls /sys/firmware; echo pid $$")).out;
  EXPECT_THAT(status,
              AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2"), HasSubstr("CapBnd:\t00000000a80425fb"),
                    HasSubstr("CapEff:\t00000000a80425fb"), HasSubstr("pid 1\n")));
}

TEST_P(ContainerTest, IsBoundByItsLimits) {
  auto options = Shell("i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; echo all");
  // runc's own threads count, too, until it becomes the command: they need some room.
  options.limits = {.cpus = 0.5, .memory_bytes = 64u << 20, .pids = 24};
  EXPECT_THAT(RunToEnd(options).out, AllOf(HasSubstr("fork"), Not(HasSubstr("all"))));
}

TEST_P(ContainerTest, HasANetworkOfItsOwnWhereTheNodeHasOne) {
  const auto before = os::Open("/proc/thread-self/ns/net", 0);
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  {
    auto network = os::NodeNetwork::Create("c0de");
    ASSERT_TRUE(network) << ErrorText(network);
    runtime_ = *ContainerRuntime::Create(
        {.engine = GetParam(), .state_directory = state_, .cgroups = &*cgroups_, .network = network->get()});
    const std::string out = RunToEnd(Shell("cat /proc/net/dev /etc/hosts")).out;
    EXPECT_THAT(out, AllOf(HasSubstr("lo:"), HasSubstr("eth0:"), HasSubstr("10."), HasSubstr("\tburrow\n")));
    auto alone = Shell("cat /proc/net/dev");
    alone.network = NetworkMode::kNone;
    EXPECT_THAT(RunToEnd(alone).out, AllOf(HasSubstr("lo:"), Not(HasSubstr("eth"))));
    runtime_ = *ContainerRuntime::Create({.engine = GetParam(), .state_directory = state_, .cgroups = &*cgroups_});
  }
  ASSERT_EQ(setns(before->get(), CLONE_NEWNET), 0);
  EXPECT_THAT(RunToEnd(Shell("cat /proc/net/dev")).out, AllOf(HasSubstr("lo:"), Not(HasSubstr("eth"))));
}

TEST_P(ContainerTest, ClearsWhatAKilledOwnerLeft) {
  const auto options = Options({"sleep", "1000"});
  const pid_t owner = fork();
  if (owner == 0) {
    auto container = runtime_->Start(options);
    if (!container) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(owner, &status, 0), owner);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(SmallFiles(), Not(IsEmpty()));
  const Status removed = runtime_->RemoveLeftovers();
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_THAT(SmallFiles(), IsEmpty());
  ASSERT_TRUE(os::UnmountBelow(options.directory));
  ASSERT_TRUE(os::RemoveTree(options.directory));
  ASSERT_TRUE(os::MakeDirectories(options.directory));
  EXPECT_TRUE(runtime_->Start(options)) << "the name is free again";
}

TEST_P(ContainerTest, StartsFromSeveralThreadsAtOnce) {
  std::vector<ContainerOptions> options;
  for (int i = 0; i < 8; ++i) options.push_back(Shell("exit 5"));
  std::vector<int> codes(options.size(), -1);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < options.size(); ++i) {
    threads.emplace_back([&, i] {
      auto container = runtime_->Start(options[i]);
      if (!container) return;
      if (const auto exit = container->Wait(kLong)) codes[i] = exit->status.code;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(codes, ::testing::Each(5));
}

TEST(ContainerRuntime, KnowsItsEngines) {
  EXPECT_EQ(*ParseEngine("crun"), Engine::kCrun);
  EXPECT_EQ(*ParseEngine("runc"), Engine::kRunc);
  EXPECT_EQ(*ParseEngine("runsc"), Engine::kRunsc);
  EXPECT_THAT(ErrorText(ParseEngine("docker")), HasSubstr("use crun, runc or runsc"));
  EXPECT_TRUE(CheckInstalled("crun"));
  EXPECT_THAT(ErrorText(CheckInstalled("no-such-engine")), HasSubstr("no-such-engine is not installed"));
}

}  // namespace
}  // namespace burrow::runtime
