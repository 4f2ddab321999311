// Every method that reaches no further than a workspace, asked from another one: what belongs to the first is not
// there.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Expected {
  kNotFound,  // as where there is no such thing at all
  kHidden,    // an answer without anything of the first workspace
};
struct Attempt {
  const char* method;
  Expected expected;
  std::string request;  // JSON
};

bool IsStream(std::string_view method) {
  constexpr std::string_view kStreams[] = {"Apps/Watch",    "Apps/Logs",     "Calls/Outputs", "Images/Build",
                                           "Images/Import", "Images/Export", "Images/Logs",   "Shells/Open"};
  return std::ranges::find(kStreams, method) != std::end(kStreams);
}

std::string Enveloped(const std::string& json) {
  std::string envelope(5, '\0');
  for (int i = 0; i < 4; ++i) envelope[4 - i] = static_cast<char>(json.size() >> 8 * i & 0xff);
  return envelope + json;
}

class WorkspaceReach : public ControlFixture {
 protected:
  // The answer's bytes, an error's too.
  std::string Post(const Attempt& attempt) {
    const bool streams = IsStream(attempt.method);
    const std::string body = streams ? Enveloped(attempt.request) : attempt.request;
    std::string answer;
    net::HttpRequest post{.method = "POST",
                          .url = fmt::format("http://127.0.0.1:{}/burrow.v1.{}", port(), attempt.method)};
    post.headers = {streams ? "Content-Type: application/connect+json" : "Content-Type: application/json",
                    "Authorization: Bearer " + token};
    post.body = body;
    const auto response = net::HttpClient().Perform(post);
    return response ? response->body : response.error().message();
  }
  // A deployed app with a function that runs, an ended call, an image with a name and a log, a secret.
  void Furnish() {
    pb::DeployRequest deploy;
    deploy.set_name("shop");
    *deploy.add_functions() = Spec();
    const auto deployed = Ask<pb::DeployResponse>("Deployments/Deploy", deploy);
    ASSERT_TRUE(deployed) << deployed.error().message();
    app_ = deployed->app_id();
    function_ = deployed->function_ids().at("f");
    image_ = Spec().image_id();
    const auto submit = SubmitOf(function_, {"x"}, group_);
    ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
    call_ = submit.inputs(0).call_id();
    EXPECT_EQ(WaitFor(call_).status(), pb::CALL_STATUS_SUCCESS);
    container_ = worker_->WaitFor(lpb::FromControl::kStart).start().container_id();
    build_ = BuildNamed("tools");
    pb::PutSecretRequest put;
    put.set_name("the-hub");
    (*put.mutable_variables())["TOKEN"] = "value";
    ASSERT_TRUE(Ask<pb::PutSecretResponse>("Secrets/Put", put));
    pb::CreateVolumeRequest create;
    create.set_name("weights");
    volume_ = Ask<pb::CreateVolumeResponse>("Volumes/Create", create)->volume().volume_id();
  }
  std::string BuildNamed(const std::string& name) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    request.add_names(name);
    std::string id;
    const auto built = Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
      if (!event.build_id().empty()) id = event.build_id();
      return true;
    });
    EXPECT_TRUE(built) << built.error().message();
    return id;
  }
  std::vector<Attempt> Attempts() const;
  // Whatever tells of the first workspace.
  std::vector<std::string> Marks() const {
    return {app_, function_, image_, call_, container_, volume_, "shop", "the-hub", "tools", "weights"};
  }

  std::unique_ptr<testing::FakeWorker> worker_;
  const std::string group_ = NewIdText("fg");
  std::string app_, function_, image_, call_, container_, build_, volume_;
};

// In this order: what makes something of the same name in the other workspace comes after the looks for it.
std::vector<Attempt> WorkspaceReach::Attempts() const {
  using enum Expected;
  const auto by = [](const char* field, const std::string& id) { return fmt::format(R"({{"{}":"{}"}})", field, id); };
  const auto input = fmt::format(R"({{"callId":"{}"}})", NewIdText("fc"));
  return {
      {"Apps/List", kHidden, R"({"all":true})"},
      {"Apps/Publish", kNotFound, by("appId", app_)},
      {"Apps/Bind", kNotFound, fmt::format(R"({{"functionId":"{}","overrides":{{}}}})", function_)},
      {"Apps/Stop", kNotFound, by("app", "shop")},
      {"Apps/Stop", kNotFound, by("app", app_)},
      {"Apps/Watch", kNotFound, by("appId", app_)},
      {"Apps/Logs", kNotFound, by("app", "shop")},
      {"Apps/Logs", kNotFound, by("app", app_)},
      {"Apps/Create", kHidden, by("name", "another")},
      {"CallViews/Show", kNotFound, by("callId", call_)},
      {"Calls/Invoke", kNotFound, fmt::format(R"({{"functionId":"{}","input":{}}})", function_, input)},
      {"Calls/Submit", kNotFound, fmt::format(R"({{"functionId":"{}","inputs":[{}]}})", function_, input)},
      {"Calls/Wait", kNotFound, by("callId", call_)},
      {"Calls/Outputs", kNotFound, by("callId", call_)},
      {"Calls/Outputs", kNotFound, by("groupId", group_)},
      {"Calls/Cancel", kHidden, by("callId", call_)},
      {"Calls/Cancel", kHidden, by("groupId", group_)},
      {"Containers/List", kHidden, "{}"},
      {"Deployments/FindApp", kNotFound, by("name", "shop")},
      {"Deployments/FindFunction", kNotFound, R"({"app":"shop","function":"f"})"},
      {"Deployments/FindFunction", kNotFound, fmt::format(R"({{"app":"{}","function":"f"}})", app_)},
      {"Deployments/History", kNotFound, by("app", "shop")},
      {"Deployments/History", kNotFound, by("app", app_)},
      {"Deployments/Stats", kNotFound, by("functionId", function_)},
      {"Deployments/UpdateAutoscaler", kNotFound, by("functionId", function_)},
      {"Deployments/Deploy", kHidden, by("name", "other")},
      {"Images/List", kHidden, "{}"},
      {"Images/Inspect", kNotFound, by("image", "tools")},
      {"Images/Inspect", kNotFound, by("image", image_)},
      {"Images/Tag", kNotFound, fmt::format(R"({{"image":"{}","name":"mine"}})", image_)},
      {"Images/Export", kNotFound, by("image", image_)},
      {"Images/Overlap", kNotFound, fmt::format(R"({{"images":["{0}","{0}"]}})", image_)},
      {"Images/Remove", kNotFound, R"({"images":["tools"]})"},
      {"Images/Remove", kNotFound, fmt::format(R"({{"images":["{}"]}})", image_)},
      {"Images/Prune", kHidden, R"({"images":true,"steps":true})"},
      {"Images/Logs", kNotFound, by("build", build_)},
      {"Images/Logs", kNotFound, by("build", "tools")},
      {"Images/AnswerAgent", kNotFound, by("buildId", build_)},
      {"Images/Build", kHidden, R"({"steps":[{"base":{"name":"debian_slim"}}]})"},
      {"Images/Import", kNotFound, fmt::format(R"({{"archive":{{"upload":"{}"}}}})", NewIdText("up"))},
      {"Overviews/Show", kHidden, "{}"},
      {"Secrets/List", kHidden, "{}"},
      {"Secrets/Delete", kNotFound, by("name", "the-hub")},
      {"Secrets/Put", kHidden, R"({"name":"another","variables":{"A":"b"}})"},
      {"Shells/Open", kNotFound, by("image", "tools")},
      {"Shells/Open", kNotFound, by("image", image_)},
      {"Shells/Open", kNotFound, by("build", build_)},
      {"Shells/Open", kNotFound, by("container", container_)},
      {"Shells/Input", kNotFound, by("shellId", NewIdText("sh"))},
      {"Volumes/List", kHidden, "{}"},
      {"Volumes/Get", kNotFound, by("name", "weights")},
      {"Volumes/Entries", kNotFound, by("volumeId", volume_)},
      {"Volumes/Change", kNotFound, by("volumeId", volume_)},
      {"Volumes/Commit", kNotFound, by("volumeId", volume_)},
      {"Volumes/Reload", kNotFound, by("volumeId", volume_)},
      {"Volumes/Rename", kNotFound, fmt::format(R"({{"volumeId":"{}","name":"mine"}})", volume_)},
      {"Volumes/Delete", kNotFound, by("volumeId", volume_)},
      {"Volumes/Create", kHidden, by("name", "another")},
  };
}

TEST_F(WorkspaceReach, NothingOfAnotherWorkspaceIsThere) {
  StartControl();
  worker_ = NewWorker();
  worker_->Connect();
  ASSERT_NO_FATAL_FAILURE(Furnish());
  const std::string own = token;
  token = NewWorkspace("others");
  for (const Attempt& attempt : Attempts()) {
    const std::string answer = Post(attempt);
    SCOPED_TRACE(std::string(attempt.method) + " " + attempt.request);
    if (attempt.expected == Expected::kNotFound) {
      EXPECT_THAT(answer, HasSubstr("not_found"));
      continue;
    }
    EXPECT_THAT(answer, Not(HasSubstr("\"code\"")));
    for (const auto& mark : Marks()) EXPECT_THAT(answer, Not(HasSubstr(mark)));
  }
  // Nor has any of it changed.
  token = own;
  EXPECT_EQ(Invoke(function_).status(), pb::CALL_STATUS_SUCCESS);
  for (const auto& [method, request] : std::vector<std::pair<const char*, std::string>>{
           {"Apps/Logs", R"({"app":"shop"})"},
           {"CallViews/Show", fmt::format(R"({{"callId":"{}"}})", call_)},
           {"Deployments/History", R"({"app":"shop"})"},
           {"Deployments/FindFunction", R"({"app":"shop","function":"f"})"},
           {"Images/Inspect", R"({"image":"tools"})"},
           {"Images/Logs", fmt::format(R"({{"build":"{}"}})", build_)},
           {"Volumes/Get", R"({"name":"weights"})"},
           {"Secrets/Delete", R"({"name":"the-hub"})"}}) {
    EXPECT_THAT(Post({.method = method, .request = request}), Not(HasSubstr("\"code\""))) << method;
  }
}

TEST_F(WorkspaceReach, AShellAndABuildThatGoOnTakeNothingFromAnotherWorkspace) {
  StartControl();
  worker_ = NewWorker();
  worker_->Connect();
  const std::string own = token, others = NewWorkspace("others");
  const auto as_other = [&](const Attempt& attempt) {
    token = others;
    auto answer = Post(attempt);
    token = own;
    return answer;
  };
  std::string input, answered;
  pb::OpenShellRequest open;
  open.set_image(NewImage());
  (void)Stream<pb::ShellEvent>("Shells/Open", open, [&](const pb::ShellEvent& event) {
    const auto request = fmt::format(R"({{"shellId":"{}","end":true}})", event.shell_id());
    EXPECT_EQ(Post({.method = "Shells/Input", .request = request}), "{}");
    input = as_other({.method = "Shells/Input", .request = request});
    return false;
  });
  EXPECT_THAT(input, HasSubstr("not_found"));
  worker_->on_build = [](const lpb::BuildStep&) {};  // it goes on
  pb::BuildRequest build;
  build.add_steps()->mutable_base()->set_name("debian_slim");
  build.set_no_cache(true);
  (void)Stream<pb::BuildEvent>("Images/Build", build, [&](const pb::BuildEvent& event) {
    const auto request = fmt::format(R"({{"buildId":"{}"}})", event.build_id());
    EXPECT_EQ(Post({.method = "Images/AnswerAgent", .request = request}), "{}");
    answered = as_other({.method = "Images/AnswerAgent", .request = request});
    return false;
  });
  EXPECT_THAT(answered, HasSubstr("not_found"));
}

}  // namespace
}  // namespace burrow::control
