// Workspaces, and what belongs to them, as every implementation of Store keeps it.
#include <gmock/gmock.h>

#include <algorithm>

#include "store/testing/store_contract.h"

namespace burrow::store::testing {
namespace {

using ::testing::ElementsAre;

constexpr const char* kOther = "other";

template <class Record>
std::vector<std::string> WorkspacesOf(const std::vector<Record>& records) {
  std::vector<std::string> workspaces;
  for (const auto& record : records) workspaces.push_back(record.workspace);
  std::ranges::sort(workspaces);
  return workspaces;
}

CallRecord CallIn(const FunctionId& function) {
  return {.id = CallId::New(), .function = function, .group = GroupId::New(), .arguments = "arguments"};
}

TEST_P(StoreContract, TheDefaultWorkspaceIsThereFromTheBeginning) {
  const auto workspaces = *store().Workspaces();
  ASSERT_EQ(workspaces.size(), 1u);
  EXPECT_EQ(workspaces[0].name, kDefaultWorkspace);
  EXPECT_TRUE(workspaces[0].shares_cache);
}

TEST_P(StoreContract, KeepsWorkspacesByNameWithTheirLimits) {
  ASSERT_TRUE(store().PutWorkspace({.name = kOther, .max_containers = 3, .created_ms = 7}));
  ASSERT_TRUE(store().PutWorkspace({.name = kOther,
                                    .max_containers = 4,
                                    .max_cpu_millis = 1'500,
                                    .max_memory_mib = 9,
                                    .max_queued_calls = 5,
                                    .max_storage_mib = 1ull << 33,
                                    .created_ms = 7}));
  Reopen();
  const auto workspaces = *store().Workspaces();
  ASSERT_EQ(workspaces.size(), 2u);
  EXPECT_EQ(workspaces[1].name, kOther);
  EXPECT_EQ(workspaces[1].max_containers, 4u);
  EXPECT_EQ(workspaces[1].max_cpu_millis, 1'500u);
  EXPECT_EQ(workspaces[1].max_memory_mib, 9u);
  EXPECT_EQ(workspaces[1].max_queued_calls, 5u);
  EXPECT_EQ(workspaces[1].max_storage_mib, 1ull << 33);
  EXPECT_FALSE(workspaces[1].shares_cache);
  EXPECT_EQ(workspaces[1].created_ms, 7u);
}

TEST_P(StoreContract, EachRecordKeepsItsWorkspace) {
  ASSERT_TRUE(store().PutToken({.id = "tk-1", .name = "ana", .secret_sha256 = "aa", .workspace = kOther}));
  ASSERT_TRUE(store().PutApp({.id = AppId::New(), .name = "app", .workspace = kOther}));
  ASSERT_TRUE(store().PutImage({.id = ImageId::New(), .image = "i", .workspace = kOther}));
  Reopen();
  EXPECT_THAT(WorkspacesOf(*store().Tokens()), ElementsAre(kOther));
  EXPECT_THAT(WorkspacesOf(*store().Apps()), ElementsAre(kOther));
  EXPECT_THAT(WorkspacesOf(*store().Images()), ElementsAre(kOther));
}

TEST_P(StoreContract, AnImageNameIsOnePerWorkspace) {
  const ImageId mine = ImageId::New(), theirs = ImageId::New();
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "tools", mine}));
  ASSERT_TRUE(store().NameImage({kOther, "tools", theirs}));
  ASSERT_EQ(store().ImageNames()->size(), 2u);
  ASSERT_TRUE(store().DropImageNames(kOther, {"tools"}));
  const auto names = *store().ImageNames();
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].workspace, kDefaultWorkspace);
  EXPECT_EQ(names[0].image, mine);
}

TEST_P(StoreContract, CallsAndGroupsOfOtherWorkspacesAreNotFound) {
  const CallRecord call = CallIn(FunctionId::New());
  const GroupRecord group{.id = call.group, .function = call.function, .workspace = kOther};
  ASSERT_EQ(store().AddCalls(group, {call})->size(), 1u);
  Reopen();
  EXPECT_TRUE(store().FindCall(kOther, call.id)->has_value());
  EXPECT_EQ((*store().FindGroup(kOther, group.id))->workspace, kOther);
  EXPECT_FALSE(store().FindCall(kDefaultWorkspace, call.id)->has_value());
  EXPECT_FALSE(store().FindGroup(kDefaultWorkspace, group.id)->has_value());
}

TEST_P(StoreContract, StepsAreDroppedByTheScopeOfTheirCache) {
  for (const char* key : {"common", "other/a", "other/b", "other-one/a"}) ASSERT_TRUE(store().PutStep({.key = key}));
  EXPECT_EQ(*store().DropSteps(kOther), 2u);
  EXPECT_TRUE(store().FindStep("other-one/a")->has_value());
  EXPECT_EQ(*store().DropSteps(""), 1u);
  EXPECT_EQ(store().Steps()->size(), 1u);
}

TEST_P(StoreContract, ADroppedWorkspaceTakesAllThatBelongsToItAlong) {
  for (const char* workspace : {kDefaultWorkspace, kOther}) {
    Deployment deployment{.app = {.id = AppId::New(), .name = "tides", .workspace = workspace}, .deployed_ms = 7};
    const FunctionId function = FunctionId::New();
    deployment.functions = {{.id = function, .app = deployment.app.id, .name = "f", .spec = "s"}};
    deployment.schedules = {{.function = function, .last_ms = 100}};
    ASSERT_TRUE(store().PutDeployment(deployment));
    const CallRecord call = CallIn(function);
    ASSERT_TRUE(store().AddCalls({.id = call.group, .function = function, .workspace = workspace}, {call}));
    const ImageId image = ImageId::New();
    ASSERT_TRUE(store().PutImage({.id = image, .image = "i", .workspace = workspace}));
    ASSERT_TRUE(store().NameImage({workspace, "tools", image}));
    ASSERT_TRUE(store().PutHotSet({.workspace = workspace, .app = "tides", .function = "f", .image = "i"}));
    ASSERT_TRUE(store().PutSecret({.workspace = workspace, .name = "hub", .sealed = "s"}));
    const VolumeId volume = VolumeId::New();
    ASSERT_TRUE(store().AddVolume({.id = volume, .workspace = workspace, .name = "weights"}));
    ASSERT_TRUE(store().MoveVolumeHead(volume, {}, VolumeCommit{.volume = volume, .owner = "ct-1", .sequence = 1}));
  }
  ASSERT_TRUE(store().PutStep({.key = "other/a"}));
  ASSERT_TRUE(store().PutStep({.key = "common"}));
  ASSERT_TRUE(store().PutWorkspace({.name = kOther}));
  ASSERT_TRUE(store().DropWorkspace(kOther));
  Reopen();
  EXPECT_EQ(store().Workspaces()->size(), 1u);
  EXPECT_THAT(WorkspacesOf(*store().Apps()), ElementsAre(kDefaultWorkspace));
  EXPECT_EQ(store().Functions()->size(), 1u);
  EXPECT_EQ(store().Schedules()->size(), 1u);
  EXPECT_EQ(store().QueuedCalls()->size(), 1u);
  EXPECT_THAT(WorkspacesOf(*store().Images()), ElementsAre(kDefaultWorkspace));
  EXPECT_THAT(WorkspacesOf(*store().ImageNames()), ElementsAre(kDefaultWorkspace));
  EXPECT_THAT(WorkspacesOf(*store().HotSets()), ElementsAre(kDefaultWorkspace));
  EXPECT_THAT(WorkspacesOf(*store().Secrets()), ElementsAre(kDefaultWorkspace));
  EXPECT_THAT(WorkspacesOf(*store().Volumes()), ElementsAre(kDefaultWorkspace));
  EXPECT_EQ(store().VolumeCommits()->size(), 1u);
  EXPECT_EQ(store().Steps()->size(), 1u);
}

}  // namespace
}  // namespace burrow::store::testing
