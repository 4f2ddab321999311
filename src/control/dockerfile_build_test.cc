#include <algorithm>
#include <mutex>
#include <set>

#include "cas/digest.h"
#include "control/testing/control_fixture.h"
#include "control/url_download.h"

namespace burrow::control {
namespace {

using ::testing::Contains;
using testing::ControlFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using From = lpb::FromControl;
using State = pb::StepEvent;

class DockerfileBuilds : public ControlFixture {
 protected:
  DockerfileBuilds() {
    timings.no_worker = Millis(200);
    timings.sweep = Millis(10);
    StartControl();
    worker_ = NewWorker();
  }

  static pb::BuildRequest Dockerfile(const std::string& text) {
    pb::BuildRequest request;
    request.add_steps()->mutable_dockerfile()->set_text(text);
    return request;
  }

  struct Built {
    Status status;
    std::string id, image;
    std::vector<State::State> states;
    std::vector<std::string> descriptions, notes, left;
  };
  Built Build(const pb::BuildRequest& request) {
    Built built;
    built.status = Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
      if (event.event_case() == pb::BuildEvent::kBuildId) built.id = event.build_id();
      if (event.event_case() == pb::BuildEvent::kNote) built.notes.push_back(event.note());
      if (event.has_image()) built.image = event.image().image_id();
      if (event.has_step()) {
        built.states.push_back(event.step().state());
        if (!event.step().left_image().empty()) built.left.push_back(event.step().left_image());
        built.descriptions.push_back(event.step().description());
      }
      return true;
    });
    return built;
  }
  pb::InspectResponse Inspect(const std::string& image) {
    pb::InspectRequest request;
    request.set_image(image);
    auto response = Ask<pb::InspectResponse>("Images/Inspect", request);
    EXPECT_TRUE(response) << response.error().message();
    return response ? *response : pb::InspectResponse();
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    auto response = Ask<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest());
    for (const auto& image : response->images()) names.insert(names.end(), image.names().begin(), image.names().end());
    return names;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(DockerfileBuilds, CopyAndConfigureWithoutAWorker) {
  auto request = Dockerfile("FROM scratch\nCOPY <<EOF /greeting\nhello\nEOF\nENV X=1\nWORKDIR /srv\nCMD [\"a\"]\n");
  auto built = Build(request);
  ASSERT_TRUE(built.status) << built.status.error().message();
  EXPECT_TRUE(IsIdText("bd", built.id));
  auto image = Inspect(built.image);
  EXPECT_EQ(image.info().files(), 1u);
  EXPECT_EQ(image.info().bytes(), 6u);
  EXPECT_EQ(image.workdir(), "/srv");
  EXPECT_THAT(image.env(), Contains("X=1"));
  EXPECT_THAT(image.cmd(), ElementsAre("a"));
  ASSERT_EQ(image.history_size(), 4);
  EXPECT_FALSE(image.history(0).empty_layer());
  EXPECT_TRUE(image.history(1).empty_layer());
  auto again = Build(request);
  EXPECT_EQ(again.image, built.image);
  EXPECT_THAT(again.states, ElementsAre(State::STATE_CACHED, State::STATE_CACHED));
}

TEST_F(DockerfileBuilds, RunAgainOnlyWhatTheChangeCanReach) {
  worker_->Connect();
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nLABEL version=1\nRUN make\n")).status);
  auto labelled = Build(Dockerfile("FROM scratch\nLABEL version=2\nRUN make\n"));
  ASSERT_TRUE(labelled.status);
  EXPECT_THAT(labelled.states, ElementsAre(State::STATE_CACHED)) << "no process sees a label";
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nENV version=2\nRUN make\n")).status);
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nUSER 7\nRUN make\n")).status);
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nRUN --network=none make\n")).status);
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nRUN --mount=type=cache,target=/c make\n")).status);
  EXPECT_EQ(worker_->Count(From::kBuild), 5u);
}

TEST_F(DockerfileBuilds, BuildStagesSideBySideAndNoneThatIsNotNeeded) {
  std::mutex mutex;
  std::vector<lpb::BuildStep> waiting;
  worker_->on_build = [&](const lpb::BuildStep& build) {
    std::lock_guard lock(mutex);
    waiting.push_back(build);
    bool both = waiting.size() == 2;  // neither is answered before the other has come
    for (const auto& one : waiting) {
      if (both) worker_->SayBuilt(one.step_id(), cas::Digest::Of(one.run().display()).Hex());
    }
  };
  worker_->Connect();
  auto built = Build(Dockerfile(
      "FROM scratch AS one\nRUN one\nFROM scratch AS unused\nRUN never\nFROM scratch AS two\nRUN two\n"
      "FROM scratch\nRUN --mount=type=bind,from=one,target=/1 --mount=type=bind,from=two,target=/2 three\n"));
  std::set<std::string> said;
  for (const auto& build : waiting) said.insert(build.run().display());
  EXPECT_THAT(said, ElementsAre("RUN one", "RUN two"));
  ASSERT_FALSE(built.status) << "the stages' trees are made up";
}

TEST_F(DockerfileBuilds, SayWhereTheStepThatFailedStands) {
  worker_->on_build = [&](const lpb::BuildStep& build) {
    lpb::FromWorker done;
    done.mutable_step_done()->set_step_id(build.step_id());
    done.mutable_step_done()->set_error("'RUN false' failed with exit code 1");
    done.mutable_step_done()->mutable_image()->set_index_digest(cas::Digest::Of("left").Hex());
    worker_->Say(done);
  };
  worker_->Connect();
  auto built = Build(Dockerfile("FROM scratch\n\nRUN false\n"));
  ASSERT_FALSE(built.status);
  EXPECT_THAT(built.status.error().message(), HasSubstr("Dockerfile:3"));
  EXPECT_THAT(built.status.error().message(), HasSubstr("exit code 1"));
  EXPECT_THAT(built.notes, Contains(HasSubstr("as the failed step left it is the image im-")));
  auto images = Ask<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest());
  ASSERT_EQ(images->images_size(), 1);
  EXPECT_THAT(images->images(0).description(), HasSubstr("left by the failed step"));
  EXPECT_THAT(built.left, ElementsAre(images->images(0).image_id()));
  auto local = Build(Dockerfile("FROM scratch\nCOPY <<EOF /file\nEOF\nWORKDIR /file\n"));
  EXPECT_FALSE(local.status);
  EXPECT_EQ(local.states.back(), State::STATE_FAILED);
  EXPECT_THAT(local.left, IsEmpty()) << "nothing of it is kept";
}

TEST_F(DockerfileBuilds, GiveSecretsToTheStepAndToNothingElse) {
  worker_->Connect();
  auto request = Dockerfile("FROM scratch\nRUN --mount=type=secret,id=key,required=true make\n");
  auto without = Build(request);
  ASSERT_FALSE(without.status);
  EXPECT_THAT(without.status.error().message(), HasSubstr("--secret id=key"));
  auto& secret = *request.add_secrets();
  secret.set_id("key");
  secret.set_value("of the house");
  auto built = Build(request);
  ASSERT_TRUE(built.status) << built.status.error().message();
  EXPECT_EQ(worker_->WaitFor(From::kBuild).build().run().mounts(0).secret().value(), "of the house");
  EXPECT_THAT(Inspect(built.image).DebugString(), Not(HasSubstr("of the house")));
  request.mutable_secrets(0)->set_value("another");
  EXPECT_THAT(Build(request).states, ElementsAre(State::STATE_CACHED));
}

TEST_F(DockerfileBuilds, PassOverTheCacheForTheStagesThatAreNamed) {
  worker_->Connect();
  auto request = Dockerfile("FROM scratch AS base\nRUN base\nFROM base AS app\nRUN app\n");
  ASSERT_TRUE(Build(request).status);
  request.add_no_cache_filter("app");
  EXPECT_THAT(Build(request).states, ElementsAre(State::STATE_CACHED, State::STATE_STARTED, State::STATE_DONE));
}

TEST_F(DockerfileBuilds, LeaveALog) {
  auto built = Build(Dockerfile("FROM scratch\nWORKDIR /srv\n"));
  ASSERT_TRUE(built.status);
  for (const auto& name : {built.id, built.image}) {
    pb::BuildLogRequest request;
    request.set_build(name);
    std::vector<std::string> lines;
    ASSERT_TRUE(Stream<pb::BuildLogLines>("Images/Logs", request, [&](const pb::BuildLogLines& message) {
      lines.insert(lines.end(), message.lines().begin(), message.lines().end());
      return true;
    }));
    EXPECT_THAT(lines, Contains(HasSubstr("WORKDIR /srv begins")));
  }
}

TEST_F(DockerfileBuilds, AreNamedInspectedRemovedAndPruned) {
  auto request = Dockerfile("FROM scratch\nWORKDIR /srv\n");
  request.add_names("team/tools:1");
  auto built = Build(request);
  ASSERT_TRUE(built.status) << built.status.error().message();
  pb::TagRequest tag;
  tag.set_image("team/tools:1");
  tag.set_name("tools");
  ASSERT_TRUE(Ask<pb::TagResponse>("Images/Tag", tag));
  EXPECT_EQ(Inspect("tools:latest").info().image_id(), built.image);
  pb::RemoveImagesRequest by_id;
  by_id.add_images(built.image);
  EXPECT_FALSE(Ask<pb::RemoveImagesResponse>("Images/Remove", by_id)) << "it has two names";
  pb::RemoveImagesRequest by_name;
  by_name.add_images("team/tools:1");
  auto removed = Ask<pb::RemoveImagesResponse>("Images/Remove", by_name);
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->removed_images_size(), 0);
  EXPECT_THAT(Names(), ElementsAre("tools"));
  ASSERT_TRUE(Build(Dockerfile("FROM scratch\nWORKDIR /other\n")).status);
  pb::PruneRequest prune;
  prune.set_images(true);
  prune.set_steps(true);
  auto pruned = Ask<pb::PruneResponse>("Images/Prune", prune);
  ASSERT_TRUE(pruned);
  EXPECT_EQ(pruned->images(), 1u);
  EXPECT_GE(pruned->steps(), 2u);
  EXPECT_THAT(Names(), ElementsAre("tools"));
}

TEST_F(DockerfileBuilds, RefuseNamesThatAreNone) {
  auto request = Dockerfile("FROM scratch\n");
  for (const char* name :
       {"", "-x", "a b", "/a", "a//b", "a/../b", "..", "a:b:c", "scratch", "im-00000000000000000000000000"}) {
    request.clear_names();
    request.add_names(name);
    EXPECT_FALSE(Build(request).status) << name;
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST(UrlDownloads, NameTheirFileByTheLastPartOfThePath) {
  EXPECT_EQ(NameOfUrl("http://host/a/b.tar.gz?x=1#y"), "b.tar.gz");
  EXPECT_EQ(NameOfUrl("http://host/with%20blank"), "with blank");
  EXPECT_EQ(NameOfUrl("http://host"), "");
  EXPECT_EQ(NameOfUrl("http://host/"), "");
  EXPECT_EQ(NameOfUrl("http://host/%2e%2e"), "");
  EXPECT_EQ(NameOfUrl("http://host/a%2fb"), "");
}

TEST(UrlDownloads, FollowRedirectsToHostsAndPaths) {
  EXPECT_EQ(*ResolveLocation("http://host/a", "https://other/b"), "https://other/b");
  EXPECT_EQ(*ResolveLocation("https://host/a?q", "/b"), "https://host/b");
  EXPECT_EQ(*ResolveLocation("https://host", "//other/b"), "https://other/b");
  EXPECT_EQ(*ResolveLocation("https://host/a/b?q", "c"), "https://host/a/c");
  EXPECT_EQ(*ResolveLocation("https://host", "c"), "https://host/c");
  EXPECT_FALSE(ResolveLocation("https://host/a", "file:///etc/passwd"));
  for (const char* near : {"http://127.0.0.1:1/", "http://localhost/", "http://169.254.169.254/x", "http://[::1]/"})
    EXPECT_FALSE(ResolveLocation("https://host/a", near)) << near;
  EXPECT_EQ(*ResolveLocation("http://127.0.0.1:1/a", "http://127.0.0.1:2/b"), "http://127.0.0.1:2/b");
}

}  // namespace
}  // namespace burrow::control
