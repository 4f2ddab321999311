// Containers that run several calls at once, or one in their life.
#include <mutex>
#include <set>

#include "control/testing/control_fixture.h"
#include "control/validation.h"
#include "scheduler/autoscaler.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class CallsAtOnce : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
    worker_->on_call = [](const lpb::CallDispatch&) {};
    worker_->Connect();
  }
  // Submits so many calls; gives their ids.
  std::vector<std::string> Submit(const std::string& function, size_t count) {
    auto submit = SubmitOf(function, std::vector<std::string>(count, "x"));
    EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
    std::vector<std::string> ids;
    for (const auto& input : submit.inputs()) ids.push_back(input.call_id());
    return ids;
  }
  std::vector<lpb::CallDispatch> Dispatched() {
    std::vector<lpb::CallDispatch> calls;
    for (const auto& message : worker_->Received()) {
      if (message.has_call()) calls.push_back(message.call());
    }
    return calls;
  }
  std::set<std::string> ContainersOfCalls() {
    std::set<std::string> containers;
    for (const auto& call : Dispatched()) containers.insert(call.container_id());
    return containers;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(CallsAtOnce, OneContainerTakesUpToMaxInputs) {
  Begin();
  auto function = NewFunction([](auto& spec) {
                    spec.set_max_inputs(4);
                    spec.set_max_containers(1);
                  }).function;
  Submit(function, 6);
  worker_->WaitFor(From::kCall, 4);
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
  EXPECT_EQ(worker_->Count(From::kCall), 4u);
  worker_->SayDone(Dispatched()[2], pb::CALL_STATUS_SUCCESS);
  worker_->WaitFor(From::kCall, 5);
  worker_->Disconnect();
}

TEST_F(CallsAtOnce, ScalingAimsAtTargetInputs) {
  Begin();
  auto function = NewFunction([](auto& spec) {
                    spec.set_max_inputs(4);
                    spec.set_target_inputs(2);
                  }).function;
  Submit(function, 6);
  worker_->WaitFor(From::kCall, 6);
  EXPECT_EQ(worker_->Count(From::kStart), 3u);
}

TEST_F(CallsAtOnce, ACallThatRunsForLongKeepsNobodyFromItsContainer) {
  Begin();
  auto function = NewFunction([](auto& spec) { spec.set_max_inputs(2); }).function;
  Submit(function, 1);
  worker_->WaitFor(From::kCall, 1);
  std::this_thread::sleep_for(scheduler::kOverdueAfter);  // it counts as long from now on
  Submit(function, 1);
  worker_->WaitFor(From::kCall, 2);
  EXPECT_EQ(ContainersOfCalls().size(), 1u);
  EXPECT_EQ(worker_->Count(From::kCancel), 0u);
}

TEST_F(CallsAtOnce, TheNeighboursOfACallThatWouldNotEndRunAgain) {
  Begin();
  auto function = NewFunction([](auto& spec) {
                    spec.set_max_inputs(3);
                    spec.set_max_containers(1);
                  }).function;
  auto ids = Submit(function, 3);
  worker_->WaitFor(From::kCall, 3);
  lpb::FromWorker stopped;
  stopped.mutable_container()->set_container_id(*ContainersOfCalls().begin());
  stopped.mutable_container()->set_phase(lpb::CONTAINER_PHASE_STOPPED);
  stopped.mutable_container()->set_cause(lpb::STOP_CAUSE_CALL_TIMEOUT);
  stopped.mutable_container()->set_call_id(ids[1]);
  worker_->Say(stopped);
  EXPECT_EQ(WaitFor(ids[1]).status(), pb::CALL_STATUS_TIMEOUT);
  worker_->WaitFor(From::kCall, 5);
  for (const auto& call : Dispatched()) {
    if (call.attempt() == 2) worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "again");
  }
  for (int i : {0, 2}) EXPECT_EQ(WaitFor(ids[static_cast<size_t>(i)]).value().inline_(), "again");
}

TEST_F(CallsAtOnce, ACrashIsTheCallsOfAllThatRan) {
  Begin();
  auto function = NewFunction([](auto& spec) { spec.set_max_inputs(2); }).function;
  auto ids = Submit(function, 2);
  worker_->WaitFor(From::kCall, 2);
  worker_->SayStopped(*ContainersOfCalls().begin(), lpb::STOP_CAUSE_EXITED, 1);
  for (const auto& id : ids) EXPECT_EQ(WaitFor(id).status(), pb::CALL_STATUS_CRASHED);
}

TEST_F(CallsAtOnce, ABatchedFunctionsContainerTakesABatch) {
  Begin();
  auto function = NewFunction([](auto& spec) {
                    spec.set_max_batch_size(5);
                    spec.set_max_containers(1);
                  }).function;
  Submit(function, 8);
  worker_->WaitFor(From::kCall, 5);
  EXPECT_EQ(worker_->Count(From::kCall), 5u);
}

TEST_F(CallsAtOnce, ASingleUseContainerTakesOneCallAndStops) {
  Begin();
  auto function = NewFunction([](auto& spec) { spec.set_single_use_containers(true); }).function;
  auto ids = Submit(function, 2);
  worker_->WaitFor(From::kCall, 2);
  EXPECT_EQ(ContainersOfCalls().size(), 2u);
  for (const auto& call : Dispatched()) worker_->SayDone(call, pb::CALL_STATUS_SUCCESS);
  for (const auto& id : ids) EXPECT_EQ(WaitFor(id).status(), pb::CALL_STATUS_SUCCESS);
  worker_->WaitFor(From::kStop, 2);
  Submit(function, 1);
  worker_->WaitFor(From::kCall, 3);
  EXPECT_EQ(ContainersOfCalls().size(), 3u);
}

TEST_F(CallsAtOnce, BufferContainersAreThereWhileThereAreCalls) {
  Begin();
  auto function = NewFunction([](auto& spec) {
                    spec.set_buffer_containers(2);
                    spec.set_scaledown_window_ms(30);
                  }).function;
  auto ids = Submit(function, 1);
  worker_->WaitFor(From::kStart, 3);
  worker_->WaitFor(From::kCall);
  worker_->SayDone(Dispatched()[0], pb::CALL_STATUS_SUCCESS);
  WaitFor(ids[0]);
  worker_->WaitFor(From::kStop, 3);
}

TEST_F(CallsAtOnce, StartsTakeAsLongAsTheFunctionAllows) {
  timings.sweep = Millis(10);
  timings.start_deadline = Millis(20);
  StartControl();
  worker_ = NewWorker();
  worker_->on_start = [](const lpb::StartContainer&) {};
  worker_->Connect();
  auto patient = NewFunction([](auto& spec) { spec.set_startup_timeout_ms(1'000); }).function;
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(patient, "x", 0)));
  auto container = worker_->WaitFor(From::kStart).start().container_id();
  Invoke(NewFunction([](auto& spec) { spec.set_name("f"); }).function);  // given up after some tries
  worker_->SayReady(container);
  EXPECT_EQ(worker_->WaitFor(From::kCall).call().container_id(), container);
}

TEST(ContainerOptions, RefusesWhatCannotBe) {
  pb::FunctionSpec spec;
  spec.set_name("f");
  spec.set_module("m");
  spec.set_qualname("f");
  spec.mutable_resources()->set_cpu(2);
  spec.mutable_resources()->set_cpu_limit(1);
  EXPECT_FALSE(CheckFunction(spec));
  spec.mutable_resources()->set_cpu_limit(2);
  EXPECT_TRUE(CheckFunction(spec));
  spec.mutable_resources()->set_memory_mib(100);
  spec.mutable_resources()->set_memory_limit_mib(99);
  EXPECT_FALSE(CheckFunction(spec));
  spec.mutable_resources()->set_memory_limit_mib(0);
  spec.set_runtime("kata");
  auto refused = CheckFunction(spec);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("crun, runc or runsc"));
  spec.set_runtime("runc");
  EXPECT_TRUE(CheckFunction(spec));
}

}  // namespace
}  // namespace burrow::control
