// Tokens that admins hand out: what each may do, until it is revoked.
#include <filesystem>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TokenTest : public ControlFixture {
 protected:
  TokenTest() {
    timings.heartbeat = Millis(10);
    StartControl();
    admin_ = token;
  }
  Result<pb::CreateTokenResponse> Create(const std::string& name, pb::TokenRole role) {
    pb::CreateTokenRequest request;
    request.set_name(name);
    request.set_role(role);
    return Ask<pb::CreateTokenResponse>("Tokens/Create", request);
  }
  std::string NewToken(const std::string& name, pb::TokenRole role) {
    auto created = Create(name, role);
    EXPECT_TRUE(created) << created.error().message();
    return created ? created->token() : "";
  }
  Result<pb::RevokeTokenResponse> Revoke(const std::string& name) {
    pb::RevokeTokenRequest request;
    request.set_token(name);
    return Ask<pb::RevokeTokenResponse>("Tokens/Revoke", request);
  }
  Result<pb::ListTokensResponse> List() { return Ask<pb::ListTokensResponse>("Tokens/List", pb::ListTokensRequest()); }
  // Whether `with` may list apps: kUnknown when it may.
  Code AppsBy(const std::string& with) {
    token = with;
    auto apps = Ask<pb::ListAppsResponse>("Apps/List", pb::ListAppsRequest());
    token = admin_;
    return apps ? Code::kUnknown : apps.error().code();
  }
  Code TokensBy(const std::string& with) {
    token = with;
    auto tokens = List();
    token = admin_;
    return tokens ? Code::kUnknown : tokens.error().code();
  }

  std::string admin_;
};

TEST_F(TokenTest, DoWhatTheirRoleAllows) {
  const std::string admin = NewToken("ops", pb::TOKEN_ROLE_ADMIN), member = NewToken("ana", pb::TOKEN_ROLE_MEMBER);
  const std::string caller = NewToken("web", pb::TOKEN_ROLE_CALLER), worker = NewToken("box", pb::TOKEN_ROLE_WORKER);
  EXPECT_EQ(AppsBy(admin), Code::kUnknown);
  EXPECT_EQ(TokensBy(admin), Code::kUnknown);
  EXPECT_EQ(AppsBy(member), Code::kUnknown);
  EXPECT_EQ(TokensBy(member), Code::kPermissionDenied);
  for (const auto& narrow : {caller, worker}) {
    EXPECT_EQ(AppsBy(narrow), Code::kPermissionDenied);
    EXPECT_EQ(TokensBy(narrow), Code::kPermissionDenied);
  }
  EXPECT_THAT(member, StartsWith("bt-"));
  EXPECT_THAT(worker, StartsWith("bw-"));
}

TEST_F(TokenTest, EndOpenStreamsWhenTheyAreRevoked) {
  auto worker = NewWorker();
  worker->Connect();
  pb::OpenShellRequest request;
  request.set_image(NewImage());
  const std::string member = NewToken("ana", pb::TOKEN_ROLE_MEMBER);
  token = member;
  const Status status = Stream<pb::ShellEvent>("Shells/Open", request, [&](const pb::ShellEvent& event) {
    if (event.has_shell_id()) {
      token = admin_;
      EXPECT_TRUE(Revoke("ana"));
    }
    return true;
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated) << status.error().message();
}

TEST_F(TokenTest, OfACallerCallFunctions) {
  auto worker = NewWorker();
  worker->Connect();
  pb::DeployRequest deploy;
  deploy.set_name("shop");
  *deploy.add_functions() = Spec();
  const auto deployed = Ask<pb::DeployResponse>("Deployments/Deploy", deploy);
  ASSERT_TRUE(deployed) << deployed.error().message();
  token = NewToken("web", pb::TOKEN_ROLE_CALLER);
  EXPECT_EQ(Invoke(deployed->function_ids().at("f")).status(), pb::CALL_STATUS_SUCCESS);
  const auto again = Ask<pb::DeployResponse>("Deployments/Deploy", deploy);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kPermissionDenied);
}

TEST_F(TokenTest, AreKnownUntilTheyAreRevokedAlsoAfterARestart) {
  const std::string kept = NewToken("kept", pb::TOKEN_ROLE_MEMBER), gone = NewToken("gone", pb::TOKEN_ROLE_MEMBER);
  ASSERT_TRUE(Revoke("gone"));
  EXPECT_EQ(AppsBy(gone), Code::kUnauthenticated);
  KillControl();
  StartControl();
  EXPECT_EQ(AppsBy(kept), Code::kUnknown);
  EXPECT_EQ(AppsBy(gone), Code::kUnauthenticated);
  const auto tokens = List();
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->tokens_size(), 3);
  EXPECT_TRUE(tokens->tokens(0).own());
  EXPECT_TRUE(tokens->tokens(1).own());
  EXPECT_EQ(tokens->tokens(2).name(), "kept");
  EXPECT_EQ(tokens->tokens(2).role(), pb::TOKEN_ROLE_MEMBER);
  ASSERT_TRUE(Revoke(tokens->tokens(2).id()));
  EXPECT_EQ(AppsBy(kept), Code::kUnauthenticated);
}

TEST_F(TokenTest, BadRequestsAreRefusedInWords) {
  NewToken("ana", pb::TOKEN_ROLE_MEMBER);
  EXPECT_EQ(Create("ana", pb::TOKEN_ROLE_ADMIN).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(Create("no/slash", pb::TOKEN_ROLE_ADMIN).error().code(), Code::kInvalidArgument);
  EXPECT_THAT(Create("bob", pb::TOKEN_ROLE_UNSPECIFIED).error().message(), HasSubstr("needs a role"));
  const auto unknown = Revoke("anna");
  EXPECT_EQ(unknown.error().code(), Code::kNotFound);
  EXPECT_THAT(unknown.error().message(), HasSubstr("did you mean 'ana'?"));
  EXPECT_EQ(Revoke("").error().code(), Code::kNotFound);
  EXPECT_THAT(Revoke(List()->tokens(1).id()).error().message(), HasSubstr("the server's own worker"));
}

TEST_F(TokenTest, OfTheFirstClientIsRevokedForGoodOnceThereIsAnotherAdmin) {
  const std::string first = admin_, own = List()->tokens(0).id();
  EXPECT_EQ(List()->tokens(0).role(), pb::TOKEN_ROLE_ADMIN);
  NewToken("member", pb::TOKEN_ROLE_MEMBER);
  const auto last = Revoke(own);
  EXPECT_EQ(last.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(last.error().message(), HasSubstr("the last token of an admin: make another one first"));
  admin_ = NewToken("ops", pb::TOKEN_ROLE_ADMIN);
  ASSERT_TRUE(Revoke(own));
  token = admin_;
  EXPECT_EQ(AppsBy(first), Code::kUnauthenticated);
  EXPECT_EQ(AppsBy(admin_), Code::kUnknown);
  EXPECT_EQ(Revoke("ops").error().code(), Code::kFailedPrecondition) << "it is the last one now";
  KillControl();
  StartControl();
  EXPECT_EQ(token, "") << "none is handed out";
  token = admin_;
  EXPECT_EQ(AppsBy(first), Code::kUnauthenticated);
  EXPECT_EQ(AppsBy(admin_), Code::kUnknown);
  EXPECT_EQ(List()->tokens_size(), 3);
  auto worker = NewWorker();
  worker->Connect();
  KillControl();
  std::filesystem::remove(directory() + "/control/tokens");
  StartControl();
  EXPECT_NE(token, "");
  EXPECT_EQ(AppsBy(token), Code::kUnknown) << "who has the machine can always have a token";
}

TEST_F(TokenTest, AFileThatIsRemovedIsReplacedWithItsTokens) {
  const std::string named = NewToken("ana", pb::TOKEN_ROLE_MEMBER);
  KillControl();
  std::filesystem::remove(directory() + "/control/tokens");
  StartControl();
  const std::string before = std::exchange(admin_, token);
  EXPECT_NE(before, admin_);
  EXPECT_EQ(AppsBy(before), Code::kUnauthenticated);
  EXPECT_EQ(AppsBy(admin_), Code::kUnknown);
  EXPECT_EQ(AppsBy(named), Code::kUnknown);
  EXPECT_EQ(List()->tokens_size(), 3);
}

}  // namespace
}  // namespace burrow::control
