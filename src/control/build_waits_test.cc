// Steps that wait: for a worker, or for their turn on it.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BuildWaits : public ControlFixture {
 protected:
  BuildWaits() {
    timings.build_step = Millis(20);
    timings.overdue_step = Millis(20);
    timings.sweep = Millis(5);
    StartControl();
    worker_ = NewWorker();
  }
  static pb::BuildRequest Recipe(const std::string& command) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    request.add_steps()->mutable_run()->add_commands(command);
    return request;
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

}  // namespace
}  // namespace burrow::control
