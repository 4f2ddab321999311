// Queues are bounded, old results go, and a call that waits can be asked why.
#include "control/call_view_service.h"
#include "control/testing/control_fixture.h"
#include "control/testing/manual_clock.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using testing::ManualClock;
using From = lpb::FromControl;

class Queues : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
  }
  pb::CallView Show(const std::string& call) {
    pb::ShowCallRequest request;
    request.set_call_id(call);
    auto view = Ask<pb::CallView>("CallViews/Show", request);
    if (view) return *view;
    ADD_FAILURE() << view.error().message();
    return {};
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Queues, AFullOneRefusesCallsUntilThereIsRoom) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const auto function = NewFunction([](auto& spec) {
                          spec.set_max_containers(1);
                          spec.set_max_queued(2);
                        }).function;
  auto running = SubmitOf(function, {"running"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", running));
  const auto call = worker_->WaitFor(From::kCall).call();
  auto waiting = SubmitOf(function, {"a", "b"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", waiting));
  auto refused = Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(function, {"c"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("f() has 2 calls waiting, and at most 2 may wait"));
  EXPECT_EQ(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(function, "d", 0)).error().code(), Code::kResourceExhausted);
  // What was taken is known again, however full the queue is.
  EXPECT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", waiting)->accepted(), 0u);
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "done");
  worker_->WaitFor(From::kCall, 2);
  EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(function, {"c"})));
}

TEST_F(Queues, OneThatIsEmptyTakesABatchOfAnySize) {
  Begin();
  worker_->Connect();
  const auto function = NewFunction([](auto& spec) { spec.set_max_queued(2); }).function;
  const auto submit = SubmitOf(function, {"a", "b", "c", "d"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  for (const auto& input : submit.inputs()) EXPECT_EQ(WaitFor(input.call_id()).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(Queues, ResultsOfSpawnedCallsAreKeptForAWeek) {
  ManualClock manual(1'767'268'800'000);
  clock = &manual;
  Begin();
  worker_->Connect();
  const auto submit = SubmitOf(NewFunction().function, {"kept"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const std::string& id = submit.inputs(0).call_id();
  EXPECT_EQ(WaitFor(id).value().inline_(), "kept");
  for (const auto& [days, kept] : {std::pair(6, true), std::pair(2, false)}) {
    worker_->Disconnect();
    StopControl();
    manual.Advance(std::chrono::hours(24 * days));
    StartControl();
    worker_->set_port(port());
    pb::WaitRequest wait;
    wait.set_call_id(id);
    const auto result = Ask<pb::CallResult>("Calls/Wait", wait);
    EXPECT_EQ(result.has_value(), kept);
    if (!result) EXPECT_EQ(result.error().code(), Code::kNotFound);
  }
  KillControl();  // before the clock goes
}

TEST_F(Queues, ACallSaysWhyItWaitsAndWhatBecameOfIt) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const auto published = NewFunction([](auto& spec) { spec.set_max_containers(1); });
  const auto submit = SubmitOf(published.function, {"running", "first", "second"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto call = worker_->WaitFor(From::kCall).call();
  EXPECT_EQ(Show(call.call_id()).state(), pb::CALL_STATE_RUNNING);
  EXPECT_EQ(Show(call.call_id()).container_id(), call.container_id());
  const auto waiting = Show(submit.inputs(2).call_id());
  EXPECT_EQ(waiting.state(), pb::CALL_STATE_QUEUED);
  EXPECT_EQ(waiting.ahead(), 1u);
  EXPECT_EQ(waiting.function(), "f");
  EXPECT_EQ(waiting.why(), "all of its at most 1 containers are busy, and 1 calls are before it");
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "value");
  WaitFor(call.call_id());
  const auto done = Show(call.call_id());
  EXPECT_EQ(done.state(), pb::CALL_STATE_FINISHED);
  EXPECT_EQ(done.result().status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_FALSE(done.result().has_value());
  EXPECT_GT(done.result().phases_size(), 2);
}

TEST_F(Queues, ACallSaysThatNoWorkerIsThere) {
  timings.worker_grace = Millis(10);
  Begin();
  worker_->Connect();
  const auto function = NewFunction().function;
  worker_->Disconnect();
  const auto invoke = InvokeOf(function, "x", 0);
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", invoke));
  for (auto view = Show(invoke.input().call_id()); view.why() != "no worker is connected";
       view = Show(invoke.input().call_id())) {
    ASSERT_THAT(view.why(), HasSubstr("start")) << "before control noticed that the worker has gone";
  }
}

}  // namespace
}  // namespace burrow::control
