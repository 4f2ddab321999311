// Secrets: sealed in the store, seen by containers alone.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using From = lpb::FromControl;

constexpr const char* kMarker = "marker-value-7a31";

class Secrets : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
    worker_->Connect();
  }
  void Restart() {
    worker_->Disconnect();
    KillControl();
    StartControl();
    worker_->set_port(port());
    worker_->Connect();
  }
  Result<pb::PutSecretResponse> Put(const std::string& name, const std::map<std::string, std::string>& variables,
                                    bool overwrite = false) {
    pb::PutSecretRequest request;
    request.set_name(name);
    request.set_overwrite(overwrite);
    for (const auto& [key, value] : variables) (*request.mutable_variables())[key] = value;
    return Ask<pb::PutSecretResponse>("Secrets/Put", request);
  }
  pb::ListSecretsResponse List() { return *Ask<pb::ListSecretsResponse>("Secrets/List", pb::ListSecretsRequest()); }
  Result<pb::DeployResponse> Deploy(const pb::FunctionSpec& spec) {
    pb::DeployRequest request;
    request.set_name("shop");
    *request.add_functions() = spec;
    return Ask<pb::DeployResponse>("Deployments/Deploy", request);
  }
  pb::FunctionSpec WithSecrets(const std::vector<std::string>& names,
                               const std::map<std::string, std::string>& variables = {}) {
    auto spec = Spec();
    for (const auto& name : names) spec.add_secrets()->set_name(name);
    if (variables.empty()) return spec;
    auto& given = *spec.add_secrets()->mutable_variables()->mutable_variables();
    for (const auto& [key, value] : variables) given[key] = value;
    return spec;
  }
  // What the n-th container was given.
  std::map<std::string, std::string> Given(size_t start) {
    const auto message = worker_->WaitFor(From::kStart, start).start();
    EXPECT_EQ(message.spec().function().secrets_size(), 0);
    std::map<std::string, std::string> given;
    for (const auto& [name, value] : message.secret_environment()) given[name] = value;
    return given;
  }
  // Files below the state directory that hold the text.
  std::vector<std::string> FilesWith(const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      if (content.contains(text)) found.push_back(entry.path());
    }
    return found;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Secrets, AreListedByNameAndKeysWithoutValues) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"B", kMarker}, {"A", "1"}}));
  ASSERT_TRUE(Put("db", {{"URL", "x"}}));
  EXPECT_EQ(Put("hub", {{"C", "1"}}).error().code(), Code::kAlreadyExists);
  const auto listed = List();
  ASSERT_EQ(listed.secrets_size(), 2);
  EXPECT_EQ(listed.secrets(1).name(), "hub");
  EXPECT_THAT(listed.secrets(1).keys(), ElementsAre("A", "B"));
  EXPECT_THAT(listed.SerializeAsString(), Not(HasSubstr(kMarker)));
  EXPECT_TRUE(Put("hub", {{"C", "1"}}, true)->replaced());
  pb::DeleteSecretRequest remove;
  remove.set_name("db");
  ASSERT_TRUE(Ask<pb::DeleteSecretResponse>("Secrets/Delete", remove));
  EXPECT_EQ(Ask<pb::DeleteSecretResponse>("Secrets/Delete", remove).error().code(), Code::kNotFound);
  Restart();
  ASSERT_EQ(List().secrets_size(), 1);
  EXPECT_THAT(List().secrets(0).keys(), ElementsAre("C"));
}

TEST_F(Secrets, ReachContainersAndNoFile) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", kMarker}, {"SHARED", "of hub"}}));
  auto spec = WithSecrets({"hub"}, {{"OWN", std::string("own-") + kMarker}, {"SHARED", "of dict"}, {"SET", "secret"}});
  (*spec.mutable_env())["SET"] = "plain";
  const auto deployed = Deploy(spec);
  ASSERT_TRUE(deployed) << deployed.error().message();
  const std::map<std::string, std::string> expected = {
      {"TOKEN", kMarker}, {"OWN", std::string("own-") + kMarker}, {"SHARED", "of dict"}};
  Invoke(deployed->function_ids().at("f"));
  EXPECT_EQ(Given(1), expected);
  EXPECT_THAT(FilesWith(kMarker), ElementsAre());
  Restart();
  Invoke(deployed->function_ids().at("f"));
  EXPECT_EQ(Given(2), expected);
  EXPECT_THAT(FilesWith(kMarker), ElementsAre());
  EXPECT_FALSE(FilesWith("shop").empty()) << "the search finds what is there";
}

TEST_F(Secrets, AreTheValuesOfTheMomentInWhichAContainerStarts) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", "old"}}));
  auto spec = WithSecrets({"hub"});
  spec.set_scaledown_window_ms(1);
  const auto function = Deploy(spec)->function_ids().at("f");
  Invoke(function);
  EXPECT_EQ(Given(1).at("TOKEN"), "old");
  ASSERT_TRUE(Put("hub", {{"TOKEN", "new"}}, true));
  worker_->WaitFor(From::kStop);
  Invoke(function);
  EXPECT_EQ(Given(2).at("TOKEN"), "new");
}

TEST_F(Secrets, AFunctionIsNotDeployedWithoutThem) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", "x"}}));
  const auto missing = Deploy(WithSecrets({"hubb"}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("f() needs the secret 'hubb'"));
  EXPECT_THAT(missing.error().message(), HasSubstr("did you mean 'hub'?"));
  auto spec = WithSecrets({"hub"});
  spec.mutable_secrets(0)->add_required_keys("USER");
  EXPECT_THAT(Deploy(spec).error().message(), HasSubstr("f() needs USER of the secret 'hub', which lacks it"));
  spec.mutable_secrets(0)->set_required_keys(0, "TOKEN");
  EXPECT_TRUE(Deploy(spec));
  auto sealed = Spec();
  sealed.add_secrets()->set_sealed("from outside");
  EXPECT_EQ(Deploy(sealed).error().code(), Code::kInvalidArgument);
}

TEST_F(Secrets, ACallFailsWithASentenceWhereOneHasGone) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", "x"}}));
  const auto function = Deploy(WithSecrets({"hub"}))->function_ids().at("f");
  pb::DeleteSecretRequest remove;
  remove.set_name("hub");
  ASSERT_TRUE(Ask<pb::DeleteSecretResponse>("Secrets/Delete", remove));
  EXPECT_THAT(Invoke(function).error().message(), HasSubstr("f() needs the secret 'hub', which does not exist"));
  ASSERT_TRUE(Put("hub", {{"TOKEN", "y"}}));
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(Secrets, TheSameVariablesKeepTheContainersOfADeployAndOthersDoNot) {
  Begin();
  const auto function = Deploy(WithSecrets({}, {{"A", "1"}}))->function_ids().at("f");
  const auto warm = Invoke(function).container_id();
  ASSERT_TRUE(Deploy(WithSecrets({}, {{"A", "1"}})));
  EXPECT_EQ(Invoke(function).container_id(), warm);
  ASSERT_TRUE(Deploy(WithSecrets({}, {{"A", "2"}})));
  EXPECT_NE(Invoke(function).container_id(), warm);
}

TEST_F(Secrets, AnotherKeyFileIsSaidAndDoesNotKeepBurrowdFromStarting) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", kMarker}}));
  const auto function = Deploy(WithSecrets({"hub"}))->function_ids().at("f");
  worker_->Disconnect();
  KillControl();
  std::filesystem::remove(directory() + "/control/secrets.key");
  StartControl();
  worker_->set_port(port());
  worker_->Connect();
  EXPECT_EQ(List().secrets(0).keys_size(), 0);
  EXPECT_THAT(Invoke(function).error().message(), HasSubstr("sealed with another key file"));
  ASSERT_TRUE(Put("hub", {{"TOKEN", "again"}}, true));
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(Secrets, OfAVariantTakeThePlaceOfTheFunctionsAndItsVariablesWin) {
  Begin();
  ASSERT_TRUE(Put("hub", {{"TOKEN", "of the store"}}));
  const auto published = NewFunction([](pb::FunctionSpec& spec) {
    (*spec.mutable_env())["A"] = "own";
    (*spec.mutable_env())["B"] = "own";
    (*spec.add_secrets()->mutable_variables()->mutable_variables())["OWN"] = kMarker;
  });
  pb::BindRequest bind;
  bind.set_function_id(published.function);
  (*bind.mutable_overrides()->mutable_env())["B"] = "changed";
  auto& secrets = *bind.mutable_overrides()->mutable_secrets();
  secrets.add_secrets()->set_name("hub");
  (*secrets.add_secrets()->mutable_variables()->mutable_variables())["MORE"] = kMarker;
  const auto bound = Ask<pb::BindResponse>("Apps/Bind", bind);
  ASSERT_TRUE(bound) << bound.error().message();
  EXPECT_EQ(Ask<pb::BindResponse>("Apps/Bind", bind)->function_id(), bound->function_id());
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(bound->function_id(), "x")));
  const auto start = worker_->WaitFor(From::kStart).start();
  EXPECT_EQ(start.spec().function().env().at("A"), "own");
  EXPECT_EQ(start.spec().function().env().at("B"), "changed");
  EXPECT_FALSE(start.spec().function().bound().overrides().has_secrets());
  EXPECT_THAT(Given(1), ElementsAre(std::pair("MORE", kMarker), std::pair("TOKEN", "of the store")));
  EXPECT_THAT(FilesWith(kMarker), ElementsAre());
  secrets.mutable_secrets(1)->mutable_variables()->mutable_variables()->at("MORE") = "another";
  EXPECT_NE(Ask<pb::BindResponse>("Apps/Bind", bind)->function_id(), bound->function_id());
  secrets.mutable_secrets(0)->set_name("hup");
  EXPECT_THAT(Ask<pb::BindResponse>("Apps/Bind", bind).error().message(), HasSubstr("did you mean 'hub'"));
  pb::CreateTokenRequest create;
  create.set_name("web");
  create.set_role(pb::TOKEN_ROLE_CALLER);
  token = Ask<pb::CreateTokenResponse>("Tokens/Create", create)->token();
  bind.mutable_overrides()->clear_secrets();
  (*bind.mutable_overrides()->mutable_env())["LD_PRELOAD"] = "/tmp/mine.so";
  EXPECT_EQ(Ask<pb::BindResponse>("Apps/Bind", bind).error().code(), Code::kPermissionDenied);
}

// Recipes that take a stored secret while they are built.
class SecretsOfBuilds : public Secrets {
 protected:
  SecretsOfBuilds() { Begin(); }
  static pb::BuildRequest Recipe() {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    auto& step = *request.add_steps();
    step.mutable_run()->add_commands("fetch");
    step.add_secrets("hub");
    auto& secret = *request.add_secrets();
    secret.set_id("hub");
    secret.mutable_environment()->set_name("hub");
    return request;
  }
  Status Build(const pb::BuildRequest& request) {
    return Stream<pb::BuildEvent>("Images/Build", request, [](const pb::BuildEvent&) { return true; });
  }
};

TEST_F(SecretsOfBuilds, ReachTheStepsThatNameThemAsTheyAreNow) {
  EXPECT_THAT(Build(Recipe()).error().message(), HasSubstr("the build needs the secret 'hub', which does not exist"));
  ASSERT_TRUE(Put("hub", {{"TOKEN", "of the store"}}));
  auto request = Recipe();
  ASSERT_TRUE(Build(request));
  EXPECT_TRUE(worker_->WaitFor(From::kBuild, 1).build().secret_environment().empty());
  EXPECT_EQ(worker_->WaitFor(From::kBuild, 2).build().secret_environment().at("TOKEN"), "of the store");
  ASSERT_TRUE(Build(request));
  EXPECT_EQ(worker_->Count(From::kBuild), 2u);
  request.mutable_steps(1)->set_fresh(true);
  ASSERT_TRUE(Build(request));
  EXPECT_EQ(worker_->Count(From::kBuild), 3u);
  request.mutable_secrets(0)->mutable_environment()->add_required_keys("USER");
  EXPECT_THAT(Build(request).error().message(), HasSubstr("the build needs USER of the secret 'hub'"));
  request.clear_secrets();
  EXPECT_THAT(Build(request).error().message(), HasSubstr("needs the secret 'hub', which the build was not given"));
}

TEST_F(SecretsOfBuilds, AreVariablesOfRunInADockerfile) {
  ASSERT_TRUE(Put("hub", {{"TOKEN", "of the store"}}));
  auto request = Recipe();
  request.mutable_steps(1)->mutable_dockerfile()->set_text("ENV A=image\nRUN fetch\n");
  (*request.mutable_steps(1)->mutable_variables())["A"] = "step";
  ASSERT_TRUE(Build(request));
  const auto run = worker_->WaitFor(From::kBuild, 2).build().run();
  EXPECT_THAT(run.env(), ElementsAre("A=step"));
  ASSERT_EQ(run.mounts_size(), 1);
  EXPECT_EQ(run.mounts(0).secret().env(), "TOKEN");
  EXPECT_EQ(run.mounts(0).secret().value(), "of the store");
}

TEST_F(SecretsOfBuilds, OfARegistryHaveANameAndAPassword) {
  ASSERT_TRUE(Put("hub", {{"TOKEN", "of the store"}}));
  auto request = Recipe();
  request.mutable_steps(0)->mutable_base()->set_name("registry:127.0.0.1:1/none");
  request.mutable_steps(0)->add_secrets("hub");
  EXPECT_THAT(Build(request).error().message(), HasSubstr("REGISTRY_USERNAME and REGISTRY_PASSWORD"));
}

}  // namespace
}  // namespace burrow::control
