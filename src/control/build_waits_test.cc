// Steps that wait: for a worker, or for their turn on it.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BuildWaits : public ControlFixture {
 protected:
  BuildWaits() {
    timings.build_step = Millis(20);
    timings.overdue_step = Millis(20);
    timings.sweep = Millis(5);
    timings.heartbeat = Millis(10);
    StartControl();
    worker_ = NewWorker();
  }
  static pb::BuildRequest Recipe(const std::string& command) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    request.add_steps()->mutable_run()->add_commands(command);
    return request;
  }
  static pb::BuildRequest Bounded(uint32_t timeout_ms) {
    auto request = Recipe("make");
    request.set_step_timeout_ms(timeout_ms);
    return request;
  }
  // A step that begins, prints a line and goes on.
  void Begin(const lpb::BuildStep& build) {
    if (build.step().has_base()) return worker_->SayBuilt(build.step_id(), "base");
    SayWait(build.step_id(), "");
    lpb::FromWorker said;
    said.mutable_step_output()->set_step_id(build.step_id());
    said.mutable_step_output()->add_lines("working");
    worker_->Say(said);
  }
  // Builds, and calls `when_working` once its step runs.
  Status Follow(const pb::BuildRequest& request, const std::function<void()>& when_working) {
    return Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
      if (event.event_case() == pb::BuildEvent::kOutput) when_working();
      return true;
    });
  }
  void SayWait(const std::string& step, const std::string& waits_for) {
    lpb::FromWorker message;
    message.mutable_step_wait()->set_step_id(step);
    message.mutable_step_wait()->set_waits_for(waits_for);
    worker_->Say(message);
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

// A step that began later than another one was sent runs out of its time while that one waits.
TEST_F(BuildWaits, DoNotCountAgainstAStepsTime) {
  worker_->on_build = [&](const lpb::BuildStep& build) {
    if (build.step().has_base()) return worker_->SayBuilt(build.step_id(), "base");
    const bool begins = build.step().run().commands(0) == "endless";
    SayWait(build.step_id(), begins ? "" : "its turn on the worker");
  };
  worker_->Connect();
  int turns = 0;
  EXPECT_TRUE(Stream<pb::BuildEvent>("Images/Build", Recipe("waiting"), [&](const pb::BuildEvent& event) {
    if (!event.has_wait() || event.wait().waits_for() != "its turn on the worker") return true;
    ++turns;
    const auto waiting = worker_->WaitFor(lpb::FromControl::kBuild, 2).build().step_id();
    const Status overdue = Stream<pb::BuildEvent>("Images/Build", Recipe("endless"), [](const auto&) { return true; });
    EXPECT_EQ(overdue.error().code(), Code::kDeadlineExceeded);
    EXPECT_THAT(overdue.error().message(), HasSubstr("did not end within 0.02 s"));
    worker_->SayBuilt(waiting, "made");
    return true;
  }));
  EXPECT_EQ(turns, 1);
}

TEST_F(BuildWaits, EndAtTheBoundThatTheBuildHasChosen) {
  worker_->on_build = [this](const lpb::BuildStep& build) { Begin(build); };
  worker_->Connect();
  const Status ended = Follow(Bounded(40), [] {});
  EXPECT_EQ(ended.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(ended.error().message(), HasSubstr("did not end within 0.04 s"));
}

TEST_F(BuildWaits, AreBoundedByTheBuildOrByTheFunctionsOwnTimeout) {
  worker_->Connect();
  auto request = Bounded(7'000);
  for (uint32_t timeout_ms : {5'000u, 0u}) {
    auto& function = *request.add_steps()->mutable_run_function()->mutable_function();
    function.set_name("fill");
    function.set_module("m");
    function.set_qualname("fill");
    function.set_timeout_ms(timeout_ms);
    function.mutable_resources()->set_memory_mib(100 + timeout_ms);
  }
  const Status built = Follow(request, [] {});
  ASSERT_TRUE(built) << built.error().message();
  std::vector<uint32_t> bounds;
  for (const auto& message : worker_->Received()) {
    if (message.has_build()) bounds.push_back(message.build().timeout_ms());
  }
  EXPECT_THAT(bounds, ElementsAre(7'000, 7'000, 5'000, 7'000));
  request.mutable_steps(2)->mutable_run_function()->mutable_function()->set_timeout_ms(6'000);
  std::vector<pb::StepEvent::State> states;
  EXPECT_TRUE(Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
    if (event.has_step()) states.push_back(event.step().state());
    return true;
  }));
  EXPECT_THAT(states, Each(pb::StepEvent::STATE_CACHED)) << "how long it may take changes nothing of an image";
  EXPECT_THAT(Follow(Bounded(604'800'001), [] {}).error().message(), HasSubstr("at most 7 days"));
}

TEST_F(BuildWaits, AreNeverSharedWithARunThatMayTakeLess) {
  worker_->on_build = [this](const lpb::BuildStep& build) { Begin(build); };
  worker_->Connect();
  const auto sent = [this](size_t number) { return worker_->WaitFor(lpb::FromControl::kBuild, number).build(); };
  EXPECT_TRUE(Follow(Bounded(60'000), [&] {
    const auto first = sent(2);
    EXPECT_TRUE(Follow(Bounded(120'000), [&] {
      const auto second = sent(3);
      EXPECT_EQ(second.timeout_ms(), 120'000u);
      EXPECT_TRUE(Follow(Bounded(60'000), [&] { worker_->SayBuilt(second.step_id(), "made"); }));
    }));
    worker_->SayBuilt(first.step_id(), "made");
  }));
  EXPECT_EQ(worker_->Count(lpb::FromControl::kBuild), 3u);
}

TEST_F(BuildWaits, AreSaidWhileNoWorkerIsThere) {
  std::vector<std::string> waits;
  EXPECT_TRUE(Stream<pb::BuildEvent>("Images/Build", Recipe("make"), [&](const pb::BuildEvent& event) {
    if (!event.has_wait()) return true;
    waits.push_back(event.wait().waits_for());
    if (waits.size() == 1) worker_->Connect();
    return true;
  }));
  EXPECT_THAT(waits, ElementsAre("a worker", ""));
}

TEST_F(BuildWaits, AreNoSilenceForTheClient) {
  worker_->on_build = [this](const lpb::BuildStep& build) { Begin(build); };
  worker_->Connect();
  int heartbeats = 0;
  EXPECT_TRUE(Stream<pb::BuildEvent>("Images/Build", Bounded(60'000), [&](const pb::BuildEvent& event) {
    heartbeats += event.event_case() == pb::BuildEvent::EVENT_NOT_SET;
    return heartbeats < 3;
  }));
  EXPECT_EQ(heartbeats, 3);
}

}  // namespace
}  // namespace burrow::control
