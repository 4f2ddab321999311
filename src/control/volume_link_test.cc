// Volumes between control and a scripted worker.
#include "control/testing/volume_fixture.h"

namespace burrow::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::VolumeFixture;
using From = lpb::FromControl;

class VolumesOfContainers : public VolumeFixture {
 protected:
  // A running container of a function that has the volume "v".
  void Begin() {
    StartControl();
    volume_ = Make("v").volume_id();
    worker_ = NewWorker();
    worker_->Connect();
    published_ = NewFunction([&](pb::FunctionSpec& spec) { Mount(spec, volume_); });
    ASSERT_EQ(Invoke(published_.function).status(), pb::CALL_STATUS_SUCCESS);
    start_ = worker_->WaitFor(From::kStart).start();
    container = start_.container_id();
  }
  void Restart() {
    worker_->Disconnect();
    KillControl();
    StartControl();
    worker_->set_port(port());
    worker_->Connect();
  }
  // What the container wrote: one file.
  lpb::VolumeChanged Wrote(const std::string& path, const std::string& content, uint64_t sequence) {
    pb::VolumeChanges changes;
    *changes.add_changes() = FileChange(path, Upload(content));
    lpb::VolumeChanged changed;
    changed.set_owner_id(start_.container_id());
    changed.set_volume_id(volume_);
    changed.set_sequence(sequence);
    changed.set_changes_digest(cas::Digest::Of(Upload(changes.SerializeAsString())).Hex());
    return changed;
  }
  // Says it and gives the n-th answer.
  lpb::VolumeApplied Say(const lpb::VolumeChanged& changed, size_t answer) {
    lpb::FromWorker message;
    *message.mutable_volume_changed() = changed;
    worker_->Say(std::move(message));
    return worker_->WaitFor(From::kVolumeApplied, answer).volume_applied();
  }
  template <class Response, class Request>
  Result<Response> AskInContainer(const std::string& method) {
    Request request;
    request.set_volume_id(volume_);
    return Ask<Response>(method, request);
  }
  // Answers each request when it comes.
  void AnswerRequests(std::function<void(lpb::VolumeRequestDone&)> fill) {
    worker_->on_volume_request = [this, fill](const lpb::VolumeRequest& request) {
      lpb::FromWorker message;
      message.mutable_volume_request_done()->set_request_id(request.request_id());
      fill(*message.mutable_volume_request_done());
      worker_->Say(std::move(message));
    };
  }

  std::string volume_;
  std::unique_ptr<testing::FakeWorker> worker_;
  Published published_;
  lpb::StartContainer start_;
};

TEST_F(VolumesOfContainers, StartWithTheHead) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  ASSERT_EQ(start_.volumes_size(), 1);
  EXPECT_EQ(start_.volumes(0).volume_id(), volume_);
  EXPECT_EQ(start_.volumes(0).path(), "/data");
  EXPECT_EQ(start_.volumes(0).version(), 1u);
  EXPECT_EQ(start_.volumes(0).index_digest().size(), 64u);
}

TEST_F(VolumesOfContainers, WhatAContainerWroteIsInTheNextHead) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  const auto applied = Say(Wrote("a", "one", 1), 1);
  EXPECT_EQ(applied.error(), "");
  EXPECT_EQ(applied.owner_id(), start_.container_id());
  EXPECT_EQ(applied.volume_id(), volume_);
  EXPECT_EQ(applied.sequence(), 1u);
  EXPECT_EQ(applied.version(), 2u);
  EXPECT_NE(applied.index_digest(), start_.volumes(0).index_digest());
  EXPECT_THAT(Paths(volume_), ElementsAre("a"));
  // Nothing but the head is asked for.
  lpb::VolumeChanged nothing = Wrote("a", "one", 2);
  nothing.clear_changes_digest();
  EXPECT_EQ(Say(nothing, 2).version(), 2u);
}

TEST_F(VolumesOfContainers, WhatIsSaidAgainIsNotAppliedAgain) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  const auto first = Wrote("a", "of the container", 1);
  ASSERT_EQ(Say(first, 1).version(), 2u);
  container.clear();
  ASSERT_TRUE(PutFile(volume_, "a", "of a client, later"));
  EXPECT_EQ(Say(first, 2).version(), 3u);
  EXPECT_EQ(Get("v")->version(), 3u);
  Restart();
  const auto again = Say(first, 3);
  EXPECT_EQ(again.error(), "");
  EXPECT_EQ(again.version(), 3u) << "also in another life of control";
  EXPECT_EQ(Say(Wrote("b", "the next one", 2), 4).version(), 4u);
}

TEST_F(VolumesOfContainers, WhatCannotBeAppliedIsSaidToBeSo) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  lpb::VolumeChanged changed = Wrote("a", "one", 1);
  changed.set_changes_digest(std::string(64, 'a'));
  EXPECT_THAT(Say(changed, 1).error(), HasSubstr("read the volume's changes"));
  changed.set_volume_id(VolumeId::New().str());
  EXPECT_THAT(Say(changed, 2).error(), HasSubstr("was deleted"));
  EXPECT_EQ(Say(Wrote("a", "one", 1), 3).error(), "") << "the same number is good for the next try";
}

TEST_F(VolumesOfContainers, CommitAndReloadGoToTheWorkerOfTheContainer) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  AnswerRequests([](lpb::VolumeRequestDone& done) { done.set_version(7); });
  EXPECT_EQ((AskInContainer<pb::CommitVolumeResponse, pb::CommitVolumeRequest>("Volumes/Commit")->version()), 7u);
  auto request = worker_->WaitFor(From::kVolumeRequest).volume_request();
  EXPECT_EQ(request.container_id(), start_.container_id());
  EXPECT_EQ(request.volume_id(), volume_);
  EXPECT_FALSE(request.reload());
  EXPECT_EQ((AskInContainer<pb::ReloadVolumeResponse, pb::ReloadVolumeRequest>("Volumes/Reload")->version()), 7u);
  EXPECT_TRUE(worker_->WaitFor(From::kVolumeRequest, 2).volume_request().reload());
}

TEST_F(VolumesOfContainers, WhatTheWorkerRefusesTheCallerLearns) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  AnswerRequests([](lpb::VolumeRequestDone& done) {
    done.set_error("files are open");
    done.set_busy(true);
  });
  auto refused = AskInContainer<pb::ReloadVolumeResponse, pb::ReloadVolumeRequest>("Volumes/Reload");
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().message(), "files are open");
  AnswerRequests([](lpb::VolumeRequestDone& done) { done.set_error("no room"); });
  refused = AskInContainer<pb::ReloadVolumeResponse, pb::ReloadVolumeRequest>("Volumes/Reload");
  EXPECT_EQ(refused.error().code(), Code::kAborted);
}

TEST_F(VolumesOfContainers, AWaitEndsWithTheConnectionAndWithItsDeadline) {
  timings.volume_request = Millis(200);
  ASSERT_NO_FATAL_FAILURE(Begin());
  auto ended = AskInContainer<pb::CommitVolumeResponse, pb::CommitVolumeRequest>("Volumes/Commit");
  EXPECT_EQ(ended.error().code(), Code::kDeadlineExceeded);
  KillControl();
  timings.volume_request = Millis(60'000);
  timings.worker_grace = Millis(1);
  StartControl();
  worker_->set_port(port());
  worker_->LoseContainers();
  worker_->Disconnect();
  worker_->Connect();
  container.clear();
  const auto again = NewFunction([&](pb::FunctionSpec& spec) { Mount(spec, volume_); });
  ASSERT_EQ(Invoke(again.function).status(), pb::CALL_STATUS_SUCCESS);
  container = worker_->WaitFor(From::kStart, 2).start().container_id();
  std::thread leaving([&] {
    worker_->WaitFor(From::kVolumeRequest, 2);
    worker_->Disconnect();
  });
  ended = AskInContainer<pb::CommitVolumeResponse, pb::CommitVolumeRequest>("Volumes/Commit");
  EXPECT_EQ(ended.error().code(), Code::kUnavailable) << ended.error().message();
  leaving.join();
}

TEST_F(VolumesOfContainers, AContainerAsksForItsOwnVolumesAlone) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  pb::CreateVolumeRequest create;
  create.set_name("other");
  const auto made = Ask<pb::CreateVolumeResponse>("Volumes/Create", create);
  ASSERT_TRUE(made) << "functions use volumes as their SDK does";
  EXPECT_TRUE(PutFile(made->volume().volume_id(), "a", "x"));
  pb::CommitVolumeRequest commit;
  commit.set_volume_id(made->volume().volume_id());
  const auto refused = Ask<pb::CommitVolumeResponse>("Volumes/Commit", commit);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("does not have the volume 'other'"));
  EXPECT_EQ(Delete(volume_).error().code(), Code::kPermissionDenied);
}

TEST_F(VolumesOfContainers, AStepOfABuildHasTheVolumesOfItsFunctionAndAKeyWithoutTheirContent) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  container.clear();
  pb::BuildRequest build;
  build.add_steps()->mutable_base()->set_name("debian_slim");
  auto& step = *build.add_steps()->mutable_run_function();
  *step.mutable_function() = Spec("fill");
  step.mutable_function()->clear_image_id();
  Mount(*step.mutable_function(), volume_);
  const auto run = [&] {
    size_t cached = 0;
    const auto built = Stream<pb::BuildEvent>("Images/Build", build, [&](const pb::BuildEvent& event) {
      cached += event.step().state() == pb::StepEvent::STATE_CACHED;
      return true;
    });
    EXPECT_TRUE(built) << built.error().message();
    return cached;
  };
  EXPECT_LT(run(), 2u);
  lpb::BuildStep sent;
  for (const auto& message : worker_->Received()) {
    if (message.has_build() && message.build().volumes_size() > 0) sent = message.build();
  }
  ASSERT_EQ(sent.volumes_size(), 1);
  EXPECT_EQ(sent.volumes(0).volume_id(), volume_);
  ASSERT_TRUE(PutFile(volume_, "a", "another content"));
  EXPECT_EQ(run(), 2u);
}

TEST_F(VolumesOfContainers, TheBlobsOfAHeadAreNeeded) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  ASSERT_EQ(Say(Wrote("a", "one", 1), 1).error(), "");
  container.clear();
  pb::CollectRequest collect;
  collect.set_dry_run(true);
  const auto before = Ask<pb::CollectResponse>("Blobs/Collect", collect)->needed_blobs();
  ASSERT_TRUE(PutFile(volume_, "b", "two"));
  const auto with_file = Ask<pb::CollectResponse>("Blobs/Collect", collect)->needed_blobs();
  EXPECT_EQ(with_file, before + 2) << "the new index and the file; that of the start is mounted";
  pb::ChangeVolumeRequest clear;
  clear.set_volume_id(volume_);
  auto& change = *clear.mutable_changes()->add_changes();
  change.set_kind(pb::VolumeChange::OPAQUE_DIRECTORY);
  change.set_mode(S_IFDIR | 0755);
  ASSERT_TRUE(Change(clear));
  EXPECT_LT(Ask<pb::CollectResponse>("Blobs/Collect", collect)->needed_blobs(), with_file);
}

}  // namespace
}  // namespace burrow::control
