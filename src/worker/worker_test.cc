#include "worker/worker.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>

#include "os/process.h"
#include "os/testing/environment.h"
#include "worker/state_layout.h"

namespace burrow::worker {
namespace {

using std::chrono::milliseconds;

// A port of loopback on which a worker's dialling in can be seen; it never answers.
class SilentControl {
 public:
  SilentControl() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 8), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  // True when a worker has dialled in; false after a minute.
  bool AwaitWorker() {
    pollfd wait{.fd = socket_.get(), .events = POLLIN};
    if (::poll(&wait, 1, 60'000) <= 0) return false;
    UniqueFd dropped(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return true;
  }
  std::string port() const { return std::to_string(port_); }

 private:
  UniqueFd socket_;
  uint16_t port_ = 0;
};

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override { BURROW_NEEDS_ROOT(); }

  os::SpawnOptions Command(const std::string& sdk) {
    return {.argv = {BURROW_WORKER_DAEMON, "worker", state_.path(), control_.port(), sdk},
            .fds = {{2, 2}},
            .parent_death_signal = SIGKILL};
  }
  os::Process Start() {
    auto worker = os::Spawn(Command(BURROW_PYTHON_DIRECTORY));
    EXPECT_TRUE(worker) << os::ErrorText(worker);
    return std::move(*worker);
  }
  bool LinkExists() const { return std::filesystem::exists("/sys/class/net/bw" + tag_); }
  bool GroupExists() const {
    for (const char* parent : {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"}) {
      if (std::filesystem::exists(std::string(parent) + "/burrow-" + tag_)) return true;
    }
    return false;
  }

  os::TempDirectory state_;
  SilentControl control_;
  std::string tag_ = InstanceTag(state_.path());
};

TEST_F(WorkerTest, LeavesNothingWhenItIsToldToStop) {
  auto worker = Start();
  ASSERT_TRUE(control_.AwaitWorker());
  EXPECT_TRUE(LinkExists());
  EXPECT_TRUE(GroupExists());
  ASSERT_TRUE(worker.Signal(SIGTERM));
  auto ended = worker.Wait(milliseconds(60'000));
  ASSERT_TRUE(ended) << os::ErrorText(ended);
  EXPECT_EQ(ended->AsNumber(), 0);
  EXPECT_FALSE(LinkExists());
  EXPECT_FALSE(GroupExists());
  EXPECT_FALSE(std::filesystem::exists(StateLayout(state_.path()).Containers()));
}

TEST_F(WorkerTest, StartsAgainAfterItWasKilledAndKeepsItsName) {
  {
    auto worker = Start();
    ASSERT_TRUE(control_.AwaitWorker());
    ASSERT_TRUE(worker.Signal(SIGKILL));
    ASSERT_TRUE(worker.Wait(milliseconds(60'000)));
  }
  auto id = os::ReadFile(StateLayout(state_.path()).WorkerIdFile());
  auto worker = Start();
  ASSERT_TRUE(control_.AwaitWorker());
  EXPECT_EQ(os::ReadFile(StateLayout(state_.path()).WorkerIdFile()).value_or(""), id.value_or("?"));
  auto ended = worker.Stop(milliseconds(60'000));
  ASSERT_TRUE(ended) << os::ErrorText(ended);
  EXPECT_EQ(ended->AsNumber(), 0);
  EXPECT_FALSE(LinkExists());
  EXPECT_FALSE(GroupExists());
}

TEST_F(WorkerTest, SaysWhoHoldsItsStateDirectory) {
  auto worker = Start();
  ASSERT_TRUE(control_.AwaitWorker());
  auto command = Command(BURROW_PYTHON_DIRECTORY);
  command.fds.clear();
  auto second = os::Run(std::move(command), milliseconds(60'000));
  ASSERT_TRUE(second) << os::ErrorText(second);
  EXPECT_EQ(second->status.code, 1);
  EXPECT_THAT(second->out, ::testing::HasSubstr("another worker uses"));
  EXPECT_TRUE(worker.Stop(milliseconds(60'000)));
}

TEST_F(WorkerTest, SaysWhereItLookedForTheRunner) {
  auto command = Command("/nonexistent");
  command.fds.clear();
  auto failed = os::Run(std::move(command), milliseconds(60'000));
  ASSERT_TRUE(failed) << os::ErrorText(failed);
  EXPECT_EQ(failed->status.code, 1);
  EXPECT_THAT(failed->out, ::testing::HasSubstr("/nonexistent"));
  EXPECT_FALSE(LinkExists());
  EXPECT_FALSE(GroupExists());
}

}  // namespace
}  // namespace burrow::worker
