#include <atomic>
#include <thread>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class ShellsOfControl : public ControlFixture {
 protected:
  ShellsOfControl() {
    timings.heartbeat = Millis(20);
    timings.shell_input = Millis(50);
    timings.worker_grace = Millis(100);
    StartControl();
    worker_ = NewWorker();
  }
  pb::OpenShellRequest OfImage() {
    pb::OpenShellRequest request;
    request.set_image(NewImage());
    return request;
  }
  // Opens a shell and gives `on_event` what follows its id.
  Status Open(const pb::OpenShellRequest& request, const std::function<bool(const pb::ShellEvent&)>& on_event) {
    return Stream<pb::ShellEvent>("Shells/Open", request, on_event);
  }
  Result<uint64_t> Input(const std::string& id, uint64_t offset, const std::string& data, bool end = false) {
    pb::ShellInputRequest request;
    request.set_shell_id(id);
    request.set_offset(offset);
    request.set_data(data);
    request.set_end(end);
    auto response = Ask<pb::ShellInputResponse>("Shells/Input", request);
    if (!response) return Forward(std::move(response.error()));
    return response->received();
  }
  void SayOutput(const std::string& id, const std::string& output, uint64_t taken = 0) {
    lpb::FromWorker message;
    message.mutable_shell_output()->set_shell_id(id);
    message.mutable_shell_output()->set_output(output);
    message.mutable_shell_output()->set_input_taken(taken);
    worker_->Say(message);
  }
  void SayEnded(const std::string& id, uint32_t code, const std::string& error = "") {
    lpb::FromWorker message;
    message.mutable_shell_ended()->set_shell_id(id);
    message.mutable_shell_ended()->set_error(error);
    message.mutable_shell_ended()->mutable_exit()->set_code(code);
    worker_->Say(message);
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(ShellsOfControl, AreAsAFunctionWithItsSecrets) {
  worker_->Connect();
  const auto published = NewFunction([](auto& spec) {
    (*spec.mutable_env())["PLAIN"] = "seen";
    (*spec.add_secrets()->mutable_variables()->mutable_variables())["TOKEN"] = "hidden";
  });
  pb::OpenShellRequest request;
  request.set_function(published.function);
  const Status status = Open(request, [&](const pb::ShellEvent& event) {
    if (!event.has_shell_id()) return true;
    const auto start = worker_->WaitFor(From::kStartShell).start_shell();
    EXPECT_EQ(start.spec().function().env().at("PLAIN"), "seen");
    EXPECT_EQ(start.spec().function().secrets_size(), 0);
    EXPECT_EQ(start.secret_environment().at("TOKEN"), "hidden");
    EXPECT_NE(start.spec().image().index_digest(), "");
    SayEnded(event.shell_id(), 0);
    return true;
  });
  EXPECT_TRUE(status) << status.error().message();
  request.set_function("fu-00000000000000000000000000");
  EXPECT_EQ(Open(request, [](const auto&) { return true; }).error().code(), Code::kNotFound);
}

TEST_F(ShellsOfControl, CarryInputOutputAndTheExitCode) {
  worker_->Connect();
  auto request = OfImage();
  request.add_args("sh");
  request.mutable_terminal()->set_rows(24);
  request.set_term("xterm-256color");
  std::string output;
  uint32_t code = 0;
  const Status status = Open(request, [&](const pb::ShellEvent& event) {
    if (event.has_shell_id()) {
      const auto start = worker_->WaitFor(From::kStartShell).start_shell();
      EXPECT_EQ(start.shell_id(), event.shell_id());
      EXPECT_EQ(start.args(0), "sh");
      EXPECT_EQ(start.terminal().rows(), 24u);
      EXPECT_EQ(start.term(), "xterm-256color");
      EXPECT_NE(start.image().index_digest(), "");
      EXPECT_EQ(Input(event.shell_id(), 0, "ls\n").value_or(0), 3u);
      EXPECT_EQ(worker_->WaitFor(From::kShellInput).shell_input().data(), "ls\n");
      SayOutput(event.shell_id(), "a file");
      SayEnded(event.shell_id(), 7);
    }
    output += event.output();
    if (event.has_exit()) code = event.exit().code();
    return true;
  });
  EXPECT_TRUE(status) << status.error().message();
  EXPECT_EQ(output, "a file");
  EXPECT_EQ(code, 7u);
  EXPECT_EQ(worker_->Count(From::kCloseShell), 0u);
}

TEST_F(ShellsOfControl, AreClosedWhenTheirClientLeaves) {
  worker_->Connect();
  std::string id;
  EXPECT_TRUE(Open(OfImage(), [&](const pb::ShellEvent& event) {
    id = event.shell_id();
    return false;
  }));
  EXPECT_EQ(worker_->WaitFor(From::kCloseShell).close_shell().shell_id(), id);
  EXPECT_EQ(Input(id, 0, "x").error().code(), Code::kNotFound);
}

TEST_F(ShellsOfControl, TakeRepeatedInputOnce) {
  worker_->Connect();
  EXPECT_TRUE(Open(OfImage(), [&](const pb::ShellEvent& event) {
    const std::string id = event.shell_id();
    EXPECT_EQ(Input(id, 0, "abc").value_or(0), 3u);
    EXPECT_EQ(Input(id, 0, "abc").value_or(0), 3u);
    EXPECT_EQ(Input(id, 1, "bcd").value_or(0), 4u);
    EXPECT_EQ(Input(id, 9, "x").error().code(), Code::kOutOfRange);
    EXPECT_EQ(worker_->WaitFor(From::kShellInput, 2).shell_input().data(), "d");
    EXPECT_EQ(Input(id, 4, "", true).value_or(0), 4u);
    EXPECT_TRUE(worker_->WaitFor(From::kShellInput, 3).shell_input().end());
    return false;
  }));
}

TEST_F(ShellsOfControl, RefuseInputThatTheCommandDoesNotRead) {
  worker_->Connect();
  const std::string much(300u << 10, 'x');
  EXPECT_TRUE(Open(OfImage(), [&](const pb::ShellEvent& event) {
    const std::string id = event.shell_id();
    const uint64_t received = Input(id, 0, much, true).value_or(0);
    EXPECT_EQ(received, 256u << 10);
    EXPECT_FALSE(worker_->WaitFor(From::kShellInput).shell_input().end());
    EXPECT_EQ(Input(id, received, much).value_or(0), received);
    SayOutput(id, "", received);
    uint64_t later = received;
    while (later == received) later = Input(id, received, "more").value_or(0);
    EXPECT_EQ(later, received + 4);
    return false;
  }));
}

TEST_F(ShellsOfControl, PassOnSizesAndWhatTheClientIsThroughWith) {
  worker_->Connect();
  EXPECT_TRUE(Open(OfImage(), [&](const pb::ShellEvent& event) {
    if (event.has_shell_id()) {
      SayOutput(event.shell_id(), "12345");
      return true;
    }
    if (event.output().empty()) return true;
    pb::ShellInputRequest request;
    request.set_shell_id(worker_->WaitFor(From::kStartShell).start_shell().shell_id());
    request.set_taken(99);
    request.mutable_size()->set_columns(80);
    EXPECT_TRUE(Ask<pb::ShellInputResponse>("Shells/Input", request));
    const auto told = worker_->WaitFor(From::kShellInput).shell_input();
    EXPECT_EQ(told.taken(), 5u) << "no more than was sent";
    EXPECT_EQ(told.size().columns(), 80u);
    return false;
  }));
}

TEST_F(ShellsOfControl, AreHeardOfWhileNothingHappens) {
  worker_->Connect();
  int heartbeats = 0;
  EXPECT_TRUE(Open(OfImage(), [&](const pb::ShellEvent& event) {
    if (event.event_case() == pb::ShellEvent::EVENT_NOT_SET) ++heartbeats;
    return heartbeats < 3;
  }));
}

TEST_F(ShellsOfControl, EndWithTheConnectionOfTheirWorker) {
  worker_->Connect();
  const auto lost = [&](bool comes_back) {
    return Open(OfImage(), [&, comes_back](const pb::ShellEvent& event) {
      if (!event.has_shell_id()) return true;
      worker_->Disconnect();
      if (comes_back) worker_->Connect();
      return true;
    });
  };
  EXPECT_THAT(lost(true).error().message(), HasSubstr("connection to the shell's worker was lost"));
  EXPECT_THAT(lost(false).error().message(), HasSubstr("connection to the shell's worker was lost"));
  EXPECT_THAT(Open(OfImage(), [](const auto&) { return true; }).error().message(), HasSubstr("no worker is connected"));
}

TEST_F(ShellsOfControl, SayWhyTheyCannotBeOpened) {
  worker_->Connect();
  pb::OpenShellRequest request;
  request.set_image("nowhere");
  EXPECT_THAT(Open(request, [](const auto&) { return true; }).error().message(), HasSubstr("no image 'nowhere'"));
  request.set_build("nonsense");
  EXPECT_EQ(Open(request, [](const auto&) { return true; }).error().code(), Code::kInvalidArgument);
  request.set_build(BuildId::New().str());
  EXPECT_EQ(Open(request, [](const auto&) { return true; }).error().code(), Code::kNotFound);
  const Status failed = Open(OfImage(), [&](const pb::ShellEvent& event) {
    if (event.has_shell_id()) SayEnded(event.shell_id(), 0, "there is no such program");
    return true;
  });
  EXPECT_EQ(failed.error().message(), "there is no such program");
}

// Two builds whose failed steps left the same: each has its own.
TEST_F(ShellsOfControl, EnterWhatTheFailedStepOfABuildLeft) {
  worker_->on_build = [&](const lpb::BuildStep& build) {
    if (build.step().has_base()) return worker_->SayBuilt(build.step_id(), std::string(64, 'a'));
    lpb::FromWorker message;
    auto& done = *message.mutable_step_done();
    done.set_step_id(build.step_id());
    done.set_error("it failed");
    *done.mutable_image() = build.parent();
    worker_->Say(message);
  };
  worker_->Connect();
  pb::BuildRequest recipe;
  recipe.add_steps()->mutable_base()->set_name("debian_slim");
  recipe.add_steps()->mutable_run()->add_commands("false");
  std::vector<std::string> builds;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(Stream<pb::BuildEvent>("Images/Build", recipe, [&](const pb::BuildEvent& event) {
      if (event.event_case() == pb::BuildEvent::kBuildId) builds.push_back(event.build_id());
      return true;
    }));
  }
  for (const auto& build : builds) {
    pb::OpenShellRequest request;
    request.set_build(build);
    const Status status = Open(request, [&](const pb::ShellEvent& event) {
      if (event.has_shell_id()) SayEnded(event.shell_id(), 0);
      return true;
    });
    EXPECT_TRUE(status) << status.error().message();
    EXPECT_EQ(worker_->WaitFor(From::kStartShell).start_shell().image().index_digest(), std::string(64, 'a'));
  }
}

TEST_F(ShellsOfControl, RunInAContainerThatIsReady) {
  worker_->Connect();
  const auto container = Invoke(NewFunction().function).container_id();
  pb::OpenShellRequest request;
  request.set_container(container);
  request.add_args("ls");
  const Status status = Open(request, [&](const pb::ShellEvent& event) {
    if (!event.has_shell_id()) return true;
    const auto start = worker_->WaitFor(From::kStartShell).start_shell();
    EXPECT_EQ(start.container_id(), container);
    EXPECT_FALSE(start.has_image());
    SayEnded(event.shell_id(), 0);
    return true;
  });
  EXPECT_TRUE(status) << status.error().message();
  request.set_container(NewIdText("ct"));
  const Status missing = Open(request, [](const pb::ShellEvent&) { return true; });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace burrow::control
