#include "runtime/exec.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>

#include "os/fs.h"
#include "os/testing/own_mounts.h"
#include "runtime/engine.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr milliseconds kExecPatience{60'000};

// A container that sleeps, of each engine.
class ExecTest : public EngineFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_NO_FATAL_FAILURE(Prepare({"sh", "sleep", "cat", "stty", "env"}, GetParam()));
    ASSERT_TRUE(os::MakeDirectories(temp_ / "container"));
    auto started = runtime_->Start({.name = os::UniqueTestName(),
                                    .directory = temp_ / "container",
                                    .lower = {.directories = {image_}},
                                    .args = {"sh", "-c", "echo inside > /marker; exec sleep 1000"},
                                    .env = {"PATH=/bin", "COLOUR=green", "HIDDEN=1"}});
    ASSERT_TRUE(started) << ErrorText(started);
    container_.emplace(std::move(*started));
  }
  void TearDown() override {
    exec_.reset();
    container_.reset();
    EngineFixture::TearDown();
  }

  // Starts a script whose output comes back by `Output`.
  void Start(const std::string& script, std::optional<TerminalSize> terminal = std::nullopt) {
    ExecOptions options{.args = {"sh", "-c", script}, .unset = {"HIDDEN"}, .env = {"MORE=1"}, .terminal = terminal};
    auto pipe = os::MakePipe();
    ASSERT_TRUE(pipe) << ErrorText(pipe);
    if (!terminal) options.fds = {{pipe->write.get(), 1}, {pipe->write.get(), 2}};
    auto started = ContainerExec::Start(container_->exec_target(), options);
    ASSERT_TRUE(started) << ErrorText(started);
    exec_.emplace(std::move(*started));
    if (terminal) {
      auto master = exec_->OpenTerminal();
      ASSERT_TRUE(master) << ErrorText(master);
      output_ = std::move(*master);
    } else {
      output_ = std::move(pipe->read);
    }
  }
  // All that it printed until its end, or until `text` is in it.
  std::string Output(const std::string& text = "\xff") {
    std::string seen;
    char buffer[4096];
    while (!seen.contains(text)) {
      pollfd waited{output_.get(), POLLIN, 0};
      if (poll(&waited, 1, static_cast<int>(kExecPatience.count())) <= 0) break;
      const ssize_t count = read(output_.get(), buffer, sizeof buffer);
      if (count <= 0) break;
      seen.append(buffer, static_cast<size_t>(count));
    }
    return seen;
  }

  std::optional<Container> container_;
  std::optional<ContainerExec> exec_;
  UniqueFd output_;
};

TEST_P(ExecTest, SeesTheContainersFilesProcessesAndEnvironment) {
  Start("cat /marker; cat /proc/1/cmdline; env; exit 7");
  const std::string output = Output();
  EXPECT_THAT(output, HasSubstr("inside"));
  EXPECT_THAT(output, HasSubstr("sleep"));
  EXPECT_THAT(output, HasSubstr("COLOUR=green"));
  EXPECT_THAT(output, HasSubstr("MORE=1"));
  EXPECT_THAT(output, Not(HasSubstr("HIDDEN")));
  const auto status = exec_->Wait(kExecPatience);
  ASSERT_TRUE(status) << ErrorText(status);
  EXPECT_EQ(status->code, 7);
}

TEST_P(ExecTest, HasATerminalWhoseSizeFollows) {
  // It may hear of its first size, too, when it has begun already.
  Start("trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done", TerminalSize{.rows = 33, .columns = 111});
  EXPECT_THAT(Output("33 111"), HasSubstr("33 111"));
  ASSERT_TRUE(exec_->ResizeTerminal({.rows = 44, .columns = 222}));
  EXPECT_THAT(Output("44 222"), HasSubstr("44 222"));
}

TEST_P(ExecTest, IsKilledAloneAndWithItsContainer) {
  Start("echo ready; exec sleep 1000");
  Output("ready");
  exec_->Kill();
  const auto killed = exec_->Wait(kExecPatience);
  ASSERT_TRUE(killed) << ErrorText(killed);
  EXPECT_EQ(killed->signal, 9);
  Start("echo ready; exec sleep 1000");
  Output("ready");
  container_->Kill();
  EXPECT_TRUE(exec_->Wait(kExecPatience));
}

TEST_P(ExecTest, ACommandThatIsNotThereIsSaid) {
  const auto exec = ContainerExec::Start(container_->exec_target(), {.args = {"no-such-command"}});
  ASSERT_FALSE(exec);
  EXPECT_THAT(exec.error().message(), HasSubstr("no-such-command"));
}

INSTANTIATE_TEST_SUITE_P(Engines, ExecTest, ::testing::Values(Engine::kCrun, Engine::kRunc, Engine::kRunsc),
                         [](const auto& one) { return std::string(EngineName(one.param)); });

}  // namespace
}  // namespace burrow::runtime
