// What functions in containers may ask: their worker asks for them and names the container.
#include <nlohmann/json.hpp>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;

class ContainerAccess : public ControlFixture {
 protected:
  ContainerAccess() { StartControl(); }

  void Connect() {
    if (worker_) return;
    worker_ = NewWorker();
    worker_->Connect();
  }
  // A container that has a function of `app_`, which runs.
  void StartContainer() {
    Connect();
    const auto published = NewFunction();
    app_ = published.app;
    function_ = published.function;
    Invoke(function_);
    container = worker_->WaitFor(lpb::FromControl::kStart).start().container_id();
  }
  template <class Response>
  Code CodeOf(const std::string& method, const google::protobuf::Message& request) {
    auto response = Ask<Response>(method, request);
    return response ? Code::kUnknown : response.error().code();
  }
  int StatusOf(const std::string& method, const std::string& path) {
    net::HttpRequest request{.method = method, .url = fmt::format("http://127.0.0.1:{}{}", port(), path)};
    request.headers = {"Authorization: Bearer " + worker_token(), "Burrow-Container: " + container};
    auto response = net::HttpClient().Perform(request);
    return response ? response->status : 0;
  }
  Result<pb::FindFunctionResponse> Find(const std::string& app, const std::string& function) {
    pb::FindFunctionRequest request;
    request.set_app(app);
    request.set_function(function);
    return Ask<pb::FindFunctionResponse>("Deployments/FindFunction", request);
  }

  std::unique_ptr<testing::FakeWorker> worker_;
  std::string app_, function_;
};

TEST_F(ContainerAccess, FunctionsFindAndCallThoseOfTheirOwnApp) {
  StartContainer();
  auto found = Find(app_, "f");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->function_id(), function_);
  auto result = Ask<pb::CallResult>("Calls/Invoke", InvokeOf(found->function_id(), "argument"));
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->value().inline_(), "argument");
}

TEST_F(ContainerAccess, AnAppIsFoundByItsIdWhileItRuns) {
  Connect();
  pb::PublishRequest publish;
  publish.set_app_id(NewApp("fleeting", true));
  *publish.add_functions() = Spec();
  ASSERT_TRUE(Ask<pb::PublishResponse>("Apps/Publish", publish));
  StartContainer();
  EXPECT_TRUE(Find(publish.app_id(), "f"));
  EXPECT_TRUE(Find("fleeting", "f")) << "by name, too";
  EXPECT_EQ(Find(publish.app_id(), "g").error().code(), Code::kNotFound);
  EXPECT_EQ(Find(NewIdText("ap"), "f").error().code(), Code::kNotFound);
  container.clear();
  pb::StopAppRequest stop;
  stop.set_app(publish.app_id());
  ASSERT_TRUE(Ask<pb::StopAppResponse>("Apps/Stop", stop));
  EXPECT_EQ(Find(publish.app_id(), "f").error().code(), Code::kFailedPrecondition);
}

TEST_F(ContainerAccess, NothingElseIsAllowed) {
  StartContainer();
  pb::StopAppRequest stop;
  stop.set_app(app_);
  EXPECT_EQ(CodeOf<pb::StopAppResponse>("Apps/Stop", stop), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::CreateAppResponse>("Apps/Create", pb::CreateAppRequest()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::PublishResponse>("Apps/Publish", pb::PublishRequest()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::DeployResponse>("Deployments/Deploy", pb::DeployRequest()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::ListSecretsResponse>("Secrets/List", pb::ListSecretsRequest()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf<pb::ListContainersResponse>("Containers/List", pb::ListContainersRequest()),
            Code::kPermissionDenied);
  for (const char* path : {"/link", "/blobs/pack"}) EXPECT_EQ(StatusOf("GET", path), 403) << path;
  EXPECT_EQ(StatusOf("POST", "/uploads"), 403);
}

TEST_F(ContainerAccess, ContainersThatDoNotRunAreNobody) {
  StartContainer();
  const std::string real = container;
  for (const std::string& other : {NewIdText("ct"), std::string("ct-"), std::string(5000, 'x'), "../" + real}) {
    container = other;
    EXPECT_EQ(Find(app_, "f").error().code(), Code::kUnauthenticated) << other;
  }
  container = real;
  worker_->SayStopped(real, lpb::STOP_CAUSE_EXITED);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Find(app_, "f") && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(Find(app_, "f").error().code(), Code::kUnauthenticated);
}

TEST_F(ContainerAccess, TheHeaderIsWorthNothingWithAnotherToken) {
  StartContainer();
  net::HttpRequest request{.method = "POST",
                           .url = fmt::format("http://127.0.0.1:{}/burrow.v1.Deployments/FindFunction", port())};
  request.body = R"({"app":"x","function":"f"})";
  for (const char* bad : {"", "wrong"}) {
    request.headers = {"Content-Type: application/json", fmt::format("Authorization: Bearer {}", bad),
                       "Burrow-Container: " + container};
    auto response = net::HttpClient().Perform(request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 401);
  }
  request.headers = {"Content-Type: application/json", "Authorization: Bearer " + worker_token()};
  auto response = net::HttpClient().Perform(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 403);
}

}  // namespace
}  // namespace burrow::control
