// Volumes as clients and workers see them.
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/testing/volume_fixture.h"

namespace burrow::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::VolumeFixture;
using From = lpb::FromControl;

class VolumesOfClients : public VolumeFixture {};

TEST_F(VolumesOfClients, AreMadeOnceUnderEachName) {
  StartControl();
  const auto made = Make("weights");
  EXPECT_EQ(made.version(), 1u);
  EXPECT_EQ(made.files(), 0u);
  pb::CreateVolumeRequest again;
  again.set_name("weights");
  EXPECT_EQ(Ask<pb::CreateVolumeResponse>("Volumes/Create", again).error().code(), Code::kAlreadyExists);
  again.set_may_exist(true);
  EXPECT_EQ(Ask<pb::CreateVolumeResponse>("Volumes/Create", again)->volume().volume_id(), made.volume_id());
  again.set_name("no/name");
  EXPECT_EQ(Ask<pb::CreateVolumeResponse>("Volumes/Create", again).error().code(), Code::kInvalidArgument);
  const auto unknown = Get("weight");
  EXPECT_EQ(unknown.error().code(), Code::kNotFound);
  EXPECT_THAT(unknown.error().message(), HasSubstr("did you mean 'weights'"));
}

TEST_F(VolumesOfClients, KeepTheirFilesAcrossARestart) {
  StartControl();
  const auto volume = Make("v");
  ASSERT_TRUE(PutFile(volume.volume_id(), "a/b", "hello"));
  const auto before = *Get("v");
  EXPECT_EQ(before.version(), 2u);
  EXPECT_EQ(before.files(), 1u);
  EXPECT_EQ(before.bytes(), 5u);
  KillControl();
  StartControl();
  const auto after = *Get("v");
  EXPECT_EQ(after.SerializeAsString(), before.SerializeAsString());
  EXPECT_THAT(Paths(volume.volume_id()), ElementsAre("a", "a/b"));
}

TEST_F(VolumesOfClients, ChangeWholeOrNotAtAll) {
  StartControl();
  const auto id = Make("v").volume_id();
  pb::ChangeVolumeRequest request;
  request.set_volume_id(id);
  *request.mutable_changes()->add_changes() = FileChange("a", Upload("content"));
  *request.mutable_changes()->add_changes() = FileChange("b", "was never uploaded");
  const auto refused = Change(request);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("'b' is not uploaded"));
  EXPECT_THAT(Paths(id), IsEmpty());
  request.mutable_changes()->mutable_changes()->RemoveLast();
  request.mutable_changes()->mutable_changes(0)->set_size(99);
  EXPECT_THAT(Change(request).error().message(), HasSubstr("99 bytes, and its content has 7"));
  EXPECT_EQ(Get("v")->version(), 1u);
}

TEST_F(VolumesOfClients, RaiseTheirVersionOnlyWhereSomethingChanged) {
  StartControl();
  const auto id = Make("v").volume_id();
  ASSERT_TRUE(PutFile(id, "a", "one"));
  ASSERT_TRUE(PutFile(id, "a", "one"));
  EXPECT_EQ(Get("v")->version(), 2u);
  EXPECT_EQ(PutFile(id, "a", "two", true).error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(PutFile(id, "a", "two"));
  EXPECT_EQ(Get("v")->version(), 3u);
}

TEST_F(VolumesOfClients, TakeManyChangesFromABlob) {
  StartControl();
  const auto id = Make("v").volume_id();
  pb::VolumeChanges changes;
  const std::string content = Upload("content");
  for (int i = 0; i < 300; ++i) *changes.add_changes() = FileChange(fmt::format("d/{:03}", i), content);
  pb::ChangeVolumeRequest request;
  request.set_volume_id(id);
  request.set_digest(cas::Digest::Of(Upload(changes.SerializeAsString())).Hex());
  ASSERT_TRUE(Change(request));
  EXPECT_EQ(Get("v")->files(), 300u);
  request.set_digest(cas::Digest::Of(Upload("no changes\xff")).Hex());
  EXPECT_EQ(Change(request).error().code(), Code::kInvalidArgument);
}

TEST_F(VolumesOfClients, ALargeFileGetsItsFrameTable) {
  StartControl();
  const auto id = Make("v").volume_id();
  const std::string content(5 << 20, 'x');
  ASSERT_TRUE(PutFile(id, "large", content));
  EXPECT_EQ(Get("v")->bytes(), content.size());
  pb::ChangeVolumeRequest request;
  request.set_volume_id(id);
  *request.mutable_changes()->add_changes() = FileChange("lie", content);
  request.mutable_changes()->mutable_changes(0)->set_size(content.size() + 1);
  EXPECT_EQ(Change(request).error().code(), Code::kInvalidArgument);
}

TEST_F(VolumesOfClients, AListOfAnotherVersionIsRefused) {
  StartControl();
  const auto id = Make("v").volume_id();
  ASSERT_TRUE(PutFile(id, "a", "x"));
  pb::VolumeEntriesRequest request;
  request.set_volume_id(id);
  request.set_version(2);
  EXPECT_EQ(Ask<pb::VolumeEntriesResponse>("Volumes/Entries", request)->version(), 2u);
  ASSERT_TRUE(PutFile(id, "b", "x"));
  EXPECT_EQ(Ask<pb::VolumeEntriesResponse>("Volumes/Entries", request).error().code(), Code::kFailedPrecondition);
}

TEST_F(VolumesOfClients, AreRenamedAndDeleted) {
  StartControl();
  const auto id = Make("v").volume_id();
  Make("taken");
  pb::RenameVolumeRequest rename;
  rename.set_volume_id(id);
  rename.set_name("taken");
  EXPECT_EQ(Ask<pb::RenameVolumeResponse>("Volumes/Rename", rename).error().code(), Code::kAlreadyExists);
  rename.set_name("w");
  ASSERT_TRUE(Ask<pb::RenameVolumeResponse>("Volumes/Rename", rename));
  KillControl();
  StartControl();
  EXPECT_EQ(Get("w")->volume_id(), id);
  ASSERT_TRUE(Delete(id));
  EXPECT_EQ(Delete(id).error().code(), Code::kNotFound);
  KillControl();
  StartControl();
  EXPECT_EQ(Get("w").error().code(), Code::kNotFound);
}

TEST_F(VolumesOfClients, AreBoundedByTheRoomOfTheirWorkspaceTogether) {
  StartControl();
  token = NewWorkspace("team", [](pb::WorkspaceLimits& limits) { limits.set_max_storage_mib(2); });
  const auto one = Make("one").volume_id(), two = Make("two").volume_id();
  const std::string mib(1 << 20, 'a');
  ASSERT_TRUE(PutFile(one, "a", mib));
  ASSERT_TRUE(PutFile(two, "a", mib));
  const auto full = PutFile(two, "b", "x");
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(full.error().message(), HasSubstr("would hold 2.0 MiB, and may hold 2"));
  ASSERT_TRUE(PutFile(two, "a", "smaller"));
  ASSERT_TRUE(PutFile(two, "b", "x"));
}

TEST_F(VolumesOfClients, ShareTheRoomOfTheirWorkspaceWithItsImages) {
  StartControl();
  token = NewWorkspace("team", [](pb::WorkspaceLimits& limits) { limits.set_max_storage_mib(3); });
  const auto worker = NewWorker();
  worker->Connect();
  const std::string mib(1 << 20, 'a');
  const auto build = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("scratch");
    auto& add = *request.add_steps()->mutable_add_files();
    add.set_destination("/data");
    for (const auto& [path, content] : files) {
      auto& file = *add.add_files();
      file.set_path(path);
      file.set_size(content.size());
      file.set_digest(cas::Digest::Of(Upload(content)).Hex());
    }
    return Stream<pb::BuildEvent>("Images/Build", request, [](const pb::BuildEvent&) { return true; });
  };
  ASSERT_TRUE(build({{"a", mib}, {"the-same", mib}}));
  ASSERT_TRUE(build({{"a", mib}, {"b", std::string(1 << 20, 'b')}}));
  const auto id = Make("v").volume_id();
  EXPECT_THAT(PutFile(id, "c", mib + "x").error().message(), HasSubstr("would hold 3.0 MiB, and may hold 3"));
  ASSERT_TRUE(PutFile(id, "c", mib.substr(1)));
  EXPECT_EQ(build({{"d", "new"}}).error().code(), Code::kResourceExhausted);
  ASSERT_TRUE(build({{"a", mib}})) << "adds nothing";
}

TEST_F(VolumesOfClients, OfARunningFunctionAreNotDeleted) {
  StartControl();
  const auto id = Make("v").volume_id();
  auto worker = NewWorker();
  worker->Connect();
  const auto published = NewFunction([&](pb::FunctionSpec& spec) { Mount(spec, id); });
  EXPECT_THAT(Delete(id).error().message(), HasSubstr("belongs to f() of the running app tests"));
  EXPECT_EQ(Invoke(published.function).status(), pb::CALL_STATUS_SUCCESS);
  // Its container is slow to stop.
  std::mutex mutex;
  std::condition_variable changed;
  bool asked = false;
  worker->on_stop = [&](const lpb::StopContainer&) {
    const std::lock_guard lock(mutex);
    asked = true;
    changed.notify_all();
  };
  std::thread stopping([&] {
    pb::StopAppRequest stop;
    stop.set_app(published.app);
    (void)Ask<pb::StopAppResponse>("Apps/Stop", stop);
  });
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return asked; }));
  }
  EXPECT_THAT(Delete(id).error().message(), HasSubstr("has the volume 'v': wait for its end"));
  worker->SayStopped(worker->WaitFor(From::kStart).start().container_id(), lpb::STOP_CAUSE_REQUESTED);
  stopping.join();
  EXPECT_TRUE(Delete(id));
}

TEST_F(VolumesOfClients, GoWithTheirWorkspace) {
  StartControl();
  const std::string admin = token;
  token = NewWorkspace("team");
  Make("v");
  token = admin;
  pb::ListTokensRequest list;
  for (const auto& info : Ask<pb::ListTokensResponse>("Tokens/List", list)->tokens()) {
    if (info.workspace() != "team") continue;
    pb::RevokeTokenRequest revoke;
    revoke.set_token(info.id());
    ASSERT_TRUE(Ask<pb::RevokeTokenResponse>("Tokens/Revoke", revoke));
  }
  pb::DeleteWorkspaceRequest remove;
  remove.set_name("team");
  ASSERT_TRUE(Ask<pb::DeleteWorkspaceResponse>("Workspaces/Delete", remove));
  token = NewWorkspace("team");
  EXPECT_EQ(Get("v").error().code(), Code::kNotFound);
}

TEST_F(VolumesOfClients, AreKeptFromCallersAndFromCommits) {
  StartControl();
  const auto id = Make("v").volume_id();
  pb::CommitVolumeRequest commit;
  commit.set_volume_id(id);
  EXPECT_EQ(Ask<pb::CommitVolumeResponse>("Volumes/Commit", commit).error().code(), Code::kFailedPrecondition);
  pb::CreateTokenRequest create;
  create.set_name("web");
  create.set_role(pb::TOKEN_ROLE_CALLER);
  token = Ask<pb::CreateTokenResponse>("Tokens/Create", create)->token();
  EXPECT_EQ(Get("v").error().code(), Code::kPermissionDenied);
}

TEST_F(VolumesOfClients, AFunctionAsksForVolumesOfItsWorkspaceAlone) {
  StartControl();
  auto worker = NewWorker();
  worker->Connect();
  const std::string own = token;
  token = NewWorkspace("others");
  const auto theirs = Make("v").volume_id();
  token = own;
  pb::PublishRequest publish;
  publish.set_app_id(NewApp());
  auto& spec = *publish.add_functions();
  spec = Spec();
  Mount(spec, theirs);
  const auto refused = Ask<pb::PublishResponse>("Apps/Publish", publish);
  EXPECT_EQ(refused.error().code(), Code::kNotFound);
  EXPECT_THAT(refused.error().message(), HasSubstr("at '/data' is not there"));
}

TEST_F(VolumesOfClients, AVariantMayHaveOtherOnesOfItsWorkspace) {
  StartControl();
  auto worker = NewWorker();
  worker->Connect();
  const auto published = NewFunction();
  const auto id = Make("v").volume_id();
  pb::BindRequest bind;
  bind.set_function_id(published.function);
  auto& mount = *bind.mutable_overrides()->mutable_volumes()->add_mounts();
  mount.set_volume_id(id);
  mount.set_path("/data");
  const auto bound = Ask<pb::BindResponse>("Apps/Bind", bind);
  ASSERT_TRUE(bound) << bound.error().message();
  EXPECT_EQ(Invoke(bound->function_id()).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(worker->WaitFor(From::kStart).start().volumes(0).volume_id(), id);
  mount.set_volume_id(VolumeId::New().str());
  EXPECT_EQ(Ask<pb::BindResponse>("Apps/Bind", bind).error().code(), Code::kNotFound);
  pb::CreateTokenRequest create;
  create.set_name("web");
  create.set_role(pb::TOKEN_ROLE_CALLER);
  token = Ask<pb::CreateTokenResponse>("Tokens/Create", create)->token();
  mount.set_volume_id(id);
  mount.set_path("/elsewhere");
  EXPECT_EQ(Ask<pb::BindResponse>("Apps/Bind", bind).error().code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace burrow::control
