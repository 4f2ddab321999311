#include "runtime/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "os/testing/own_mounts.h"
#include "runtime/engine.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr milliseconds kMinute{60'000};

// A container with a terminal, of each engine.
class TerminalTest : public EngineFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    // So long that no name of a unix socket below it would fit.
    state_ = temp_ / std::string(150, 'x');
    ASSERT_NO_FATAL_FAILURE(Prepare({"sh", "sleep", "cat", "stty", "tty"}, GetParam()));
  }
  void TearDown() override {
    master_.Reset();
    container_.reset();
    EngineFixture::TearDown();
  }

  void Start(const std::string& script) {
    ASSERT_TRUE(os::MakeDirectories(temp_ / "container"));
    auto started = runtime_->Start({.name = os::UniqueTestName(),
                                    .directory = temp_ / "container",
                                    .lower = {.directories = {image_}},
                                    .args = {"sh", "-c", script},
                                    .env = {"PATH=/bin"},
                                    .terminal = TerminalSize{.rows = 33, .columns = 111}});
    ASSERT_TRUE(started) << ErrorText(started);
    container_.emplace(std::move(*started));
    auto master = container_->OpenTerminal();
    ASSERT_TRUE(master) << ErrorText(master);
    master_ = std::move(*master);
  }
  void Type(const std::string& text) {
    ASSERT_EQ(write(master_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Everything that came so far, once `text` is in it or nothing follows.
  std::string ReadUntil(const std::string& text) {
    char buffer[4096];
    while (!seen_.contains(text)) {
      pollfd waited{master_.get(), POLLIN, 0};
      if (poll(&waited, 1, static_cast<int>(kMinute.count())) <= 0) break;
      const ssize_t count = read(master_.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      seen_.append(buffer, static_cast<size_t>(count));
    }
    return seen_;
  }
  int ExitCode() {
    const auto exit = container_->Wait(kMinute);
    EXPECT_TRUE(exit) << ErrorText(exit);
    return exit ? exit->status.code : -1;
  }

  std::string seen_;
  std::optional<Container> container_;
  UniqueFd master_;
};

INSTANTIATE_TEST_SUITE_P(Engines, TerminalTest, ::testing::Values(Engine::kCrun, Engine::kRunc, Engine::kRunsc),
                         [](const auto& one) { return std::string(EngineName(one.param)); });

TEST_P(TerminalTest, IsAllThreeDescriptorsAndHasTheAskedSize) {
  Start("[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size; tty; exit 7");
  EXPECT_THAT(ReadUntil("tty"), HasSubstr("33 111"));
  // The kernel of runsc keeps the name to itself.
  if (GetParam() != Engine::kRunsc) EXPECT_THAT(ReadUntil("/dev/"), HasSubstr("/dev/"));
  EXPECT_EQ(ExitCode(), 7);
}

TEST_P(TerminalTest, EndsWithTheContainer) {
  Start("echo last words");
  EXPECT_THAT(ReadUntil("never said"), HasSubstr("last words\r\n"));
}

TEST_P(TerminalTest, ControlsTheShellSoThatControlCInterruptsWhatRuns) {
  Start("trap 'echo got it; exit 9' INT; echo ready; while :; do sleep 0.05; done");
  ReadUntil("ready");
  Type("\x03");
  EXPECT_THAT(ReadUntil("got it"), HasSubstr("got it"));
  EXPECT_EQ(ExitCode(), 9);
}

TEST_P(TerminalTest, TellsTheProcessesOfANewSize) {
  Start("trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done");
  ReadUntil("ready");
  ASSERT_TRUE(container_->ResizeTerminal({.rows = 50, .columns = 60}));
  EXPECT_THAT(ReadUntil("50 60"), HasSubstr("50 60"));
}

TEST_P(TerminalTest, IsNotThereUnlessItWasAskedFor) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "container"));
  auto started = runtime_->Start({.name = os::UniqueTestName(),
                                  .directory = temp_ / "container",
                                  .lower = {.directories = {image_}},
                                  .args = {"sh", "-c", "[ ! -t 0 ]"},
                                  .env = {"PATH=/bin"}});
  ASSERT_TRUE(started) << ErrorText(started);
  container_.emplace(std::move(*started));
  EXPECT_EQ(container_->OpenTerminal().error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(container_->ResizeTerminal({}).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(ExitCode(), 0);
}

TEST(ConsoleSocket, GivesUpOnAnEngineThatHandsOutNothing) {
  const os::TempDirectory temp;
  const auto console = ConsoleSocket::Listen(temp.path());
  ASSERT_TRUE(console) << ErrorText(console);
  EXPECT_EQ(console->Receive(milliseconds(1)).error().code(), Code::kDeadlineExceeded);
  const UniqueFd engine(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  console->path().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(connect(engine.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(write(engine.get(), "x", 1), 1);
  EXPECT_THAT(ErrorText(console->Receive(kMinute)), HasSubstr("no terminal"));
}

}  // namespace
}  // namespace burrow::runtime
