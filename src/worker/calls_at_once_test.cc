// Several calls in one container, classes, and what a function may ask of its container.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/own_mounts.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromWorker;
using ::testing::HasSubstr;
using testing::IntArgument;
using ::testing::UnorderedElementsAre;

class CallsAtOnceTest : public testing::NodeFixture {
 protected:
  CallsAtOnceTest() { deadlines_.call_grace = std::chrono::milliseconds(500); }
  static std::function<void(burrow::link::v1::ContainerSpec&)> AtOnce(uint32_t calls) {
    return [calls](auto& spec) { spec.mutable_function()->set_max_inputs(calls); };
  }
};

constexpr const char* kMeets = R"(
import threading
barrier = threading.Barrier(2)
def meet(x):
    barrier.wait(30)
    print("met", x)
    return x
)";

TEST_F(CallsAtOnceTest, RunSideBySideAndTheirLinesAreToldApart) {
  std::string container = Start(kMeets, "meet", AtOnce(2));
  std::string first = Call(container, IntArgument(1)), second = Call(container, IntArgument(2));
  EXPECT_EQ(AwaitDone(first).status(), burrow::v1::CALL_STATUS_SUCCESS);
  EXPECT_EQ(AwaitDone(second).status(), burrow::v1::CALL_STATUS_SUCCESS);
  std::vector<std::string> seen;
  for (const auto& line : Lines()) seen.push_back((line.call_id() == first ? "1: " : "2: ") + line.text());
  EXPECT_THAT(seen, UnorderedElementsAre("1: met 1", "2: met 2"));
}

TEST_F(CallsAtOnceTest, OneIsCutShortAndTheOtherGoesOn) {
  std::string container =
      Start("import asyncio\nasync def nap(s):\n    await asyncio.sleep(s)\n    return s\n", "nap", AtOnce(2));
  std::string late = Call(container, IntArgument(100), 300);
  std::string good = Call(container, IntArgument(1));
  EXPECT_EQ(AwaitDone(late).status(), burrow::v1::CALL_STATUS_TIMEOUT);
  EXPECT_EQ(AwaitDone(good).status(), burrow::v1::CALL_STATUS_SUCCESS);
}

TEST_F(CallsAtOnceTest, OneThatWouldNotEndIsNamedWhenItsContainerIsKilled) {
  std::string container = Start("import time\ndef nap(s):\n    time.sleep(s)\n", "nap", AtOnce(2));
  std::string stuck = Call(container, IntArgument(100), 300);
  Call(container, IntArgument(100));
  auto stopped = AwaitStopped(container);
  EXPECT_EQ(stopped.cause(), burrow::link::v1::STOP_CAUSE_CALL_TIMEOUT);
  EXPECT_EQ(stopped.call_id(), stuck);
}

constexpr const char* kModel = R"(
import burrow
app = burrow.App("a")

@app.cls()
class Model:
    size: int = burrow.parameter(default=1)
    name: bytes = burrow.parameter(default=b"")

    @burrow.enter()
    def load(self):
        self.total = self.size
        print("entered", self.name)

    @burrow.method()
    def add(self, x):
        self.total += x
        print("total", self.total)

    @burrow.exit()
    def bye(self):
        print("left", self.total)
)";

void MakeModel(burrow::link::v1::ContainerSpec& spec) {
  spec.mutable_function()->mutable_class_spec()->add_methods()->set_name("add");
  auto& size = *spec.mutable_function()->mutable_bound()->add_values();
  size.set_name("size");
  size.set_number(40);
  auto& name = *spec.mutable_function()->mutable_bound()->add_values();
  name.set_name("name");
  name.set_data(std::string("a\0\xff", 3));
}

TEST_F(CallsAtOnceTest, AClassIsEnteredCalledAndLeft) {
  std::string container = Start(kModel, "Model", MakeModel);
  for (uint8_t x : {1, 1}) {
    burrow::link::v1::CallDispatch call;
    call.set_container_id(container);
    call.set_call_id(CallId::New().str());
    call.set_attempt(1);
    call.set_method("add");
    call.mutable_arguments()->set_inline_(IntArgument(x));
    std::string id = call.call_id();
    manager_->Dispatch(std::move(call));
    EXPECT_EQ(AwaitDone(id).status(), burrow::v1::CALL_STATUS_SUCCESS);
  }
  Stop(container, 10'000);
  AwaitStopped(container);
  std::vector<std::string> texts;
  for (const auto& line : Lines()) texts.push_back(line.text());
  EXPECT_THAT(texts, ::testing::ElementsAre("entered b'a\\x00\\xff'", "total 41", "total 42", "left 42"));
}

TEST_F(CallsAtOnceTest, ABlockedNetworkIsLoopbackAlone) {
  std::string container = Start("import os\ndef look(x):\n    print(sorted(os.listdir('/sys/class/net')))\n", "look",
                                [](auto& spec) { spec.mutable_function()->set_block_network(true); });
  EXPECT_EQ(AwaitDone(Call(container, IntArgument(1))).status(), burrow::v1::CALL_STATUS_SUCCESS);
  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_EQ(Lines()[0].text(), "['lo']");
}

TEST_F(CallsAtOnceTest, AFunctionMayBeRunByAnotherEngine) {
  for (const char* engine : {"runc", "runsc"}) {
    std::string container = Start("def f(x):\n    print('said')\n    return x\n", "f",
                                  [&](auto& spec) { spec.mutable_function()->set_runtime(engine); });
    EXPECT_EQ(AwaitDone(Call(container, IntArgument(1))).status(), burrow::v1::CALL_STATUS_SUCCESS) << engine;
    Stop(container, 10'000);
    AwaitStopped(container);
  }
  EXPECT_EQ(Lines().size(), 2u);
}

// Its signals are brought by a program of their own, which takes its time on a busy machine.
class CallsUnderRunscTest : public testing::NodeFixture {
 protected:
  CallsUnderRunscTest() { deadlines_.call_grace = std::chrono::seconds(20); }
};

TEST_F(CallsUnderRunscTest, AreCutShort) {
  std::string container =
      Start("import time\ndef nap(s):\n    try:\n        time.sleep(s)\n    finally:\n        print('woken')\n", "nap",
            [](auto& spec) { spec.mutable_function()->set_runtime("runsc"); });
  EXPECT_EQ(AwaitDone(Call(container, IntArgument(250), 300)).status(), burrow::v1::CALL_STATUS_TIMEOUT);
  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_EQ(Lines()[0].text(), "woken");
}

TEST_F(CallsAtOnceTest, AStartThatTakesLongerThanItsFunctionAllowsEnds) {
  std::string container = Start("import time\ntime.sleep(60)\ndef f(x):\n    return x\n", "f",
                                [](auto& spec) { spec.mutable_function()->set_startup_timeout_ms(700); });
  // Whether it is still in its launch or imports by then, a busy machine decides.
  EXPECT_THAT(AwaitStopped(container).error().message(), HasSubstr("took longer than 0.7 s"));
}

}  // namespace
}  // namespace burrow::worker
