// How many containers there are, and what becomes of them with their worker.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using From = lpb::FromControl;

class Scaling : public ControlFixture {
 protected:
  void Begin(testing::FakeWorkerOptions options = {}) {
    StartControl();
    worker_ = NewWorker(std::move(options));
  }
  std::vector<pb::ContainerInfo> Containers() {
    auto response = Ask<pb::ListContainersResponse>("Containers/List", pb::ListContainersRequest());
    if (!response) return {};
    return {response->containers().begin(), response->containers().end()};
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Scaling, AnIdleContainerStopsAfterItsWindow) {
  Begin();
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_scaledown_window_ms(20); }).function;
  Invoke(function);
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().reason(), "idle");
  EXPECT_EQ(Invoke(function, "back").value().inline_(), "back");
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
}

TEST_F(Scaling, MinContainersAreKeptWithoutCalls) {
  Begin();
  worker_->Connect();
  NewFunction([](auto& spec) {
    spec.set_min_containers(2);
    spec.set_scaledown_window_ms(10);
  });
  worker_->WaitFor(From::kStart, 2);
  auto other = NewFunction([](auto& spec) { spec.set_scaledown_window_ms(10); }).function;
  Invoke(other);
  worker_->WaitFor(From::kStop);  // the other one's; the window of the first two has passed by then
  EXPECT_EQ(worker_->Count(From::kStop), 1u);
}

TEST_F(Scaling, StartsAContainerForEachWaitingCallUpToMaxContainers) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_max_containers(3); }).function;
  auto submit = SubmitOf(function, std::vector<std::string>(10, "x"));
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall, 3);
  EXPECT_EQ(worker_->Count(From::kStart), 3u);
  EXPECT_EQ(worker_->Count(From::kCall), 3u);
  auto containers = Containers();
  ASSERT_EQ(containers.size(), 3u);
  EXPECT_EQ(containers[0].function(), "f");
  EXPECT_EQ(containers[0].state(), pb::CONTAINER_STATE_READY);
  EXPECT_EQ(containers[0].running(), 1u);
}

TEST_F(Scaling, IdleContainersOfOthersMakeRoom) {
  Begin({.memory = 1ull << 30});
  worker_->Connect();
  auto large = [](auto& spec) { spec.mutable_resources()->set_memory_mib(800); };
  auto first = NewFunction(large).function;
  auto second = NewFunction(large).function;
  Invoke(first);
  EXPECT_EQ(Invoke(second, "fits").value().inline_(), "fits");
  EXPECT_EQ(worker_->Count(From::kStop), 1u);
}

TEST_F(Scaling, PublishingAFunctionAnewReplacesItsContainers) {
  Begin();
  worker_->Connect();
  auto [app, function] = NewFunction();
  Invoke(function);
  pb::PublishRequest request;
  request.set_app_id(app);
  *request.add_functions() = Spec();
  request.mutable_functions(0)->set_module("changed");
  auto response = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->function_ids().at("f"), function);
  worker_->WaitFor(From::kStop);
  Invoke(function);
  EXPECT_EQ(worker_->WaitFor(From::kStart, 2).start().spec().function().module(), "changed");
}

TEST_F(Scaling, AWorkerThatComesBackKeepsItsContainersAndTheirCalls) {
  timings.reconcile = Millis(20);
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto request = InvokeOf(NewFunction().function, "x", 0);
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", request));
  auto call = worker_->WaitFor(From::kCall).call();
  worker_->Disconnect();
  worker_->Connect();
  // What may have been lost on the way is said again.
  auto again = worker_->WaitFor(From::kCall, 2).call();
  EXPECT_EQ(again.call_id(), call.call_id());
  EXPECT_EQ(again.attempt(), call.attempt());
  worker_->SayDone(again, pb::CALL_STATUS_SUCCESS, "kept");
  EXPECT_EQ(WaitFor(request.input().call_id()).value().inline_(), "kept");
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
}

TEST_F(Scaling, AContainerThatIsMissingAfterAReconnectIsReplaced) {
  timings.reconcile = Millis(20);
  Begin();
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    if (call.attempt() == 2) worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "second");
  };
  worker_->Connect();
  auto request = InvokeOf(NewFunction().function, "x", 0);
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", request));
  worker_->WaitFor(From::kCall);
  worker_->Disconnect();
  worker_->LoseContainers();
  worker_->Connect();
  auto result = WaitFor(request.input().call_id());
  EXPECT_EQ(result.value().inline_(), "second");
  EXPECT_EQ(result.attempt(), 2u);
}

TEST_F(Scaling, CallsOfALostWorkerGoToAnother) {
  timings.worker_grace = Millis(20);
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto request = InvokeOf(NewFunction().function, "moved", 0);
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", request));
  worker_->WaitFor(From::kCall);
  auto other = NewWorker();
  other->Connect();
  worker_->Disconnect();
  EXPECT_EQ(WaitFor(request.input().call_id()).value().inline_(), "moved");
  EXPECT_EQ(other->Count(From::kCall), 1u);
}

TEST_F(Scaling, UnknownContainersAreToldToStop) {
  Begin();
  worker_->SayReady("ct-of-another-life");
  worker_->Connect();
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().container_id(), "ct-of-another-life");
}

TEST_F(Scaling, AnOverdueCallEndsWithItsContainer) {
  timings.sweep = Millis(10);
  timings.overdue_call = Millis(10);
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->on_stop = [](const lpb::StopContainer&) {};
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_timeout_ms(20); }).function;
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_TIMEOUT);
  worker_->WaitFor(From::kStop);
}

// Calls are short, until one runs for as long as the test likes. `run_ms` is what each of the others reports.
class ALongCallAmongShortOnes : public Scaling {
 protected:
  void Begin(double run_ms, const std::function<void(pb::FunctionSpec&)>& change = {}) {
    Scaling::Begin();
    worker_->on_call = [this, run_ms](const lpb::CallDispatch& call) {
      bool long_one = call.arguments().inline_() == "long";
      if (long_one) occupied_ = call.container_id();
      if (long_one || call.container_id() == occupied_) return held_.push_back(call);
      lpb::FromWorker message;
      *message.mutable_done() = DoneOf(call, pb::CALL_STATUS_SUCCESS);
      message.mutable_done()->set_run_ms(run_ms);
      worker_->Say(message);
    };
    worker_->on_cancel = [this](const lpb::CancelCall& cancel) {
      for (const auto& call : held_) {
        bool begun = call.arguments().inline_() == "long";
        if (call.call_id() != cancel.call_id() || (begun && cancel.unless_begun())) continue;
        worker_->SayDone(call, pb::CALL_STATUS_CANCELLED);
      }
    };
    worker_->Connect();
    function_ = NewFunction(change).function;
    Invoke(function_);
    auto request = InvokeOf(function_, "long", 0);
    ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", request));
    worker_->WaitFor(From::kCall, 2);
  }
  static lpb::CallDone DoneOf(const lpb::CallDispatch& call, pb::CallStatus status) {
    lpb::CallDone done;
    done.set_container_id(call.container_id());
    done.set_call_id(call.call_id());
    done.set_attempt(call.attempt());
    done.set_status(status);
    *done.mutable_value() = call.arguments();
    return done;
  }
  std::string function_;

 private:
  std::string occupied_;                 // the hooks' thread only
  std::vector<lpb::CallDispatch> held_;  // the hooks' thread only
};

TEST_F(ALongCallAmongShortOnes, DoesNotKeepAWaitingCallFromAContainerOfItsOwn) {
  Begin(20);  // too long to be sent ahead
  EXPECT_EQ(Invoke(function_, "short").value().inline_(), "short");
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
}

TEST_F(ALongCallAmongShortOnes, GivesBackACallThatWasSentAheadToItsContainer) {
  Begin(0.01);
  auto result = Invoke(function_, "short");
  EXPECT_EQ(result.value().inline_(), "short");
  EXPECT_EQ(result.attempt(), 1u) << "it had not begun";
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
}

}  // namespace
}  // namespace burrow::control
