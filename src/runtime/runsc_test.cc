// Containers under gVisor: what the engine's own kernel makes different. Terminals and further processes are tested
// with those of the other engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "os/testing/own_mounts.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds kPatience{60'000};

class RunscTest : public RuntimeFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_NO_FATAL_FAILURE(
        Prepare({"sh", "cat", "sleep", "uname", "head", "tail", "ls", "id", "mount"}, Engine::kRunsc));
    ASSERT_TRUE(os::MakeDirectories(temp_ / "container"));
    auto pipe = os::MakePipe();
    ASSERT_TRUE(pipe) << ErrorText(pipe);
    pipe_ = std::move(*pipe);
  }
  void TearDown() override {
    container_.reset();
    RuntimeFixture::TearDown();
    if (cgroups_) EXPECT_TRUE(std::filesystem::is_empty(state_ + "/engine"));
  }

  ContainerOptions Shell(const std::string& script) {
    return {.name = os::UniqueTestName(),
            .directory = temp_ / "container",
            .lower = {.directories = {image_}},
            .args = {"sh", "-c", script},
            .env = {"PATH=/usr/bin:/bin"},
            .fds = {{pipe_.write.get(), 1}, {pipe_.write.get(), 2}}};
  }
  void Start(const ContainerOptions& options) {
    auto started = runtime_->Start(options);
    ASSERT_TRUE(started) << ErrorText(started);
    container_.emplace(std::move(*started));
    pipe_.write.Reset();
  }
  // What it printed until its end, or until `text` is in it.
  std::string Output(const std::string& text = "\xff") {
    std::string seen;
    char buffer[4096];
    while (!seen.contains(text)) {
      const ssize_t count = read(pipe_.read.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      seen.append(buffer, static_cast<size_t>(count));
    }
    return seen;
  }
  ContainerExit End() {
    const auto exit = container_->Wait(kPatience);
    EXPECT_TRUE(exit) << ErrorText(exit);
    return exit ? *exit : ContainerExit{};
  }

  os::Pipe pipe_;
  std::optional<Container> container_;
};

TEST_F(RunscTest, GivesAContainerAKernelOfItsOwnAndTellsItsExitCode) {
  auto here = os::Run({.argv = {"uname", "-r"}}, kPatience);
  ASSERT_TRUE(here) << ErrorText(here);
  Start(Shell("uname -r; cat /etc/hostname; exit 7"));
  EXPECT_THAT(Output(), AllOf(Not(HasSubstr(here->out)), HasSubstr("burrow")));
  EXPECT_EQ(End().status.code, 7);
}

TEST_F(RunscTest, WritesIntoTheUpperDirectory) {
  Start(Shell("echo x > /new; echo y > /etc/conf"));
  EXPECT_EQ(End().status.code, 0);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(container_->upper() + "/etc"))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("conf"));
  EXPECT_EQ(*os::ReadFile(container_->upper() + "/new"), "x\n");
}

TEST_F(RunscTest, CarriesSignalsInside) {
  Start(Shell("trap 'echo told' USR1; trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"));
  Output("ready");
  ASSERT_TRUE(container_->Signal(SIGUSR1));
  Output("told");
  ASSERT_TRUE(container_->Signal(SIGTERM));
  EXPECT_EQ(End().status.code, 9);
  EXPECT_EQ(container_->Signal(SIGTERM).error().code(), Code::kNotFound);
}

TEST_F(RunscTest, IsKilledWithEverythingInIt) {
  Start(Shell("sleep 1000 & sleep 1000 & echo ready; wait"));
  Output("ready");
  container_->Kill();
  EXPECT_FALSE(End().status.Success());
  Output();
}

TEST_F(RunscTest, SaysThatMemoryRanOut) {
  auto options = Shell("head -c 400000000 /dev/zero | tail; exit 1");
  options.limits = {.memory_bytes = 160u << 20};
  Start(options);
  const ContainerExit exit = End();
  EXPECT_TRUE(exit.out_of_memory) << Output();
  EXPECT_FALSE(exit.status.Success());
}

TEST_F(RunscTest, BindsReadOnlyAndRunsAsAnotherUser) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "shared"));
  auto options = Shell("id -u; echo x > /ro/file; cat /etc/hosts; mount -t tmpfs none /tmp && echo MOUNTED");
  options.user = {.uid = 1234, .gid = 1234};
  options.binds = {{temp_ / "shared", "/ro"}};
  Start(options);
  EXPECT_THAT(Output(), AllOf(HasSubstr("1234"), HasSubstr("localhost"), Not(HasSubstr("MOUNTED"))));
  EXPECT_FALSE(std::filesystem::exists(temp_ / "shared/file"));
}

TEST_F(RunscTest, HasTheNetworkThatTheNodeMadeForIt) {
  const auto before = os::Open("/proc/thread-self/ns/net", 0);
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  {
    auto network = os::NodeNetwork::Create("c0df");
    ASSERT_TRUE(network) << ErrorText(network);
    runtime_ = *ContainerRuntime::Create(
        {.engine = Engine::kRunsc, .state_directory = state_, .cgroups = &*cgroups_, .network = network->get()});
    Start(Shell("cat /proc/net/dev /etc/hosts"));
    EXPECT_THAT(Output(), AllOf(HasSubstr("lo:"), HasSubstr("eth0:"), HasSubstr("\tburrow\n")));
    End();
    container_.reset();
  }
  ASSERT_EQ(setns(before->get(), CLONE_NEWNET), 0);
}

// Its kernel runs already when it looks for the command.
TEST_F(RunscTest, ACommandThatIsNotThereIsSaidInTheOutput) {
  auto options = Shell("");
  options.args = {"no-such-program"};
  Start(options);
  EXPECT_THAT(Output(), HasSubstr("no-such-program"));
  EXPECT_FALSE(End().status.Success());
}

TEST_F(RunscTest, TakesNoDescriptorBeyondTheFirstThree) {
  auto options = Shell("true");
  options.fds.emplace_back(pipe_.read.get(), 3);
  EXPECT_THAT(ErrorText(runtime_->Start(options)), HasSubstr("first three"));
}

}  // namespace
}  // namespace burrow::runtime
