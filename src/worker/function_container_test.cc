

#include "worker/function_container.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "os/testing/own_mounts.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromWorker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IntArgument;
using testing::NoArguments;

class FunctionContainerTest : public testing::NodeFixture {
 protected:
  FunctionContainerTest() {
    deadlines_.call_grace = std::chrono::milliseconds(500);
    deadlines_.disk_look = std::chrono::milliseconds(50);
  }
};

// The value of a pickle of protocol 5 that begins with a small int; -1 for others.
int SmallInt(const burrow::v1::Payload& payload) {
  const std::string& bytes = payload.inline_();
  return bytes.starts_with("\x80\x05K") && bytes.size() > 3 ? static_cast<uint8_t>(bytes[3]) : -1;
}

TEST_F(FunctionContainerTest, RunsACallAndReturnsItsValue) {
  std::string container = Start("def square(x):\n    return x * x\n", "square");
  std::string call = Call(container, IntArgument(12));
  auto ready = AwaitPhase(container, burrow::link::v1::CONTAINER_PHASE_READY);
  std::vector<std::string> phases;
  for (const auto& phase : ready.phases()) phases.push_back(phase.name());
  EXPECT_THAT(phases, ElementsAre("mount", "launch", "interpreter", "import"));
  auto done = AwaitDone(call);
  EXPECT_EQ(done.status(), burrow::v1::CALL_STATUS_SUCCESS) << done.ShortDebugString();
  EXPECT_EQ(SmallInt(done.value()), 144);
}

constexpr const char* kReadsAttached = R"(
import os
def look(x):
    print(open("/etc/note").read(), sorted(os.listdir("/data")), open("/data/deep/er").read(), flush=True)
    for path in "/etc/note", "/data/new":
        try:
            open(path, "w")
        except OSError as error:
            print(error.strerror, flush=True)
    return x
)";

TEST_F(FunctionContainerTest, ShowsAttachedFilesThatCannotBeWritten) {
  auto attach = [&](auto& spec, const char* destination, bool single, const char* path, const std::string& content) {
    auto& attached = *spec.mutable_function()->add_attached();
    attached.set_destination(destination);
    attached.set_single_file(single);
    auto& file = *attached.add_files();
    file.set_path(path);
    file.set_digest(server_.Add(content).Hex());
    file.set_size(content.size());
    file.set_mode(0600);
  };
  std::string container = Start(kReadsAttached, "look", [&](auto& spec) {
    attach(spec, "/etc/note", true, "local", "noted");
    attach(spec, "/data", false, "deep/er", "dug");
  });
  EXPECT_EQ(AwaitDone(Call(container, IntArgument(7))).status(), burrow::v1::CALL_STATUS_SUCCESS);
  std::vector<std::string> texts;
  for (const auto& line : Lines()) texts.push_back(line.text());
  EXPECT_THAT(texts, ElementsAre("noted ['deep'] dug", "Read-only file system", "Read-only file system"));
}

TEST_F(FunctionContainerTest, RunsCallsOneAfterAnotherInTheSameProcess) {
  std::string container =
      Start("count = 0\ndef next(x):\n    global count\n    count += 1\n    return count\n", "next");
  std::vector<std::string> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(Call(container, IntArgument(1)));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(SmallInt(AwaitDone(calls[static_cast<size_t>(i)]).value()), i + 1);
}

TEST_F(FunctionContainerTest, RunsADispatchThatIsSaidTwiceOnce) {
  std::string container =
      Start("count = 0\ndef next(x):\n    global count\n    count += 1\n    return count\n", "next");
  Call(container, IntArgument(1));
  RepeatLastCall();
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(1))).value()), 2);
}

TEST_F(FunctionContainerTest, SendsLinesWithTheirCallBeforeItsOutcome) {
  std::string container = Start(
      "import os, sys\ndef talk(x):\n    print('out', x)\n    os.system(f'echo child {x} >&2')\n    print('no "
      "newline', end='')\n",
      "talk");
  std::string first = Call(container, IntArgument(1)), second = Call(container, IntArgument(2));
  AwaitDone(second);
  std::vector<std::string> seen;
  for (const auto& message : said_) {
    for (const auto& line : message.logs().lines()) {
      const char* call = line.call_id() == first ? "1" : line.call_id() == second ? "2" : "?";
      seen.push_back(fmt::format("{} {} {}{}", call, line.stream() == burrow::v1::LOG_STREAM_STDERR ? "err" : "out",
                                 line.text(), line.partial() ? "..." : ""));
    }
    if (message.has_done()) seen.push_back(message.done().call_id() == first ? "done 1" : "done 2");
  }
  EXPECT_EQ(seen.size(), 8u);
  EXPECT_THAT(std::vector(seen.begin(), seen.begin() + 4),
              ::testing::UnorderedElementsAre("1 out out 1", "1 out no newline...", "1 err child 1", "done 1"));
  EXPECT_EQ(seen[3], "done 1");
  EXPECT_EQ(seen.back(), "done 2");
}

TEST_F(FunctionContainerTest, ReportsAnExceptionWithItsFrames) {
  std::string container = Start("def fail(x):\n    raise ValueError('bad')\n", "fail");
  auto done = AwaitDone(Call(container, IntArgument(1)));
  EXPECT_EQ(done.status(), burrow::v1::CALL_STATUS_USER_ERROR);
  EXPECT_EQ(done.error().type(), "ValueError");
  EXPECT_EQ(done.error().message(), "bad");
  ASSERT_EQ(done.error().frames_size(), 1);
  EXPECT_EQ(done.error().frames(0).source(), "raise ValueError('bad')");
  EXPECT_FALSE(done.error().pickled().inline_().empty());
}

TEST_F(FunctionContainerTest, SendsAGeneratorsItemsInOrder) {
  std::string container = Start("def count(n):\n    for i in range(n):\n        yield i\n", "count",
                                [](auto& spec) { spec.mutable_function()->set_is_generator(true); });
  std::string call = Call(container, IntArgument(3));
  EXPECT_EQ(AwaitDone(call).status(), burrow::v1::CALL_STATUS_SUCCESS);
  std::vector<int> items;
  for (const auto& message : said_) {
    if (!message.has_item()) continue;
    EXPECT_EQ(message.item().item_index(), items.size());
    items.push_back(SmallInt(message.item().item()));
  }
  EXPECT_THAT(items, ElementsAre(0, 1, 2));
}

// The call has ended when its value has come: how long that takes to store does not count.
TEST_F(FunctionContainerTest, ALargeValueThatIsStoredLateIsNotLate) {
  std::string container = Start("def f(x):\n    return bytes(2 << 20)\n", "f");
  EXPECT_EQ(AwaitDone(Call(container, IntArgument(1))).status(), burrow::v1::CALL_STATUS_SUCCESS);
  server_.Stop();
  constexpr uint32_t kTimeoutMs = 500;
  std::jthread store_comes_back([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * kTimeoutMs));
    server_.Start();
  });
  EXPECT_EQ(AwaitDone(Call(container, IntArgument(2), kTimeoutMs)).status(), burrow::v1::CALL_STATUS_SUCCESS);
}

TEST_F(FunctionContainerTest, StoresALargeValueAndFetchesALargeArgument) {
  std::string container = Start("def twice(x):\n    return x * 2\n", "twice");
  // A pickle of ((bytes of 2 MiB,), {}).
  std::string bytes(2u << 20, 'a'), pickle(
                                        "\x80\x03"
                                        "B");
  for (int shift = 0; shift < 32; shift += 8) pickle.push_back(static_cast<char>(bytes.size() >> shift & 0xff));
  pickle += bytes + "\x85}\x86.";
  burrow::link::v1::CallDispatch call;
  call.set_container_id(container);
  call.set_call_id(CallId::New().str());
  call.mutable_arguments()->set_digest(server_.Add(pickle).Hex());
  manager_->Dispatch(call);
  auto done = AwaitDone(call.call_id());
  ASSERT_EQ(done.status(), burrow::v1::CALL_STATUS_SUCCESS) << done.ShortDebugString();
  auto digest = cas::Digest::FromHex(done.value().digest());
  ASSERT_TRUE(digest);
  auto value = cas::GetAll(*store_, *digest, 8u << 20);
  ASSERT_TRUE(value) << os::ErrorText(value);
  EXPECT_GT(value->size(), 4u << 20);
}

TEST_F(FunctionContainerTest, EndsACallAtItsTimeoutAndLivesOn) {
  std::string container = Start("import time\ndef nap(s):\n    time.sleep(s)\n    return 7\n", "nap");
  auto timed_out = AwaitDone(Call(container, IntArgument(100), 300));
  EXPECT_EQ(timed_out.status(), burrow::v1::CALL_STATUS_TIMEOUT);
  EXPECT_THAT(timed_out.error().message(), HasSubstr("timeout of 0.3 s"));
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(0))).value()), 7);
}

TEST_F(FunctionContainerTest, KillsTheContainerOfACallThatIgnoresItsTimeout) {
  std::string container = Start(
      "import time\ndef stay(x):\n    while True:\n        try:\n            time.sleep(100)\n        except "
      "BaseException:\n            pass\n",
      "stay");
  Call(container, IntArgument(1), 300);
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_CALL_TIMEOUT) << stopped.ShortDebugString();
  EXPECT_THAT(stopped.error().message(), HasSubstr("timeout of 0.3 s"));
}

TEST_F(FunctionContainerTest, CancelsTheRunningCallAndOneThatWaits) {
  std::string container =
      Start("import time\ndef nap(s):\n    print('begun', flush=True)\n    time.sleep(s)\n    return 7\n", "nap");
  std::string running = Call(container, IntArgument(100)), waiting = Call(container, IntArgument(100)),
              last = Call(container, IntArgument(0));
  Await([](const FromWorker& m) { return m.logs().lines_size() > 0 && m.logs().lines(0).text() == "begun"; });
  Cancel(container, waiting);
  EXPECT_EQ(AwaitDone(waiting).status(), burrow::v1::CALL_STATUS_CANCELLED);
  Cancel(container, running);
  EXPECT_EQ(AwaitDone(running).status(), burrow::v1::CALL_STATUS_CANCELLED);
  EXPECT_EQ(SmallInt(AwaitDone(last).value()), 7);
}

TEST_F(FunctionContainerTest, RunsACallOnceThatIsDispatchedAgainAfterAReconnect) {
  std::string container = Start(
      "import time\ncount = 0\ndef next(x):\n    global count\n    count += 1\n    time.sleep(0.2)\n    return count\n",
      "next");
  burrow::link::v1::CallDispatch first, second;
  for (auto* call : {&first, &second}) {
    call->set_container_id(container);
    call->set_call_id(CallId::New().str());
    call->set_attempt(1);
    call->mutable_arguments()->set_inline_(IntArgument(1));
  }
  AwaitPhase(container, burrow::link::v1::CONTAINER_PHASE_READY);
  for (const auto* call : {&first, &second, &first, &second}) manager_->Dispatch(*call);
  EXPECT_EQ(SmallInt(AwaitDone(first.call_id()).value()), 1);
  EXPECT_EQ(SmallInt(AwaitDone(second.call_id()).value()), 2);
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(1))).value()), 3);
}

TEST_F(FunctionContainerTest, GivesACallBackOnlyIfItHasNotBegun) {
  std::string container =
      Start("import time\ndef nap(s):\n    print('begun', flush=True)\n    time.sleep(s)\n    return 7\n", "nap");
  std::string running = Call(container, IntArgument(1)), waiting = Call(container, IntArgument(100));
  Await([](const FromWorker& m) { return m.logs().lines_size() > 0 && m.logs().lines(0).text() == "begun"; });
  for (const auto& call : {waiting, running}) {
    burrow::link::v1::CancelCall request;
    request.set_container_id(container);
    request.set_call_id(call);
    request.set_unless_begun(true);
    manager_->Cancel(request);
  }
  EXPECT_EQ(AwaitDone(waiting).status(), burrow::v1::CALL_STATUS_CANCELLED);
  EXPECT_EQ(SmallInt(AwaitDone(running).value()), 7);
}

TEST_F(FunctionContainerTest, KeepsNothingOfMessagesThatUserCodeSendsInTheRunnersName) {
  std::string container = Start(
      "import os, struct\ndef flood(x):\n    for header in b'{\"t\":\"hello\"}', b'{\"t\":\"ready\"}':\n"
      "        os.write(3, 100 * (struct.pack('<II', len(header), 0) + header))\n    return x\n",
      "flood");
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(7))).value()), 7);
  ASSERT_EQ(manager_->Inventory().size(), 1u);
  EXPECT_EQ(manager_->Inventory()[0].phases_size(), 4);
}

TEST_F(FunctionContainerTest, TellsOutOfMemoryFromOtherEnds) {
  std::string container = Start("def eat(x):\n    return len(bytes(1 << 30).replace(b'\\0', b'a'))\n", "eat",
                                [](auto& spec) { spec.mutable_function()->mutable_resources()->set_memory_mib(64); });
  Call(container, IntArgument(1));
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_OUT_OF_MEMORY) << stopped.ShortDebugString();
  EXPECT_THAT(stopped.error().message(), HasSubstr("64 MiB"));
}

TEST_F(FunctionContainerTest, EndsWhenItHasWrittenMoreThanItsDisk) {
  const auto disk = [](auto& spec) { spec.mutable_function()->mutable_resources()->set_ephemeral_disk_mib(8); };
  constexpr const char* kWrites =
      "import os, signal\ndef write(x):\n    os.makedirs('/srv/a', exist_ok=True)\n    open('/srv/a/b', "
      "'wb').write(b'x' "
      "* (x << 20))\n    if x > 8:\n        signal.pause()\n    return x\n";
  std::string container = Start(kWrites, "write", disk);
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(6))).value()), 6);
  Call(container, IntArgument(10));
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_OUT_OF_DISK) << stopped.ShortDebugString();
  EXPECT_THAT(stopped.error().message(), HasSubstr("8 MiB"));
}

TEST_F(FunctionContainerTest, ReportsTheExitCodeOfAProcessThatEndsItself) {
  std::string container = Start("import os\ndef leave(x):\n    print('bye', flush=True)\n    os._exit(7)\n", "leave");
  Call(container, IntArgument(1));
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_EXITED) << stopped.ShortDebugString();
  EXPECT_EQ(stopped.exit_code(), 7);
  ASSERT_FALSE(Lines().empty());
  EXPECT_EQ(Lines()[0].text(), "bye");
}

TEST_F(FunctionContainerTest, ReportsAModuleThatDoesNotImport) {
  std::string container = Start("import no_such_module\n", "f");
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_IMPORT_FAILED) << stopped.ShortDebugString();
  EXPECT_THAT(stopped.error().message() + stopped.error().traceback(), HasSubstr("no_such_module"));
}

TEST_F(FunctionContainerTest, ReportsAProcessThatEndsWhileItsModuleIsImported) {
  std::string container = Start("import os\nprint('last words', flush=True)\nos._exit(3)\n", "f");
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_IMPORT_FAILED) << stopped.ShortDebugString();
  EXPECT_THAT(stopped.error().message(), HasSubstr("exit code 3"));
  EXPECT_THAT(stopped.error().message(), HasSubstr("last words"));
}

TEST_F(FunctionContainerTest, SaysWhatToDoWhereTheImageHasNoPython) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "bare/bin"));
  images_.path = temp_ / "bare";
  auto stopped = AwaitStopped(Start("", "f"));
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_START_FAILED);
  EXPECT_THAT(stopped.error().message(), HasSubstr("the image has no python3"));
}

TEST_F(FunctionContainerTest, FailsToStartWithSourceThatLeavesItsDirectory) {
  auto stopped = AwaitStopped(Start("", "f", [](auto& spec) { spec.mutable_source(0)->set_path("../x.py"); }));
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_START_FAILED);
  EXPECT_THAT(stopped.error().message(), HasSubstr("../x.py"));
}

TEST_F(FunctionContainerTest, StopsAnIdleContainerAndLeavesNothing) {
  std::string container = Start("def f(x):\n    return x\n", "f");
  AwaitPhase(container, burrow::link::v1::CONTAINER_PHASE_READY);
  Stop(container, 10'000);
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_REQUESTED);
  EXPECT_EQ(stopped.exit_code(), 0);
  ASSERT_TRUE(RunUntil([this] { return manager_->size() == 0; }));
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "containers"));
}

TEST_F(FunctionContainerTest, StopsAContainerThatIsStillStarting) {
  std::string container = Start("import time\ntime.sleep(100)\n", "f");
  Stop(container);
  EXPECT_EQ(AwaitStopped(container).cause(), burrow::link::v1::STOP_CAUSE_REQUESTED);
}

TEST_F(FunctionContainerTest, KillsABusyContainerAfterTheGrace) {
  std::string container = Start(
      "import signal, time\ndef stay(x):\n    print('begun', flush=True)\n    while True:\n        try:\n            "
      "time.sleep(100)\n        except BaseException:\n            pass\n",
      "stay");
  Call(container, IntArgument(1));
  Await([](const FromWorker& m) { return m.logs().lines_size() > 0; });
  Stop(container, 300);
  EXPECT_EQ(AwaitStopped(container).cause(), burrow::link::v1::STOP_CAUSE_REQUESTED);
}

TEST_F(FunctionContainerTest, SendsAnOutcomeWhileAnotherProcessFloodsTheLog) {
  std::string container = Start(
      "import subprocess\ndef flood(x):\n    subprocess.Popen(['sh', '-c', 'while :; do echo flood; done'])\n    "
      "return 5\n",
      "flood");
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(1))).value()), 5);
  EXPECT_EQ(SmallInt(AwaitDone(Call(container, IntArgument(1))).value()), 5);
}

TEST_F(FunctionContainerTest, AnswersForAContainerThatItDoesNotKnow) {
  std::string unknown = ContainerId::New().str();
  Stop(unknown);
  EXPECT_EQ(AwaitStopped(unknown).cause(), burrow::link::v1::STOP_CAUSE_REQUESTED);
}

TEST_F(FunctionContainerTest, TellsOfLivingContainersInItsInventory) {
  std::string container = Start("def f(x):\n    return x\n", "f");
  ASSERT_EQ(manager_->Inventory().size(), 1u);
  EXPECT_EQ(manager_->Inventory()[0].phase(), burrow::link::v1::CONTAINER_PHASE_STARTING);
  AwaitPhase(container, burrow::link::v1::CONTAINER_PHASE_READY);
  ASSERT_EQ(manager_->Inventory().size(), 1u);
  EXPECT_EQ(manager_->Inventory()[0].phase(), burrow::link::v1::CONTAINER_PHASE_READY);
  auto usage = manager_->UsageReader()();
  EXPECT_EQ(usage.containers(), 1u);
  EXPECT_GT(usage.cpu_seconds(), 0);
  EXPECT_GT(usage.memory_bytes(), 0u);
}

}  // namespace
}  // namespace burrow::worker
