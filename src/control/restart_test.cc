// What a control that was killed, or stopped, finds again on the same directory.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using From = lpb::FromControl;

class Restart : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
  }
  void KillAndStart() {
    worker_->Disconnect();
    KillControl();
    StartControl();
    worker_->set_port(port());
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Restart, UnfinishedSpawnedCallsGoOn) {
  Begin();
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    if (call.arguments().inline_() == "before") worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "before");
  };
  worker_->Connect();
  auto published = NewFunction([](auto& spec) { spec.set_max_containers(1); });
  auto group = NewIdText("fg");
  auto submit = SubmitOf(published.function, {"before", "after"}, group);
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).value().inline_(), "before");
  worker_->WaitFor(From::kCall, 2);
  pb::OutputsRequest outputs;
  outputs.set_group_id(group);
  uint64_t cursor = 0;
  ASSERT_TRUE(Stream<pb::OutputsResponse>("Calls/Outputs", outputs, [&](const auto& response) {
    cursor = response.cursor();
    return false;
  }));
  KillAndStart();
  worker_->on_call = nullptr;
  worker_->Connect();
  EXPECT_EQ(WaitFor(submit.inputs(1).call_id()).value().inline_(), "after");
  // A cursor of the earlier life begins anew: both outcomes come, the finished one from the store.
  outputs.set_cursor(cursor);
  auto all = Outputs(outputs);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].result().value().inline_(), "before");
  EXPECT_EQ(all[1].result().value().inline_(), "after");
  // The function is still there.
  EXPECT_EQ(Invoke(published.function, "new").value().inline_(), "new");
}

TEST_F(Restart, ResultsOfStoredCallsAndImagesSurvive) {
  Begin();
  worker_->Connect();
  auto submit = SubmitOf(NewFunction().function, {"kept"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  WaitFor(submit.inputs(0).call_id());
  worker_->Disconnect();
  StopControl();
  StartControl();
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).value().inline_(), "kept");
  pb::OutputsRequest outputs;
  outputs.set_call_id(submit.inputs(0).call_id());
  EXPECT_EQ(Outputs(outputs).size(), 1u);
  EXPECT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", submit)->accepted(), 0u);
  EXPECT_EQ(Ask<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest())->images_size(), 1);
}

TEST_F(Restart, AnInvokedCallIsForgotten) {
  Begin();
  worker_->Connect();
  auto request = InvokeOf(NewFunction().function, "x");
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", request));
  KillAndStart();
  pb::WaitRequest wait;
  wait.set_call_id(request.input().call_id());
  auto result = Ask<pb::CallResult>("Calls/Wait", wait);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kNotFound);
}

TEST_F(Restart, ContainersOfTheEarlierLifeAreStopped) {
  Begin();
  worker_->Connect();
  Invoke(NewFunction().function);
  KillAndStart();
  worker_->Connect();
  auto start = worker_->WaitFor(From::kStart).start();
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().container_id(), start.container_id());
}

TEST_F(Restart, AGracefulStopEndsContainersAndKeepsWhatIsQueued) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto submit = SubmitOf(NewFunction().function, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  StopControl();
  EXPECT_EQ(worker_->containers(), 0u);
  worker_->Disconnect();
  StartControl();
  worker_->set_port(port());
  worker_->on_call = nullptr;
  worker_->Connect();
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(Restart, ADrainEndsWithTheCallsThatRunAndTakesNoneOfClients) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const auto function = NewFunction().function;
  auto submit = SubmitOf(function, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto running = worker_->WaitFor(From::kCall).call();
  auto drained = Drain(Millis(60'000));
  auto refused = Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(function, {"y"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_EQ(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(function, "z")).error().code(), Code::kUnavailable);
  worker_->SayDone(running, pb::CALL_STATUS_SUCCESS, "x");
  drained.get();
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).value().inline_(), "x");
}

TEST_F(Restart, ADrainEndsByItsDeadline) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(NewFunction().function, {"x"})));
  worker_->WaitFor(From::kCall);
  Drain(Millis(30)).get();
}

TEST_F(Restart, SpawnedCallsOfAnEphemeralAppGoOnAndThenItEnds) {
  timings.last_watch = Millis(20);
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  pb::PublishRequest publish;
  *publish.add_functions() = Spec();
  publish.set_app_id(NewApp("brief", true));
  auto functions = Ask<pb::PublishResponse>("Apps/Publish", publish);
  ASSERT_TRUE(functions) << functions.error().message();
  auto idle = NewApp("idle", true);
  auto submit = SubmitOf(functions->function_ids().at("f"), {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  KillAndStart();
  auto follow_to_the_end = [&](const std::string& app) {
    pb::LogsRequest logs;
    logs.set_app(app);
    logs.set_follow(true);
    EXPECT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", logs, [](const pb::LogsResponse&) { return true; }));
  };
  follow_to_the_end(idle);  // the app without calls ends by the same rule meanwhile
  worker_->on_call = nullptr;
  worker_->Connect();
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).value().inline_(), "x");
  follow_to_the_end(publish.app_id());
}

TEST_F(Restart, FunctionsThatWereRemovedStayAway) {
  Begin();
  worker_->Connect();
  pb::PublishRequest request;
  request.set_app_id(NewApp("served", true));
  for (const char* name : {"kept", "gone"}) *request.add_functions() = Spec(name);
  const auto ids = Ask<pb::PublishResponse>("Apps/Publish", request)->function_ids();
  pb::BindRequest bind;
  bind.set_function_id(ids.at("gone"));
  bind.mutable_overrides()->set_timeout_ms(5'000);
  const auto variant = Ask<pb::BindResponse>("Apps/Bind", bind)->function_id();
  request.clear_functions();
  request.add_removed("gone");
  ASSERT_TRUE(Ask<pb::PublishResponse>("Apps/Publish", request));
  KillAndStart();
  worker_->Connect();
  EXPECT_TRUE(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(ids.at("kept"), "x")));
  for (const std::string& id : {ids.at("gone"), variant})
    EXPECT_EQ(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(id, "x")).error().code(), Code::kNotFound);
}

TEST_F(Restart, TheSameTokensAreValid) {
  Begin();
  auto before = token;
  KillAndStart();
  EXPECT_EQ(token, before);
}

TEST_F(Restart, TwoControlsDoNotShareADirectory) {
  Begin();
  net::IoContext io;
  auto second = Control::Start(io, {.state_directory = directory()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(second.error().message(), ::testing::HasSubstr("another burrowd"));
}

}  // namespace
}  // namespace burrow::control
