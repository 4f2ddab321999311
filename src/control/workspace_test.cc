// Workspaces: who manages them, what belongs to them, and how much each may have.
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class Workspaces : public ControlFixture {
 protected:
  void Begin(testing::FakeWorkerOptions options = {}) {
    StartControl();
    admin_ = token;
    worker_ = NewWorker(std::move(options));
  }
  Result<pb::DeleteWorkspaceResponse> Delete(const std::string& name) {
    pb::DeleteWorkspaceRequest request;
    request.set_name(name);
    return Ask<pb::DeleteWorkspaceResponse>("Workspaces/Delete", request);
  }
  Result<pb::CreateWorkspaceResponse> Create(const std::string& name) {
    pb::CreateWorkspaceRequest request;
    request.set_name(name);
    return Ask<pb::CreateWorkspaceResponse>("Workspaces/Create", request);
  }
  Result<pb::ListWorkspacesResponse> List() {
    return Ask<pb::ListWorkspacesResponse>("Workspaces/List", pb::ListWorkspacesRequest());
  }
  Result<pb::DeployResponse> Deploy(const pb::FunctionSpec& spec) {
    pb::DeployRequest request;
    request.set_name("shop");
    *request.add_functions() = spec;
    return Ask<pb::DeployResponse>("Deployments/Deploy", request);
  }
  Result<pb::StopAppResponse> StopApp(const std::string& name) {
    pb::StopAppRequest request;
    request.set_app(name);
    return Ask<pb::StopAppResponse>("Apps/Stop", request);
  }
  Result<pb::RevokeTokenResponse> Revoke(const std::string& name) {
    pb::RevokeTokenRequest request;
    request.set_token(name);
    return Ask<pb::RevokeTokenResponse>("Tokens/Revoke", request);
  }
  void Update(const std::string& name, uint32_t max_containers) {
    pb::UpdateWorkspaceRequest request;
    request.set_name(name);
    request.mutable_limits()->set_max_containers(max_containers);
    const auto updated = Ask<pb::UpdateWorkspaceResponse>("Workspaces/Update", request);
    EXPECT_TRUE(updated) << updated.error().message();
  }
  std::string Publish(const std::string& name, const std::function<void(pb::FunctionSpec&)>& change = {}) {
    return NewFunction([&](pb::FunctionSpec& spec) {
             spec.set_name("f");
             spec.set_qualname(name);
             if (change) change(spec);
           })
        .function;
  }

  // Ends the first call with that argument that has not ended. It took so long that none is sent ahead from now on.
  void EndLongCall(const std::string& argument) {
    for (const auto& message : worker_->Received()) {
      const auto& call = message.call();
      if (call.arguments().inline_() != argument || !done_.insert(call.call_id()).second) continue;
      lpb::FromWorker done;
      done.mutable_done()->set_container_id(call.container_id());
      done.mutable_done()->set_call_id(call.call_id());
      done.mutable_done()->set_attempt(call.attempt());
      done.mutable_done()->set_status(pb::CALL_STATUS_SUCCESS);
      done.mutable_done()->set_run_ms(60'000);
      return worker_->Say(done);
    }
    ADD_FAILURE() << "there is no such call";
  }

  std::string admin_;
  std::set<std::string> done_;  // calls that have been answered
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Workspaces, AreManagedByAdminsAlone) {
  Begin();
  const std::string member = NewWorkspace("others");
  token = member;
  EXPECT_EQ(List().error().code(), Code::kPermissionDenied);
  EXPECT_EQ(Create("mine").error().code(), Code::kPermissionDenied);
  EXPECT_EQ(Delete("others").error().code(), Code::kPermissionDenied);
  EXPECT_EQ(Ask<pb::UpdateWorkspaceResponse>("Workspaces/Update", pb::UpdateWorkspaceRequest()).error().code(),
            Code::kPermissionDenied);
}

TEST_F(Workspaces, AreListedWithTheirLimitsAlsoAfterARestart) {
  Begin();
  NewWorkspace("others", [](auto& limits) { limits.set_max_containers(3); });
  KillControl();
  StartControl();
  const auto listed = List();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->workspaces_size(), 2);
  EXPECT_EQ(listed->workspaces(0).name(), "default");
  EXPECT_TRUE(listed->workspaces(0).limits().share_cache());
  EXPECT_EQ(listed->workspaces(1).name(), "others");
  EXPECT_EQ(listed->workspaces(1).limits().max_containers(), 3u);
  EXPECT_FALSE(listed->workspaces(1).limits().share_cache());
  EXPECT_EQ(listed->workspaces(1).tokens(), 1u);
}

TEST_F(Workspaces, BadRequestsAreRefusedInWords) {
  Begin();
  NewWorkspace("others");
  EXPECT_EQ(Create("others").error().code(), Code::kAlreadyExists);
  EXPECT_EQ(Create("no/slash").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Delete("default").error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(Delete("other").error().message(), HasSubstr("did you mean 'others'?"));
  pb::CreateTokenRequest request;
  request.set_name("ana");
  request.set_role(pb::TOKEN_ROLE_MEMBER);
  request.set_workspace("nowhere");
  EXPECT_EQ(Ask<pb::CreateTokenResponse>("Tokens/Create", request).error().code(), Code::kNotFound);
  request.set_role(pb::TOKEN_ROLE_WORKER);
  request.set_workspace("others");
  EXPECT_THAT(Ask<pb::CreateTokenResponse>("Tokens/Create", request).error().message(),
              HasSubstr("workers serve all workspaces"));
}

TEST_F(Workspaces, OneIsDeletedOnceNothingOfItGoesOnWithAllThatItHad) {
  Begin();
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  token = member;
  ASSERT_TRUE(Deploy(Spec()));
  token = admin_;
  EXPECT_THAT(Delete("others").error().message(), HasSubstr("the app shop of the workspace 'others' runs"));
  ASSERT_TRUE(With(member, [&] { return StopApp("shop"); }));
  EXPECT_THAT(Delete("others").error().message(), HasSubstr("'of-others': `burrow token revoke`"));
  ASSERT_TRUE(Revoke("of-others"));
  const auto deleted = Delete("others");
  ASSERT_TRUE(deleted) << deleted.error().message();
  EXPECT_EQ(worker_->WaitFor(From::kPruneCaches).prune_caches().workspace(), "others");
  token = NewWorkspace("others");
  EXPECT_EQ(Ask<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest())->images_size(), 0);
  pb::ListAppsRequest all;
  all.set_all(true);
  EXPECT_EQ(Ask<pb::ListAppsResponse>("Apps/List", all)->apps_size(), 0);
}

TEST_F(Workspaces, EachHasADeploymentOfTheSameNameAlsoAfterARestart) {
  Begin();
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  const auto ours = Deploy(Spec());
  const auto theirs = With(member, [&] { return Deploy(Spec()); });
  ASSERT_TRUE(ours && theirs);
  EXPECT_NE(ours->app_id(), theirs->app_id());
  EXPECT_EQ(theirs->version(), 1u);
  const auto submit = SubmitOf(theirs->function_ids().at("f"), {"x"});
  ASSERT_TRUE(With(member, [&] { return Ask<pb::SubmitResponse>("Calls/Submit", submit); }));
  const std::string& call = submit.inputs(0).call_id();
  EXPECT_EQ(With(member, [&] { return WaitFor(call); }).value().inline_(), "x");
  worker_->Disconnect();
  StopControl();
  StartControl();
  pb::WaitRequest wait;
  wait.set_call_id(call);
  EXPECT_EQ(Ask<pb::CallResult>("Calls/Wait", wait).error().code(), Code::kNotFound);
  token = member;
  EXPECT_EQ(WaitFor(call).value().inline_(), "x");
  pb::FindAppRequest find;
  find.set_name("shop");
  EXPECT_EQ(Ask<pb::FindAppResponse>("Deployments/FindApp", find)->app_id(), theirs->app_id());
}

TEST_F(Workspaces, AFunctionInAContainerActsInTheWorkspaceOfItsApp) {
  Begin();
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  const auto ours = Deploy(Spec());
  const auto theirs = With(member, [&] { return Deploy(Spec()); });
  ASSERT_TRUE(ours && theirs);
  token = member;
  Invoke(theirs->function_ids().at("f"));
  container = worker_->WaitFor(From::kStart).start().container_id();
  pb::FindFunctionRequest find;
  find.set_app("shop");
  find.set_function("f");
  EXPECT_EQ(Ask<pb::FindFunctionResponse>("Deployments/FindFunction", find)->app_id(), theirs->app_id());
  find.set_app(ours->app_id());
  EXPECT_EQ(Ask<pb::FindFunctionResponse>("Deployments/FindFunction", find).error().code(), Code::kNotFound);
}

TEST_F(Workspaces, SecretsOfOneNameHoldWhatEachWorkspacePut) {
  Begin();
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  for (const auto& [with, value] : {std::pair(admin_, "ours"), std::pair(member, "theirs")}) {
    token = with;
    pb::PutSecretRequest put;
    put.set_name("hub");
    (*put.mutable_variables())["TOKEN"] = value;
    const auto answer = Ask<pb::PutSecretResponse>("Secrets/Put", put);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_FALSE(answer->replaced());
  }
  auto spec = Spec();
  spec.add_secrets()->set_name("hub");
  const auto deployed = Deploy(spec);
  ASSERT_TRUE(deployed) << deployed.error().message();
  Invoke(deployed->function_ids().at("f"));
  EXPECT_EQ(worker_->WaitFor(From::kStart).start().secret_environment().at("TOKEN"), "theirs");
}

TEST_F(Workspaces, ACallIdOfAnotherWorkspaceIsTaken) {
  Begin();
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  const auto function = NewFunction().function;
  auto invoke = InvokeOf(function, "x");
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", invoke));
  token = member;
  invoke.set_function_id(NewFunction().function);
  EXPECT_EQ(Ask<pb::CallResult>("Calls/Invoke", invoke).error().code(), Code::kAlreadyExists);
  auto submit = SubmitOf(invoke.function_id(), {"x"});
  submit.mutable_inputs(0)->set_call_id(invoke.input().call_id());
  EXPECT_EQ(Ask<pb::SubmitResponse>("Calls/Submit", submit).error().code(), Code::kAlreadyExists);
}

TEST_F(Workspaces, OneHasAtMostAsManyContainersAsItMayAndCallsWait) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  token = NewWorkspace("others", [](auto& limits) { limits.set_max_containers(2); });
  const auto first = NewFunction().function, second = NewFunction().function;
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(first, {"a", "b", "c"})));
  worker_->WaitFor(From::kCall, 2);
  const auto waiting = SubmitOf(second, {"d"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", waiting));
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
  pb::ShowCallRequest show;
  show.set_call_id(waiting.inputs(0).call_id());
  EXPECT_EQ(Ask<pb::CallView>("CallViews/Show", show)->why(), "the workspace 'others' has as much as it may");
  token = admin_;  // whose own workspace has no bound
  EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(NewFunction().function, {"e"})));
  worker_->WaitFor(From::kStart, 3);
  Update("others", 3);
  worker_->WaitFor(From::kStart, 4);
}

TEST_F(Workspaces, OneReservesAtMostTheCoresAndMemoryThatItMay) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  token = NewWorkspace("others", [](auto& limits) { limits.set_max_cpus(2.5); });
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(NewFunction().function, {"a", "b", "c"})));
  worker_->WaitFor(From::kCall, 2);
  token = admin_;
  const auto listed = List();
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->workspaces(1).cpus(), 2.0);
  EXPECT_EQ(listed->workspaces(1).limits().max_cpus(), 2.5);
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
  token = NewWorkspace("small", [](auto& limits) { limits.set_max_memory_mib(64); });
  const auto refused = Invoke(NewFunction().function);
  EXPECT_EQ(refused.status(), pb::CALL_STATUS_INFRASTRUCTURE);
  EXPECT_THAT(refused.error().message(), HasSubstr("'small' may reserve any CPUs and 64 MiB"));
}

TEST_F(Workspaces, AnIdleContainerMakesRoomForAnotherFunctionOfAFullWorkspace) {
  Begin();
  worker_->Connect();
  token = NewWorkspace("others", [](auto& limits) { limits.set_max_containers(1); });
  const auto first = NewFunction().function, second = NewFunction().function;
  EXPECT_EQ(Invoke(first).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(Invoke(second).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().reason(), "its workspace needed the room for something else");
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
}

TEST_F(Workspaces, ACallThatEndsMakesRoomForWhoWaits) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  token = NewWorkspace("others", [](auto& limits) { limits.set_max_containers(1); });
  const auto first = NewFunction().function, second = NewFunction().function;
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(first, {"a"})));
  const auto call = worker_->WaitFor(From::kCall).call();
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(second, {"b"})));
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "done");
  worker_->WaitFor(From::kCall, 2);
}

TEST_F(Workspaces, AFullQueueOfOneRefusesCallsAndSaysWhenToComeBack) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  token = NewWorkspace("others", [](auto& limits) {
    limits.set_max_containers(1);
    limits.set_max_queued_calls(2);
  });
  const auto first = NewFunction().function, second = NewFunction().function;
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(first, {"runs"})));
  const auto call = worker_->WaitFor(From::kCall).call();
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(first, {"a"})));
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(second, {"b"})));
  const auto refused = Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(second, {"c"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("the workspace 'others' has 2 calls waiting, and at most 2 may wait"));
  const std::string body = R"({"functionId":")" + second + R"(","input":{"callId":")" + NewIdText("fc") + R"("}})";
  std::string retry_after;
  net::HttpRequest post{.method = "POST", .url = fmt::format("http://127.0.0.1:{}/burrow.v1.Calls/Invoke", port())};
  post.headers = {"Content-Type: application/json", "Authorization: Bearer " + token};
  post.body = body;
  post.on_header = [&](std::string_view name, std::string_view value) {
    if (name == "retry-after") retry_after = value;
  };
  const auto response = net::HttpClient().Perform(post);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(retry_after, "1");
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "done");
  worker_->WaitFor(From::kCall, 2);
  EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(second, {"c"})));
}

// Each container takes a quarter of the worker; the first workspace came first and wants all of it.
TEST_F(Workspaces, RoomThatIsLeftGoesToTheWorkspaceThatHasLeast) {
  Begin({.memory = 2ull << 30});
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  const auto once = [](pb::FunctionSpec& spec) { spec.set_single_use_containers(true); };
  const auto greedy = Publish("greedy", once);
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(greedy, std::vector<std::string>(20, "x"))));
  worker_->WaitFor(From::kCall, 4);
  token = member;
  const auto modest = Publish("modest", once);
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(modest, {"y", "y", "y"})));
  std::vector<lpb::CallDispatch> calls;
  for (const auto& message : worker_->Received())
    if (message.has_call()) calls.push_back(message.call());
  ASSERT_EQ(calls.size(), 4u);
  std::vector<std::string> started;
  for (size_t i = 0; i < 3; ++i) {
    worker_->SayDone(calls[i], pb::CALL_STATUS_SUCCESS, "done");
    started.push_back(worker_->WaitFor(From::kStart, 5 + i).start().spec().function().qualname());
  }
  EXPECT_THAT(started, ElementsAre("modest", "modest", "greedy"));
}

// The first one's queue never ends, and would keep all of the worker for itself.
TEST_F(Workspaces, BusyContainersGoWhenTheirCallsEndWhereOthersHaveLess) {
  Begin({.memory = 2ull << 30});
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  const std::string member = NewWorkspace("others");
  const auto greedy = Publish("greedy");
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(greedy, std::vector<std::string>(50, "x"))));
  worker_->WaitFor(From::kCall, 4);
  token = member;
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(Publish("modest"), {"y", "y", "y", "y"})));
  std::map<std::string, int> started;
  for (size_t starts = 5; starts < 7; ++starts) {
    EndLongCall("x");
    started[worker_->WaitFor(From::kStart, starts).start().spec().function().qualname()]++;
  }
  EXPECT_EQ(started["modest"], 2);
  EXPECT_EQ(worker_->Count(From::kStop), 2u);
  // Both have two now: a container whose call ends goes on.
  worker_->WaitFor(From::kCall, 6);
  EndLongCall("x");
  EXPECT_EQ(worker_->WaitFor(From::kCall, 7).call().arguments().inline_(), "x");
  EXPECT_EQ(worker_->Count(From::kStop), 2u);
}

}  // namespace
}  // namespace burrow::control
