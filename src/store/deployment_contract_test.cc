// Deployed apps, schedules and secrets, as every implementation of Store keeps them.
#include <gmock/gmock.h>

#include "store/testing/store_contract.h"

namespace burrow::store::testing {
namespace {

using ::testing::IsEmpty;

Deployment NewDeployment(const std::vector<std::string>& names) {
  Deployment deployment{.app = {.id = AppId::New(), .name = "tides", .created_ms = 5}, .deployed_ms = 7};
  for (const std::string& name : names) {
    deployment.functions.push_back(
        {.id = FunctionId::New(), .app = deployment.app.id, .name = name, .spec = std::string("\0spec", 5)});
  }
  return deployment;
}

CallRecord CallOf(const FunctionId& function) {
  const CallId id = CallId::New();
  return {.id = id, .function = function, .group = GroupId("fg" + id.str().substr(2)), .arguments = "arguments"};
}

GroupRecord GroupOf(const CallRecord& call) { return {.id = call.group, .function = call.function, .closed = true}; }

std::vector<std::string> NamesOf(const std::vector<FunctionRecord>& functions) {
  std::vector<std::string> names;
  for (const auto& function : functions) names.push_back(function.name);
  return names;
}

TEST_P(StoreContract, ADeployReplacesAllFunctionsOfTheApp) {
  Deployment deployment = NewDeployment({"kept", "dropped"});
  const Deployment other = NewDeployment({"of another app"});
  ASSERT_EQ(*store().PutDeployment(other), 1u);
  ASSERT_EQ(*store().PutDeployment(deployment), 1u);
  deployment.functions[1] = {.id = FunctionId::New(), .app = deployment.app.id, .name = "new", .spec = "s"};
  deployment.deployed_ms = 8;
  ASSERT_EQ(*store().PutDeployment(deployment), 2u);
  Reopen();
  EXPECT_THAT(NamesOf(*store().Functions()), ::testing::UnorderedElementsAre("of another app", "kept", "new"));
  const auto history = *store().Deployments(deployment.app.id);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].version, 2u);
  EXPECT_EQ(history[0].deployed_ms, 8u);
  EXPECT_EQ(history[0].functions, "kept\nnew\n");
  EXPECT_EQ(store().Apps()->size(), 2u);
}

TEST_P(StoreContract, TheHistoryOfDeploymentsIsBounded) {
  const Deployment deployment = NewDeployment({"f"});
  for (uint32_t i = 1; i <= kMaxDeployments + 2; ++i) ASSERT_EQ(*store().PutDeployment(deployment), i);
  const auto history = *store().Deployments(deployment.app.id);
  ASSERT_EQ(history.size(), kMaxDeployments);
  EXPECT_EQ(history.back().version, 3u);
}

TEST_P(StoreContract, SchedulesGoOnAcrossDeploysAndNeverBack) {
  Deployment deployment = NewDeployment({"f", "g"});
  const FunctionId f = deployment.functions[0].id, g = deployment.functions[1].id;
  deployment.schedules = {{.function = f, .last_ms = 100}, {.function = g, .last_ms = 100}};
  ASSERT_TRUE(store().PutDeployment(deployment));
  const CallRecord call = CallOf(f);
  ASSERT_TRUE(*store().FireSchedule({.function = f, .last_ms = 200}, GroupOf(call), call));
  deployment.schedules.pop_back();  // g has none any more
  ASSERT_TRUE(store().PutDeployment(deployment));
  Reopen();
  const auto schedules = *store().Schedules();
  ASSERT_EQ(schedules.size(), 1u);
  EXPECT_EQ(schedules[0].function, f);
  EXPECT_EQ(schedules[0].last_ms, 200u);
}

TEST_P(StoreContract, AFiredScheduleHasItsCallAndItsTimeOrNeither) {
  Deployment deployment = NewDeployment({"f"});
  const FunctionId f = deployment.functions[0].id;
  deployment.schedules = {{.function = f, .last_ms = 100}};
  ASSERT_TRUE(store().PutDeployment(deployment));
  const CallRecord first = CallOf(f), repeated = CallOf(f), stray = CallOf(FunctionId::New());
  EXPECT_TRUE(*store().FireSchedule({.function = f, .last_ms = 200}, GroupOf(first), first));
  EXPECT_FALSE(*store().FireSchedule({.function = f, .last_ms = 200}, GroupOf(repeated), repeated));
  EXPECT_FALSE(*store().FireSchedule({.function = f, .last_ms = 150}, GroupOf(repeated), repeated));
  EXPECT_FALSE(*store().FireSchedule({.function = stray.function, .last_ms = 300}, GroupOf(stray), stray));
  Reopen();
  ASSERT_EQ(store().QueuedCalls()->size(), 1u);
  EXPECT_EQ(store().QueuedCalls()->front().id, first.id);
  EXPECT_EQ(store().QueuedCalls()->front().arguments, "arguments");
  EXPECT_TRUE((*store().FindGroup(kDefaultWorkspace, first.group))->closed);
  EXPECT_EQ(store().Schedules()->front().last_ms, 200u);
}

TEST_P(StoreContract, AForgottenAppLeavesNoScheduleAndNoHistory) {
  Deployment deployment = NewDeployment({"f"});
  deployment.schedules = {{.function = deployment.functions[0].id, .last_ms = 100}};
  ASSERT_TRUE(store().PutDeployment(deployment));
  ASSERT_TRUE(store().DropApps({deployment.app.id}));
  Reopen();
  EXPECT_THAT(*store().Schedules(), IsEmpty());
  EXPECT_THAT(*store().Deployments(deployment.app.id), IsEmpty());
  EXPECT_THAT(*store().Functions(), IsEmpty());
}

TEST_P(StoreContract, KeepsSecretsByWorkspaceAndName) {
  const std::string sealed("\0\xff sealed", 9);
  ASSERT_TRUE(store().PutSecret({"default", "hub", sealed, 1, 1}));
  ASSERT_TRUE(store().PutSecret({"default", "db", "x", 2, 2}));
  ASSERT_TRUE(store().PutSecret({"other", "hub", "y", 3, 3}));
  ASSERT_TRUE(store().PutSecret({"default", "hub", sealed, 9, 4}));
  ASSERT_TRUE(store().DropSecret("default", "db"));
  ASSERT_TRUE(store().DropSecret("default", "unknown"));
  Reopen();
  const auto secrets = *store().Secrets();
  ASSERT_EQ(secrets.size(), 2u);
  EXPECT_EQ(secrets[0].name, "hub");
  EXPECT_EQ(secrets[0].sealed, sealed);
  EXPECT_EQ(secrets[0].created_ms, 1u);
  EXPECT_EQ(secrets[0].updated_ms, 4u);
  EXPECT_EQ(secrets[1].workspace, "other");
}

}  // namespace
}  // namespace burrow::store::testing
