#include <atomic>
#include <thread>

#include "control/images.h"
#include "control/step_cache.h"
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class ImageBuilds : public ControlFixture {
 protected:
  ImageBuilds() {
    timings.no_worker = Millis(100);
    timings.sweep = Millis(10);
    StartControl();
    worker_ = NewWorker();
  }
  static pb::BuildRequest Recipe(const std::string& command) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    request.add_steps()->mutable_run()->add_commands(command);
    return request;
  }
  struct Built {
    Status status;
    std::string image;
    std::vector<pb::StepEvent::State> states;
    std::vector<std::string> output;
  };
  Built Build(const pb::BuildRequest& request) {
    Built built;
    built.status = Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
      if (event.has_image()) built.image = event.image().image_id();
      if (event.has_step()) built.states.push_back(event.step().state());
      if (event.event_case() == pb::BuildEvent::kOutput) built.output.push_back(event.output().line());
      return true;
    });
    return built;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

using State = pb::StepEvent;

TEST_F(ImageBuilds, EachStepIsBuiltOnceAndCachedAfterwards) {
  worker_->Connect();
  auto first = Build(Recipe("make"));
  ASSERT_TRUE(first.status) << first.status.error().message();
  EXPECT_EQ(first.states,
            (std::vector{State::STATE_STARTED, State::STATE_DONE, State::STATE_STARTED, State::STATE_DONE}));
  EXPECT_TRUE(IsIdText("im", first.image));
  auto second = Build(Recipe("make"));
  EXPECT_EQ(second.image, first.image);
  EXPECT_EQ(second.states, (std::vector{State::STATE_CACHED, State::STATE_CACHED}));
  auto other = Build(Recipe("make other"));
  EXPECT_NE(other.image, first.image);
  EXPECT_EQ(other.states.front(), State::STATE_CACHED);
  EXPECT_EQ(worker_->Count(From::kBuild), 3u);
  auto no_cache = Recipe("make");
  no_cache.set_no_cache(true);
  Build(no_cache);
  EXPECT_EQ(worker_->Count(From::kBuild), 5u);
}

TEST_F(ImageBuilds, TwoClientsShareOneRunOfAStep) {
  std::atomic<int> reading = 0;
  worker_->on_build = [&](const lpb::BuildStep& build) {
    if (build.step().has_base()) return worker_->SayBuilt(build.step_id(), "base");
    lpb::FromWorker said;
    said.mutable_step_output()->set_step_id(build.step_id());
    said.mutable_step_output()->add_lines("working");
    worker_->Say(said);
  };
  worker_->Connect();
  auto follow = [&] {
    return Stream<pb::BuildEvent>("Images/Build", Recipe("make"), [&](const pb::BuildEvent& event) {
      if (event.event_case() == pb::BuildEvent::kOutput && ++reading == 2) {
        worker_->SayBuilt(worker_->WaitFor(From::kBuild, 2).build().step_id(), "made");
      }
      return true;
    });
  };
  std::thread other([&] { EXPECT_TRUE(follow()); });
  EXPECT_TRUE(follow());
  other.join();
  EXPECT_EQ(worker_->Count(From::kBuild), 2u);
}

TEST_F(ImageBuilds, AFailedStepIsNamedWithTheLastLinesOfItsOutput) {
  worker_->on_build = [&](const lpb::BuildStep& build) {
    if (build.step().has_base()) return worker_->SayBuilt(build.step_id(), "base");
    lpb::FromWorker message;
    message.mutable_step_output()->set_step_id(build.step_id());
    message.mutable_step_output()->add_lines("gcc: not found");
    worker_->Say(message);
    lpb::FromWorker done;
    done.mutable_step_done()->set_step_id(build.step_id());
    done.mutable_step_done()->set_error("the command exited with code 127; it printed last: gcc: not found");
    worker_->Say(done);
  };
  worker_->Connect();
  auto built = Build(Recipe("gcc x.c"));
  ASSERT_FALSE(built.status);
  EXPECT_THAT(built.status.error().message(), HasSubstr("step 2 (run_commands gcc x.c) failed"));
  EXPECT_THAT(built.status.error().message(), HasSubstr("gcc: not found"));
  EXPECT_EQ(built.states.back(), State::STATE_FAILED);
  EXPECT_EQ(built.output, (std::vector<std::string>{"gcc: not found"}));
}

TEST_F(ImageBuilds, AStepIsCancelledWhenTheLastClientLeaves) {
  worker_->on_build = [](const lpb::BuildStep&) {};
  worker_->Connect();
  ASSERT_TRUE(Stream<pb::BuildEvent>("Images/Build", Recipe("sleep"), [&](const pb::BuildEvent&) {
    worker_->WaitFor(From::kBuild);
    return false;
  }));
  EXPECT_EQ(worker_->WaitFor(From::kCancelStep).cancel_step().step_id(),
            worker_->WaitFor(From::kBuild).build().step_id());
}

TEST_F(ImageBuilds, WithoutAWorkerABuildFailsAndSaysWhatToDo) {
  auto built = Build(Recipe("make"));
  ASSERT_FALSE(built.status);
  EXPECT_THAT(built.status.error().message(), HasSubstr("no worker was connected"));
}

TEST_F(ImageBuilds, FilesMustBeUploadedFirst) {
  worker_->Connect();
  auto request = Recipe("make");
  auto& files = *request.add_steps()->mutable_add_files();
  files.set_destination("/data");
  auto& file = *files.add_files();
  file.set_path("a.txt");
  file.set_size(3);
  file.set_digest(std::string(64, 'a'));
  auto built = Build(request);
  ASSERT_FALSE(built.status);
  EXPECT_THAT(built.status.error().message(), HasSubstr("'a.txt'"));
}

TEST_F(ImageBuilds, AnUnknownImageIsRefusedAtPublish) {
  pb::PublishRequest request;
  request.set_app_id(NewApp());
  auto& spec = *request.add_functions();
  spec.set_name("f");
  spec.set_module("m");
  spec.set_qualname("f");
  spec.set_image_id("im-nothing");
  auto response = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message(), HasSubstr("build it first"));
}

std::string KeyOf(const std::string& parent, const pb::ImageStep& step) {
  lpb::Image image;
  image.set_index_digest(parent);
  return StepKey("recipe", image).Feed(step).Finish();
}

TEST(StepKeys, DoNotDependOnTheOrderOfMapsAndDependOnTheParent) {
  pb::ImageStep one, other;
  for (int i = 0; i < 50; ++i) (*one.mutable_env()->mutable_variables())["V" + std::to_string(i)] = "x";
  for (int i = 49; i >= 0; --i) (*other.mutable_env()->mutable_variables())["V" + std::to_string(i)] = "x";
  EXPECT_EQ(KeyOf("1", one), KeyOf("1", other));
  EXPECT_NE(KeyOf("1", one), KeyOf("2", one));
}

TEST(StepKeys, TellListsOfPartsApart) {
  EXPECT_NE(StepKey("run", {}).Feed("ab").Feed("c").Finish(), StepKey("run", {}).Feed("a").Feed("bc").Finish());
  EXPECT_NE(StepKey("run", {}).Finish(), StepKey("copy", {}).Finish());
  EXPECT_NE(StepKey("run", {}).Feed(std::optional<int64_t>()).Finish(),
            StepKey("run", {}).Feed(std::optional<int64_t>(0)).Finish());
}

TEST(ImageIds, AreTheSameForTheSameContent) {
  lpb::Image image;
  image.set_index_digest("abc");
  auto id = ImageIdOf(store::kDefaultWorkspace, image);
  EXPECT_TRUE(IsIdText("im", id.str()));
  EXPECT_EQ(ImageIdOf(store::kDefaultWorkspace, image), id);
  image.add_env("A=b");
  EXPECT_NE(ImageIdOf(store::kDefaultWorkspace, image), id);
}

}  // namespace
}  // namespace burrow::control
