#include "api/token_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace burrow::api {
namespace {

using ::testing::HasSubstr;

constexpr char kBlob[] = "/blobs/0000000000000000000000000000000000000000000000000000000000000000";

TEST(TokenScope, AnAdminMayDoEverything) {
  for (const char* path : {"/burrow.v1.Tokens/Create", "/burrow.v1.Apps/Create", "/uploads", kBlob})
    EXPECT_TRUE(CheckScope(Access::kAdmin, path)) << path;
}

TEST(TokenScope, AMemberHandsOutNoTokens) {
  for (const char* path : {"/burrow.v1.Apps/Create", "/burrow.v1.Secrets/Put", "/uploads", kBlob})
    EXPECT_TRUE(CheckScope(Access::kMember, path)) << path;
  for (const char* path : {"/burrow.v1.Tokens/Create", "/burrow.v1.Tokens/List", "/burrow.v1.Tokens/Revoke"})
    EXPECT_EQ(CheckScope(Access::kMember, path).error().code(), Code::kPermissionDenied) << path;
}

TEST(TokenScope, ACallerCallsFunctionsAndNothingElse) {
  for (const char* path : {"/burrow.v1.Calls/Invoke", "/burrow.v1.Calls/Submit", "/burrow.v1.Calls/Wait",
                           "/burrow.v1.Deployments/FindFunction", "/burrow.v1.Blobs/Missing", kBlob})
    EXPECT_TRUE(CheckScope(Access::kCaller, path)) << path;
  for (const char* path : {"/burrow.v1.Apps/Create", "/burrow.v1.Apps/Stop", "/burrow.v1.Secrets/Put", "/uploads",
                           "/burrow.v1.Tokens/List", "/burrow.v1.Shells/Open", "/blobs/", "/"}) {
    const Status scope = CheckScope(Access::kCaller, path);
    ASSERT_FALSE(scope) << path;
    EXPECT_EQ(scope.error().code(), Code::kPermissionDenied);
    EXPECT_THAT(scope.error().message(), HasSubstr("use a member's token"));
  }
}

}  // namespace
}  // namespace burrow::api
