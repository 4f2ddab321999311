// Shells and build steps count for what their workspace may have.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class GuestRoom : public ControlFixture {
 protected:
  void Begin(const std::function<void(pb::WorkspaceLimits&)>& limits) {
    timings.heartbeat = Millis(10);
    StartControl();
    admin_ = token;
    worker_ = NewWorker();
    worker_->Connect();
    token = NewWorkspace("team", limits);
  }
  static std::function<void(pb::WorkspaceLimits&)> Containers(uint32_t count) {
    return [count](pb::WorkspaceLimits& limits) { limits.set_max_containers(count); };
  }
  pb::WorkspaceInfo Info() { return InfoOf("team", admin_); }
  // Opens a shell, which ends after `meanwhile`; tells what it waited for.
  Status WithShell(const std::function<void()>& meanwhile, const std::function<void()>& on_wait = {}) {
    pb::OpenShellRequest request;
    request.set_image(NewImage());
    return Stream<pb::ShellEvent>("Shells/Open", request, [&](const pb::ShellEvent& event) {
      if (event.has_waits_for()) {
        waits_.push_back(event.waits_for());
        if (on_wait) on_wait();
      }
      if (!event.has_shell_id()) return true;
      meanwhile();
      EndShell(event.shell_id());
      return true;
    });
  }
  void EndShell(const std::string& id) {
    lpb::FromWorker ended;
    ended.mutable_shell_ended()->set_shell_id(id);
    worker_->Say(ended);
  }
  static pb::BuildRequest Recipe(const std::string& command) {
    pb::BuildRequest request;
    request.add_steps()->mutable_base()->set_name("debian_slim");
    request.add_steps()->mutable_run()->add_commands(command);
    return request;
  }
  // Leaves steps with commands to the test.
  void HoldSteps() {
    worker_->on_build = [this](const lpb::BuildStep& build) {
      if (build.step().has_base()) worker_->SayBuilt(build.step_id(), "base");
    };
  }
  // Those with commands that were sent, by id.
  std::vector<std::string> Steps() {
    std::vector<std::string> ids;
    for (const auto& message : worker_->Received()) {
      if (message.has_build() && !message.build().step().has_base()) ids.push_back(message.build().step_id());
    }
    return ids;
  }
  Status Build(const pb::BuildRequest& request, const std::function<void(const pb::BuildEvent&)>& on_event = {}) {
    return Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
      if (on_event) on_event(event);
      return true;
    });
  }

  std::string admin_;
  std::vector<std::string> waits_;
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(GuestRoom, OfAShellIsPartOfWhatItsWorkspaceHas) {
  Begin(Containers(1));
  EXPECT_TRUE(WithShell([&] {
    EXPECT_EQ(Info().containers(), 1u);
    EXPECT_EQ(Info().memory_mib(), 1024u);
    EXPECT_EQ(Info().cpus(), 1.0);
  }));
  EXPECT_TRUE(waits_.empty());
}

TEST_F(GuestRoom, OfAnIdleContainerGoesToAShell) {
  Begin(Containers(1));
  EXPECT_EQ(Invoke(NewFunction().function).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_TRUE(WithShell([&] {
    EXPECT_EQ(worker_->Count(From::kStop), 1u);
    EXPECT_EQ(Info().containers(), 1u);
  }));
  EXPECT_THAT(waits_, ElementsAre("room: the workspace 'team' has the 1 container that it may"));
}

TEST_F(GuestRoom, IsWaitedForByCallsWhileAShellHasIt) {
  Begin(Containers(1));
  const auto submit = SubmitOf(NewFunction().function, {"x"});
  EXPECT_TRUE(WithShell([&] {
    EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
    pb::ShowCallRequest show;
    show.set_call_id(submit.inputs(0).call_id());
    EXPECT_THAT(Ask<pb::CallView>("CallViews/Show", show)->why(), HasSubstr("has as much as it may"));
    EXPECT_EQ(worker_->Count(From::kStart), 0u);
  }));
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(GuestRoom, IsRefusedToAShellAfterAWhileInWords) {
  timings.shell_room = Millis(30);
  Begin(Containers(1));
  worker_->on_call = [](const lpb::CallDispatch&) {};
  const auto submit = SubmitOf(NewFunction().function, {"endless"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  const Status refused = WithShell([] { ADD_FAILURE() << "it has no room"; });
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("since it may have 1 container"));
  EXPECT_THAT(refused.error().message(), HasSubstr("burrow workspace update"));
  EXPECT_EQ(waits_.size(), 1u);
}

TEST_F(GuestRoom, OfASmallWorkspaceIsAllThatAShellGets) {
  Begin([](auto& limits) { limits.set_max_memory_mib(300), limits.set_max_cpus(0.5); });
  EXPECT_TRUE(WithShell([&] {
    EXPECT_EQ(worker_->WaitFor(From::kStartShell).start_shell().memory_bytes(), 300ull << 20);
    EXPECT_EQ(Info().cpus(), 0.5);
  }));
}

TEST_F(GuestRoom, OfAShellAsAFunctionHasItIsTheFunctions) {
  Begin([](auto& limits) { limits.set_max_memory_mib(300); });
  const auto fits = NewFunction([](auto& spec) { spec.mutable_resources()->set_memory_mib(200); }).function;
  const auto large = NewFunction([](auto& spec) { spec.mutable_resources()->set_memory_mib(400); }).function;
  pb::OpenShellRequest request;
  request.set_function(fits);
  EXPECT_TRUE(Stream<pb::ShellEvent>("Shells/Open", request, [&](const pb::ShellEvent& event) {
    if (event.has_shell_id()) {
      EXPECT_EQ(Info().memory_mib(), 200u);
      EndShell(event.shell_id());
    }
    return true;
  }));
  request.set_function(large);
  const Status refused = Stream<pb::ShellEvent>("Shells/Open", request, [](const auto&) { return true; });
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("may have 300 MiB"));
}

TEST_F(GuestRoom, OfOneContainerIsSharedByTheStepsOfABuildOneAfterAnother) {
  Begin(Containers(1));
  HoldSteps();
  pb::BuildRequest request;
  request.add_steps()->mutable_dockerfile()->set_text(
      "FROM scratch AS a\nRUN first\nFROM scratch AS b\nRUN second\nFROM a\nCOPY --from=b / /\n");
  int waited = 0;
  // The COPY fails, since what the steps led to are no trees; both have run by then.
  EXPECT_FALSE(Build(request, [&](const pb::BuildEvent& event) {
    if (!event.has_wait()) return;
    if (event.wait().waits_for().starts_with("room: ")) {
      ++waited;
      worker_->WaitFor(From::kBuild, 1);
      EXPECT_EQ(Steps().size(), 1u);
      worker_->SayBuilt(Steps().front(), "first");
    } else if (event.wait().waits_for().empty()) {
      worker_->WaitFor(From::kBuild, 2);
      worker_->SayBuilt(Steps().back(), "second");
    }
  }));
  EXPECT_EQ(waited, 1);
  EXPECT_EQ(Steps().size(), 2u);
  EXPECT_EQ(Info().containers(), 0u);
}

TEST_F(GuestRoom, OfAStepIsGivenToTheNextOneOnceItHasEnded) {
  Begin(Containers(1));
  HoldSteps();
  std::vector<std::string> waits;
  EXPECT_TRUE(Build(Recipe("first"), [&](const pb::BuildEvent& outer) {
    if (!outer.has_step() || outer.step().description().find("first") == std::string::npos ||
        outer.step().state() != pb::StepEvent::STATE_STARTED)
      return;
    EXPECT_TRUE(Build(Recipe("second"), [&](const pb::BuildEvent& inner) {
      if (!inner.has_wait()) return;
      waits.push_back(inner.wait().waits_for());
      if (waits.size() == 1) {
        worker_->WaitFor(From::kBuild, 2);
        EXPECT_EQ(Steps().size(), 1u) << "the second one has no room";
        EXPECT_EQ(Info().containers(), 1u);
        worker_->SayBuilt(Steps().front(), "first");
      } else if (waits.size() == 2) {
        worker_->WaitFor(From::kBuild, 3);
        worker_->SayBuilt(Steps().back(), "second");
      }
    }));
  }));
  ASSERT_GE(waits.size(), 2u);
  EXPECT_THAT(waits[0], HasSubstr("room: the workspace 'team' has the 1 container that it may"));
  EXPECT_EQ(waits[1], "");
}

TEST_F(GuestRoom, IsRefusedToAStepAfterAWhileInWords) {
  timings.no_room = Millis(30);
  timings.sweep = Millis(5);
  Begin(Containers(1));
  HoldSteps();
  EXPECT_TRUE(WithShell([&] {
    const Status refused = Build(Recipe("make"));
    EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
    EXPECT_THAT(refused.error().message(), HasSubstr("the workspace 'team' had no room for it for 0.03 s"));
  }));
}

TEST_F(GuestRoom, OfABuildThatIsCancelledIsFree) {
  Begin(Containers(1));
  HoldSteps();
  EXPECT_TRUE(Stream<pb::BuildEvent>("Images/Build", Recipe("make"), [&](const pb::BuildEvent& event) {
    return !event.has_step() || event.step().description().find("make") == std::string::npos;
  }));
  worker_->WaitFor(From::kCancelStep);
  EXPECT_TRUE(WithShell([] {}));
}

TEST_F(GuestRoom, IsNotTakenByBasesWhichAreEverybodys) {
  Begin(Containers(1));
  pb::BuildRequest base;
  base.add_steps()->mutable_base()->set_name("debian_slim");
  EXPECT_TRUE(WithShell([&] { EXPECT_TRUE(Build(base)); }));
}

}  // namespace
}  // namespace burrow::control
