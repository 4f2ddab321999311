// What becomes of calls whose attempts do not succeed.
#include <atomic>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class Failures : public ControlFixture {
 protected:
  Failures() {
    timings.start_backoff = Millis(5);
    StartControl();
    worker_ = NewWorker();
  }
  // Each dispatched call ends its container like this.
  void EveryCallStopsWith(lpb::StopCause cause, int exit_code = 0) {
    worker_->on_call = [this, cause, exit_code](const lpb::CallDispatch& call) {
      worker_->SayStopped(call.container_id(), cause, exit_code);
    };
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Failures, AnExceptionIsHandedOnAsTheFunctionRaisedIt) {
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    worker_->SayDone(call, pb::CALL_STATUS_USER_ERROR, "", "no such value");
  };
  worker_->Connect();
  auto result = Invoke(NewFunction().function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_USER_ERROR);
  EXPECT_EQ(result.error().type(), "ValueError");
  EXPECT_EQ(result.error().message(), "no such value");
  EXPECT_EQ(result.attempt(), 1u);
}

TEST_F(Failures, RetriesAsOftenAsTheFunctionAsks) {
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    if (call.attempt() < 3) return worker_->SayDone(call, pb::CALL_STATUS_USER_ERROR, "", "not yet");
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "at last");
  };
  worker_->Connect();
  auto enough = NewFunction([](auto& spec) {
    spec.mutable_retries()->set_max_retries(2);
    spec.mutable_retries()->set_initial_delay_ms(5);
  });
  auto result = Invoke(enough.function);
  EXPECT_EQ(result.value().inline_(), "at last");
  EXPECT_EQ(result.attempt(), 3u);
  auto too_few = NewFunction([](auto& spec) { spec.mutable_retries()->set_max_retries(1); });
  EXPECT_EQ(Invoke(too_few.function).status(), pb::CALL_STATUS_USER_ERROR);
}

TEST_F(Failures, OutOfMemorySaysHowToRaiseIt) {
  EveryCallStopsWith(lpb::STOP_CAUSE_OUT_OF_MEMORY);
  worker_->Connect();
  auto result = Invoke(NewFunction().function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(result.error().type(), "OutOfMemoryError");
  EXPECT_THAT(result.error().message(), HasSubstr("512 MiB"));
  EXPECT_THAT(result.error().message(), HasSubstr("@app.function(memory=...)"));
}

TEST_F(Failures, OutOfDiskSaysHowToRaiseIt) {
  EveryCallStopsWith(lpb::STOP_CAUSE_OUT_OF_DISK);
  worker_->Connect();
  auto result = Invoke(NewFunction([](auto& spec) { spec.mutable_resources()->set_ephemeral_disk_mib(77); }).function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_OUT_OF_DISK);
  EXPECT_EQ(result.error().type(), "OutOfDiskError");
  EXPECT_THAT(result.error().message(), HasSubstr("77 MiB"));
  EXPECT_THAT(result.error().message(), HasSubstr("@app.function(ephemeral_disk=...)"));
}

TEST_F(Failures, ATimeoutSaysHowToRaiseIt) {
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    EXPECT_EQ(call.timeout_ms(), 5'000u);
    worker_->SayDone(call, pb::CALL_STATUS_TIMEOUT);
  };
  worker_->Connect();
  auto result = Invoke(NewFunction([](auto& spec) { spec.set_timeout_ms(5'000); }).function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_TIMEOUT);
  EXPECT_EQ(result.error().message(),
            "f() ran longer than its timeout of 5 s: raise it with @app.function(timeout=...)");
}

TEST_F(Failures, ACallThatWouldNotEndTimesOutWithItsContainer) {
  EveryCallStopsWith(lpb::STOP_CAUSE_CALL_TIMEOUT);
  worker_->Connect();
  auto function = NewFunction().function;
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_TIMEOUT);
}

TEST_F(Failures, OnlyTheCallThatRanIsBlamedForACrash) {
  std::atomic<bool> crash = false;
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    if (crash && call.arguments().inline_() == "bomb") return;  // the others queue up behind it
    if (crash && call.arguments().inline_() == "last") {
      crash = false;
      return worker_->SayStopped(call.container_id(), lpb::STOP_CAUSE_EXITED, 7);
    }
    if (!crash) worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, call.arguments().inline_());
  };
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_max_containers(1); }).function;
  for (int i = 0; i < 5; ++i) Invoke(function);
  crash = true;
  auto submit = SubmitOf(function, {"bomb", "behind", "last"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  auto bomb = WaitFor(submit.inputs(0).call_id());
  EXPECT_EQ(bomb.status(), pb::CALL_STATUS_CRASHED);
  EXPECT_THAT(bomb.error().message(), HasSubstr("exited with code 7"));
  EXPECT_EQ(WaitFor(submit.inputs(1).call_id()).value().inline_(), "behind");
  EXPECT_EQ(WaitFor(submit.inputs(2).call_id()).value().inline_(), "last");
  worker_->Disconnect();  // its hooks refer to what ends here
}

TEST_F(Failures, AnImportFailureEndsTheCallsThatWaitAndLaterOnesTryAgain) {
  std::atomic<bool> broken = true;
  worker_->on_start = [&](const lpb::StartContainer& start) {
    if (!broken) return worker_->SayReady(start.container_id());
    worker_->SayStopped(start.container_id(), lpb::STOP_CAUSE_IMPORT_FAILED, 1, "No module named 'nothing'");
  };
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_max_containers(1); }).function;
  auto submit = SubmitOf(function, {"a", "b", "c"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  for (const auto& input : submit.inputs()) {
    auto result = WaitFor(input.call_id());
    EXPECT_EQ(result.status(), pb::CALL_STATUS_IMPORT_FAILED);
    EXPECT_THAT(result.error().message(), HasSubstr("No module named 'nothing'"));
  }
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
  broken = false;
  EXPECT_EQ(Invoke(function, "fine").value().inline_(), "fine");
  worker_->Disconnect();  // its hooks refer to what ends here
}

TEST_F(Failures, AStartThatFailsIsTriedAgainAndAfterThreeTheCallsFail) {
  worker_->on_start = [&](const lpb::StartContainer& start) {
    worker_->SayStopped(start.container_id(), lpb::STOP_CAUSE_START_FAILED, 0, "the disk is full: free some space");
  };
  worker_->Connect();
  auto result = Invoke(NewFunction().function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_INFRASTRUCTURE);
  EXPECT_THAT(result.error().message(), HasSubstr("the disk is full"));
  EXPECT_GE(worker_->Count(From::kStart), 3u);
}

TEST_F(Failures, WithoutAWorkerACallFailsAfterAWhileAndSaysWhatToDo) {
  worker_->Connect();
  auto function = NewFunction().function;
  worker_->Disconnect();
  StopControl();
  timings.no_worker = Millis(50);
  StartControl();
  auto submit = SubmitOf(function, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  auto result = WaitFor(submit.inputs(0).call_id());
  EXPECT_EQ(result.status(), pb::CALL_STATUS_INFRASTRUCTURE);
  EXPECT_THAT(result.error().message(), HasSubstr("burrowd worker"));
}

TEST_F(Failures, ADemandAboveEveryWorkerFailsAtOnceAndNamesBoth) {
  worker_->Connect();
  auto result = Invoke(NewFunction([](auto& spec) { spec.mutable_resources()->set_memory_mib(64 << 10); }).function);
  EXPECT_EQ(result.status(), pb::CALL_STATUS_INFRASTRUCTURE);
  EXPECT_THAT(result.error().message(), HasSubstr("65536 MiB"));
  EXPECT_THAT(result.error().message(), HasSubstr("8192 MiB"));
}

TEST_F(Failures, ALateAnswerOfALostAttemptIsIgnored) {
  lpb::CallDispatch first;
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    if (call.attempt() == 1) {
      first = call;
      return worker_->SayStopped(call.container_id(), lpb::STOP_CAUSE_REQUESTED);
    }
    worker_->SayDone(first, pb::CALL_STATUS_SUCCESS, "stale");
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "fresh");
  };
  worker_->Connect();
  EXPECT_EQ(Invoke(NewFunction().function).value().inline_(), "fresh");
  worker_->Disconnect();  // its hooks refer to what ends here
}

}  // namespace
}  // namespace burrow::control
