#include <mutex>
#include <set>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using From = lpb::FromControl;

class Calls : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

std::vector<std::string> PhaseNames(const pb::CallResult& result) {
  std::vector<std::string> names;
  for (const auto& phase : result.phases()) names.push_back(phase.name());
  return names;
}

TEST_F(Calls, AnInvokedCallStartsAContainerAndReturnsItsValue) {
  Begin();
  worker_->Connect();
  auto [app, function] = NewFunction();
  auto cold = Invoke(function, "hello");
  EXPECT_EQ(cold.status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(cold.value().inline_(), "hello");
  EXPECT_TRUE(cold.cold());
  EXPECT_EQ(PhaseNames(cold),
            (std::vector<std::string>{"queue", "place", "mount", "launch", "interpreter", "import", "run"}));
  auto warm = Invoke(function, "again");
  EXPECT_EQ(warm.value().inline_(), "again");
  EXPECT_FALSE(warm.cold());
  EXPECT_EQ(PhaseNames(warm), (std::vector<std::string>{"queue", "run"}));
  EXPECT_EQ(warm.container_id(), cold.container_id());
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
}

TEST_F(Calls, ARepeatedIdIsNotRunTwice) {
  Begin();
  worker_->Connect();
  auto function = NewFunction().function;
  auto request = InvokeOf(function, "once");
  auto first = Ask<pb::CallResult>("Calls/Invoke", request);
  auto second = Ask<pb::CallResult>("Calls/Invoke", request);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->value().inline_(), "once");
  EXPECT_EQ(worker_->Count(From::kCall), 1u);
  auto submit = SubmitOf(function, {"a", "b"});
  EXPECT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", submit)->accepted(), 2u);
  EXPECT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", submit)->accepted(), 0u);
  EXPECT_EQ(WaitFor(submit.inputs(1).call_id()).value().inline_(), "b");
}

TEST_F(Calls, AnswersPendingWhenTheWaitIsOverAndTheOutcomeToALaterWait) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto request = InvokeOf(NewFunction().function, "x", 0);
  auto pending = Ask<pb::CallResult>("Calls/Invoke", request);
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->status(), pb::CALL_STATUS_PENDING);
  worker_->SayDone(worker_->WaitFor(From::kCall).call(), pb::CALL_STATUS_SUCCESS, "late");
  EXPECT_EQ(WaitFor(request.input().call_id()).value().inline_(), "late");
}

TEST_F(Calls, OutputsOfAGroupComeAsCallsEndAndResumeByCursor) {
  Begin();
  worker_->Connect();
  auto group = NewIdText("fg");
  std::vector<std::string> arguments;
  for (int i = 0; i < 300; ++i) arguments.push_back(std::to_string(i));
  auto submit = SubmitOf(NewFunction().function, arguments, group);
  ASSERT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", submit)->accepted(), 300u);
  pb::OutputsRequest request;
  request.set_group_id(group);
  std::set<uint32_t> seen;
  uint64_t cursor = 0;
  auto status = Stream<pb::OutputsResponse>("Calls/Outputs", request, [&](const pb::OutputsResponse& response) {
    for (const auto& output : response.outputs()) seen.insert(output.index());
    cursor = response.cursor();
    return false;
  });
  ASSERT_TRUE(status) << status.error().message();
  request.set_cursor(cursor);
  for (const auto& output : Outputs(request)) {
    EXPECT_TRUE(seen.insert(output.index()).second) << output.index();
    EXPECT_EQ(output.result().value().inline_(), std::to_string(output.index()));
  }
  EXPECT_EQ(seen.size(), 300u);
}

TEST_F(Calls, ItemsOfAGeneratorComeInOrderAndOnceAcrossALostAttempt) {
  Begin();
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    worker_->SayItem(call, 0, "zero");
    worker_->SayItem(call, 1, "one");
    if (call.attempt() == 1) return worker_->SayStopped(call.container_id(), lpb::STOP_CAUSE_REQUESTED);
    worker_->SayItem(call, 2, "two");
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS);
  };
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_is_generator(true); }).function;
  auto submit = SubmitOf(function, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  pb::OutputsRequest request;
  request.set_call_id(submit.inputs(0).call_id());
  std::vector<std::string> items;
  auto outputs = Outputs(request);
  for (const auto& output : outputs) {
    if (output.has_item()) items.push_back(output.item().inline_());
  }
  EXPECT_EQ(items, (std::vector<std::string>{"zero", "one", "two"}));
  ASSERT_FALSE(outputs.empty());
  EXPECT_EQ(outputs.back().result().status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(Calls, CancelEndsAQueuedCallAtOnceAndARunningOneWhenItsWorkerSaysSo) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_max_containers(1); }).function;
  auto submit = SubmitOf(function, {"running", "queued"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  for (int i : {1, 0}) {
    pb::CancelRequest cancel;
    cancel.set_call_id(submit.inputs(i).call_id());
    EXPECT_EQ(Ask<pb::CancelResponse>("Calls/Cancel", cancel)->cancelled(), 1u);
    EXPECT_EQ(WaitFor(submit.inputs(i).call_id()).status(), pb::CALL_STATUS_CANCELLED);
    EXPECT_EQ(Ask<pb::CancelResponse>("Calls/Cancel", cancel)->cancelled(), 0u);
  }
  EXPECT_EQ(worker_->Count(From::kCancel), 1u);
}

TEST_F(Calls, CancellingAGroupEndsEachOfItsCalls) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto group = NewIdText("fg");
  auto submit = SubmitOf(NewFunction().function, std::vector<std::string>(20, "x"), group);
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  pb::CancelRequest cancel;
  cancel.set_group_id(group);
  EXPECT_EQ(Ask<pb::CancelResponse>("Calls/Cancel", cancel)->cancelled(), 20u);
  pb::OutputsRequest request;
  request.set_group_id(group);
  auto outputs = Outputs(request);
  EXPECT_EQ(outputs.size(), 20u);
  for (const auto& output : outputs) EXPECT_EQ(output.result().status(), pb::CALL_STATUS_CANCELLED);
}

TEST_F(Calls, AnEmptyClosedGroupEndsAtOnce) {
  Begin();
  auto group = NewIdText("fg");
  worker_->Connect();
  auto function = NewFunction().function;
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(function, {}, group)));
  pb::OutputsRequest request;
  request.set_group_id(group);
  EXPECT_TRUE(Outputs(request).empty());
}

TEST_F(Calls, ShortCallsAreSentAheadOfThoseThatRun) {
  Begin();
  std::vector<lpb::CallDispatch> held;
  std::mutex mutex;
  bool hold = false;
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    std::lock_guard lock(mutex);
    if (hold) return held.push_back(call);
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS);
  };
  worker_->Connect();
  auto function = NewFunction([](auto& spec) { spec.set_max_containers(1); }).function;
  for (int i = 0; i < 5; ++i) Invoke(function);
  {
    std::lock_guard lock(mutex);
    hold = true;
  }
  auto submit = SubmitOf(function, std::vector<std::string>(10, "x"));
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall, 5 + 2);
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
  worker_->Disconnect();  // its hooks refer to what ends here
}

}  // namespace
}  // namespace burrow::control
