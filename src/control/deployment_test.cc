// Deployed apps: replaced as a whole, found by name, and still there after a crash.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class Deployments : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
  }
  pb::FunctionSpec Version(const std::string& name, const std::string& version) {
    auto spec = Spec(name);
    (*spec.mutable_env())["VERSION"] = version;
    return spec;
  }
  pb::DeployResponse Deploy(const std::vector<pb::FunctionSpec>& functions) {
    pb::DeployRequest request;
    request.set_name("shop");
    for (const auto& spec : functions) *request.add_functions() = spec;
    auto response = Ask<pb::DeployResponse>("Deployments/Deploy", request);
    if (response) return *response;
    ADD_FAILURE() << response.error().message();
    return {};
  }
  Result<pb::FindFunctionResponse> Find(const std::string& function, const std::string& app = "shop") {
    pb::FindFunctionRequest request;
    request.set_app(app);
    request.set_function(function);
    return Ask<pb::FindFunctionResponse>("Deployments/FindFunction", request);
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Deployments, ADeployReplacesTheFunctionsOfItsName) {
  Begin();
  worker_->Connect();
  const auto first = Deploy({Version("square", "1"), Version("cube", "1")});
  EXPECT_EQ(first.version(), 1u);
  EXPECT_EQ(Invoke(first.function_ids().at("square"), "x").value().inline_(), "x");
  const auto second = Deploy({Version("square", "2"), Version("root", "2")});
  EXPECT_EQ(second.version(), 2u);
  EXPECT_EQ(second.app_id(), first.app_id());
  EXPECT_EQ(second.function_ids().at("square"), first.function_ids().at("square"));
  EXPECT_EQ(Find("square")->function_id(), first.function_ids().at("square"));
  EXPECT_FALSE(Find("cube"));
  auto gone = Ask<pb::CallResult>("Calls/Invoke", InvokeOf(first.function_ids().at("cube"), "x"));
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message(), HasSubstr("has no cube()"));
  // It comes back with its id.
  const auto third = Deploy({Version("square", "2"), Version("cube", "3")});
  EXPECT_EQ(third.function_ids().at("cube"), first.function_ids().at("cube"));
  EXPECT_EQ(Invoke(third.function_ids().at("cube"), "y").value().inline_(), "y");
}

TEST_F(Deployments, RunningCallsEndWhereTheyAreAndQueuedOnesGetTheNewVersion) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const auto limited = [this](const std::string& version) {
    auto spec = Version("f", version);
    spec.set_max_containers(1);
    return spec;
  };
  const auto function = Deploy({limited("1")}).function_ids().at("f");
  auto submit = SubmitOf(function, {"running", "queued"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto running = worker_->WaitFor(From::kCall).call();
  EXPECT_EQ(running.arguments().inline_(), "running");
  Deploy({limited("2")});
  const auto queued = worker_->WaitFor(From::kCall, 2).call();
  EXPECT_EQ(queued.arguments().inline_(), "queued");
  EXPECT_NE(queued.container_id(), running.container_id());
  const auto start = worker_->WaitFor(From::kStart, 2).start();
  EXPECT_EQ(start.container_id(), queued.container_id());
  EXPECT_EQ(start.spec().function().env().at("VERSION"), "2");
  EXPECT_EQ(worker_->Count(From::kStop), 0u);
  worker_->SayDone(running, pb::CALL_STATUS_SUCCESS, "by the old one");
  EXPECT_EQ(WaitFor(running.call_id()).value().inline_(), "by the old one");
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().container_id(), running.container_id());
  worker_->SayDone(queued, pb::CALL_STATUS_SUCCESS, "by the new one");
  EXPECT_EQ(WaitFor(queued.call_id()).value().inline_(), "by the new one");
}

TEST_F(Deployments, IdleContainersOfTheOldVersionStopAndThoseOfAnUnchangedFunctionStay) {
  Begin();
  worker_->Connect();
  const auto ids = Deploy({Version("changed", "1"), Version("kept", "1")}).function_ids();
  const auto old = Invoke(ids.at("changed")).container_id(), warm = Invoke(ids.at("kept")).container_id();
  auto kept = Version("kept", "1");
  kept.set_scaledown_window_ms(50'000);  // no container is another one for that
  Deploy({Version("changed", "2"), kept});
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().container_id(), old);
  EXPECT_EQ(Invoke(ids.at("kept")).container_id(), warm);
  EXPECT_EQ(worker_->Count(From::kStop), 1u);
}

TEST_F(Deployments, AFunctionThatIsDroppedEndsItsRunningCallsAndCancelsTheOthers) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto dropped = Version("dropped", "1");
  dropped.set_max_containers(1);
  const auto function = Deploy({dropped}).function_ids().at("dropped");
  auto submit = SubmitOf(function, {"running", "queued"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto running = worker_->WaitFor(From::kCall).call();
  Deploy({Version("other", "1")});
  const auto cancelled = WaitFor(submit.inputs(1).call_id());
  EXPECT_EQ(cancelled.status(), pb::CALL_STATUS_CANCELLED);
  EXPECT_THAT(cancelled.error().message(), HasSubstr("not part of the version"));
  worker_->SayDone(running, pb::CALL_STATUS_SUCCESS, "done");
  EXPECT_EQ(WaitFor(running.call_id()).value().inline_(), "done");
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().container_id(), running.container_id());
}

TEST_F(Deployments, DeployedAppsSurviveACrash) {
  Begin();
  worker_->Connect();
  const auto deployed = Deploy({Version("f", "1"), Version("g", "1")});
  Deploy({Version("f", "2")});
  worker_->Disconnect();
  KillControl();
  StartControl();
  worker_->set_port(port());
  worker_->Connect();
  EXPECT_EQ(Find("f")->function_id(), deployed.function_ids().at("f"));
  EXPECT_FALSE(Find("g"));
  EXPECT_EQ(Invoke(Find("f")->function_id(), "still here").value().inline_(), "still here");
  EXPECT_EQ(Deploy({Version("f", "3")}).version(), 3u);
  pb::DeploymentHistoryRequest request;
  request.set_app("shop");
  const auto history = Ask<pb::DeploymentHistoryResponse>("Deployments/History", request);
  ASSERT_TRUE(history) << history.error().message();
  ASSERT_EQ(history->versions_size(), 3);
  EXPECT_EQ(history->versions(2).functions_size(), 2);
}

TEST_F(Deployments, WhatIsNotThereIsSaidWithNamesThatAreNear) {
  Begin();
  worker_->Connect();
  Deploy({Version("square", "1")});
  EXPECT_THAT(Find("squaer").error().message(), HasSubstr("the app 'shop' has no function 'squaer'"));
  EXPECT_THAT(Find("squaer").error().message(), HasSubstr("did you mean 'square'?"));
  EXPECT_THAT(Find("zzz").error().message(), HasSubstr("it has square"));
  EXPECT_THAT(Find("square", "shp").error().message(), HasSubstr("did you mean 'shop'?"));
}

TEST_F(Deployments, AFunctionOfAnEphemeralAppIsFoundWhileThatRunsButTheDeployedOneOfTheNameFirst) {
  Begin();
  worker_->Connect();
  pb::PublishRequest request;
  request.set_app_id(NewApp("shop", true));
  *request.add_functions() = Spec("square");
  const auto brief = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(brief) << brief.error().message();
  EXPECT_EQ(Find("square")->function_id(), brief->function_ids().at("square"));
  pb::FindAppRequest app;
  app.set_name("shop");
  EXPECT_FALSE(Ask<pb::FindAppResponse>("Deployments/FindApp", app));
  const auto deployed = Deploy({Version("square", "1")});
  EXPECT_EQ(Find("square")->function_id(), deployed.function_ids().at("square"));
  EXPECT_EQ(Find("square", request.app_id())->function_id(), brief->function_ids().at("square"));
  pb::StopAppRequest stop;
  stop.set_app(request.app_id());
  ASSERT_TRUE(Ask<pb::StopAppResponse>("Apps/Stop", stop));
  EXPECT_FALSE(Find("square", request.app_id()));
}

TEST_F(Deployments, AnAppIsMadeWhereItIsMissing) {
  Begin();
  pb::FindAppRequest request;
  request.set_name("new");
  EXPECT_EQ(Ask<pb::FindAppResponse>("Deployments/FindApp", request).error().code(), Code::kNotFound);
  request.set_create_if_missing(true);
  const auto made = Ask<pb::FindAppResponse>("Deployments/FindApp", request);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(made->created());
  const auto found = Ask<pb::FindAppResponse>("Deployments/FindApp", request);
  EXPECT_EQ(found->app_id(), made->app_id());
  EXPECT_FALSE(found->created());
}

TEST_F(Deployments, TheAutoscalerIsToldOfOtherBoundsAndRemembersThem) {
  Begin();
  worker_->Connect();
  const auto function = Deploy({Version("f", "1")}).function_ids().at("f");
  pb::UpdateAutoscalerRequest update;
  update.set_function_id(function);
  update.set_min_containers(2);
  ASSERT_TRUE(Ask<pb::UpdateAutoscalerResponse>("Deployments/UpdateAutoscaler", update));
  worker_->WaitFor(From::kStart, 2);
  pb::FunctionStatsRequest ask;
  ask.set_function_id(function);
  EXPECT_EQ(Ask<pb::FunctionStats>("Deployments/Stats", ask)->total_runners(), 2u);
  update.set_max_containers(1);
  EXPECT_FALSE(Ask<pb::UpdateAutoscalerResponse>("Deployments/UpdateAutoscaler", update));
  worker_->Disconnect();
  KillControl();
  StartControl();
  worker_->set_port(port());
  worker_->Connect();
  worker_->WaitFor(From::kStart, 4);
  // Idle ones go once nothing keeps them.
  update.clear_max_containers();
  update.set_min_containers(0);
  update.set_scaledown_window_ms(1);
  ASSERT_TRUE(Ask<pb::UpdateAutoscalerResponse>("Deployments/UpdateAutoscaler", update));
  const auto by_itself = [this] {
    size_t idle = 0;
    for (const auto& message : worker_->Received()) idle += message.stop().reason() == "idle" ? 1 : 0;
    return idle;
  };
  for (size_t stops = 1; by_itself() < 2; ++stops) worker_->WaitFor(From::kStop, stops);
}

}  // namespace
}  // namespace burrow::control
