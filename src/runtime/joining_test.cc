#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <thread>

#include "os/fs.h"
#include "runtime/container.h"
#include "runtime/exec.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::milliseconds kJoinPatience{60'000};
constexpr const char* kNamespaces[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};

// A container that may join, and one that is joined from it.
class JoiningTest : public RuntimeFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_NO_FATAL_FAILURE(Prepare({"sh", "sleep", "cat", "nsenter", "mount", "hostname", "ls", "head"}));
    ASSERT_EQ(mknod((image_ + "/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
    ASSERT_EQ(chmod((image_ + "/zero").c_str(), 0666), 0);
    auto first = Options("first", {"sh", "-c", "echo written > /root/file; exec sleep 1000"});
    first.joins = true;
    ASSERT_NO_FATAL_FAILURE(Start(first, first_));
    auto second = Options("second", {"sleep", "2000"});
    pid_namespace_ = *first_->OpenPidNamespace();
    second.joined_from = pid_namespace_.get();
    second.written_before = first_->upper();
    ASSERT_NO_FATAL_FAILURE(Start(second, second_));
  }
  void TearDown() override {
    second_.reset();
    first_.reset();
    RuntimeFixture::TearDown();
  }

  ContainerOptions Options(const std::string& hostname, std::vector<std::string> args) {
    EXPECT_TRUE(os::MakeDirectories(temp_ / hostname));
    return {.name = os::UniqueTestName(),
            .directory = temp_ / hostname,
            .lower = {.directories = {image_}},
            .args = std::move(args),
            .env = {"PATH=/bin"},
            .hostname = hostname};
  }
  void Start(ContainerOptions options, std::optional<Container>& container) {
    auto started = runtime_->Start(std::move(options));
    ASSERT_TRUE(started) << ErrorText(started);
    container.emplace(std::move(*started));
  }
  // The number, on this machine, of the container's process that has this word in its command line. The engine tells of
  // a process before that executes its command, and nothing tells of that.
  static pid_t ProcessOf(const Container& container, const std::string& word) {
    const auto until = std::chrono::steady_clock::now() + kJoinPatience;
    pid_t found = 0;
    while (found == 0 && std::chrono::steady_clock::now() < until) {
      found = FindProcess(container, word);
      if (found == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return found;
  }
  static pid_t FindProcess(const Container& container, const std::string& word) {
    std::ifstream procs(container.exec_target().cgroup_procs.front());
    for (pid_t pid = 0; procs >> pid;) {
      const std::string words = os::ReadFile(fmt::format("/proc/{}/cmdline", pid)).value_or("");
      if (words.contains(std::string(1, '\0') + word + '\0')) return pid;
    }
    return 0;
  }
  // What a process of `container` prints.
  std::string Output(const Container& container, ExecOptions options) {
    auto pipe = os::MakePipe();
    options.fds.insert(options.fds.begin(), {{pipe->write.get(), 1}, {pipe->write.get(), 2}});
    auto exec = ContainerExec::Start(container.exec_target(), options);
    EXPECT_TRUE(exec) << ErrorText(exec);
    if (!exec) return "";
    pipe->write.Reset();
    EXPECT_TRUE(exec->Wait(kJoinPatience));
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = read(pipe->read.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(count));
    return text;
  }
  // Runs a script that a process of the first container becomes in the second one.
  std::string Join(const std::string& script) {
    ExecOptions options{.args = {"nsenter"}};
    std::vector<UniqueFd> open;
    const pid_t target = ProcessOf(*second_, "2000");
    const char* flags[] = {"--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"};
    for (size_t i = 0; i < std::size(kNamespaces); ++i) {
      open.push_back(*os::Open(fmt::format("/proc/{}/ns/{}", target, kNamespaces[i]), O_RDONLY));
      const int number = 3 + static_cast<int>(i);
      options.fds.emplace_back(open.back().get(), number);
      options.args.push_back(fmt::format("{}=/proc/self/fd/{}", flags[i], number));
    }
    for (const char* word : {"sh", "-c", script.c_str()}) options.args.emplace_back(word);
    return Output(*first_, options);
  }

  UniqueFd pid_namespace_;
  std::optional<Container> first_, second_;
};

TEST_F(JoiningTest, AProcessWithoutPrivilegesMovesIntoAnotherContainer) {
  const std::string out = Join("hostname; cat /root/file; cat /proc/1/cmdline; ls /proc/self/net/dev");
  EXPECT_THAT(out, HasSubstr("second\nwritten\nsleep"));
}

TEST_F(JoiningTest, WhoJoinsIsHeldByTheSameCallsAsBefore) {
  EXPECT_THAT(Join("mount -t tmpfs none /tmp || echo refused"), HasSubstr("refused"));
  EXPECT_THAT(Join("echo 1 > /proc/sys/kernel/panic || echo refused"), HasSubstr("refused"));
}

TEST_F(JoiningTest, WhoJoinsOpensNoDeviceNodeOfTheImage) {
  const std::string out = Join("ls /zero; head -c 1 /zero || echo refused");
  EXPECT_THAT(out, AllOf(HasSubstr("/zero\n"), HasSubstr("ermission denied"), HasSubstr("refused")));
}

TEST_F(JoiningTest, WhatIsWrittenThereStaysThere) {
  Join("echo changed > /root/file; echo more > /root/other");
  EXPECT_EQ(Output(*first_, {.args = {"sh", "-c", "cat /root/*"}}), "written\n");
  EXPECT_EQ(Output(*second_, {.args = {"sh", "-c", "cat /root/*"}}), "changed\nmore\n");
}

TEST_F(JoiningTest, ACommandRunsInAContainerThatIsJoined) {
  EXPECT_EQ(Output(*second_, {.args = {"sh", "-c", "hostname; cat /proc/1/cmdline"}}),
            std::string("second\nsleep\0002000\0", 18));
}

TEST_F(JoiningTest, AnAdoptedProcessGetsTheSignals) {
  auto one = ContainerExec::Start(first_->exec_target(), {.args = {"sleep", "3001"}});
  ASSERT_TRUE(one) << ErrorText(one);
  ASSERT_TRUE(second_->Adopt(ProcessOf(*first_, "3001")));
  ASSERT_TRUE(second_->Signal(SIGTERM));
  EXPECT_EQ(one->Wait(kJoinPatience)->signal, SIGTERM);
  auto other = ContainerExec::Start(first_->exec_target(), {.args = {"sleep", "3002"}});
  ASSERT_TRUE(second_->Adopt(ProcessOf(*first_, "3002")));
  second_->Kill();
  EXPECT_EQ(other->Wait(kJoinPatience)->signal, SIGKILL);
  EXPECT_EQ(second_->Wait(kJoinPatience)->status.signal, SIGKILL);
}

TEST_F(JoiningTest, AdoptsNoStranger) {
  auto stranger = os::Spawn({.argv = {"sleep", "3000"}});
  ASSERT_TRUE(stranger);
  EXPECT_EQ(second_->Adopt(stranger->pid()).error().code(), Code::kFailedPrecondition);
}

TEST_F(JoiningTest, ACommandInAContainerThatIsJoinedCanBeKilled) {
  auto exec = ContainerExec::Start(second_->exec_target(), {.args = {"sleep", "3003"}});
  ASSERT_TRUE(exec) << ErrorText(exec);
  exec->Kill();
  EXPECT_EQ(exec->Wait(kJoinPatience)->signal, SIGKILL);
}

// The engine starts as root of the machine and belongs to the joining container's root as soon as it has entered the
// user namespace made for that.
TEST_F(JoiningTest, WhoJoinsCannotLookThroughTheEngineAtTheMachine) {
  const std::string secret = temp_ / "secret";
  ASSERT_TRUE(os::WriteFileAtomically(secret, "of the machine", 0644));
  const std::string script = fmt::format(
      "while :; do for p in /proc/[0-9]*; do [ -e $p/root{0} ] && echo $p >> /root/seen; done; done", secret);
  auto spy = ContainerExec::Start(first_->exec_target(), {.args = {"sh", "-c", script}});
  ASSERT_TRUE(spy) << ErrorText(spy);
  for (int i = 0; i < 8; ++i) {
    auto options = Options(fmt::format("more{}", i), {"sleep", "2000"});
    options.joined_from = pid_namespace_.get();
    ASSERT_TRUE(runtime_->Start(options));
  }
  EXPECT_FALSE(std::filesystem::exists(first_->upper() + "/root/seen"));
}

TEST_F(JoiningTest, EndsWithTheContainerThatItIsJoinedFrom) {
  first_.reset();
  EXPECT_EQ(second_->Wait(kJoinPatience)->status.signal, SIGKILL);
}

TEST_F(JoiningTest, AContainerOfRuncCannotBeJoined) {
  auto options = Options("third", {"sleep", "1"});
  options.engine = Engine::kRunc;
  options.joined_from = pid_namespace_.get();
  EXPECT_EQ(runtime_->Start(options).error().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace burrow::runtime
