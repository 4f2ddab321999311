// Shells and containers share what a worker has.
#include <thread>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using From = lpb::FromControl;

class ShellRoom : public ControlFixture {
 protected:
  void Begin(uint64_t memory) {
    StartControl();
    worker_ = NewWorker({.memory = memory});
    worker_->Connect();
  }
  std::string Function(const std::string& app, uint32_t memory_mib) {
    pb::PublishRequest request;
    request.set_app_id(NewApp(app));
    *request.add_functions() = Spec();
    request.mutable_functions(0)->mutable_resources()->set_memory_mib(memory_mib);
    auto response = Ask<pb::PublishResponse>("Apps/Publish", request);
    EXPECT_TRUE(response) << response.error().message();
    return response ? response->function_ids().at("f") : std::string();
  }
  // Opens a shell, does `meanwhile` and ends it.
  Status WithShell(const std::function<void()>& meanwhile) {
    pb::OpenShellRequest request;
    request.set_image(NewImage());
    return Stream<pb::ShellEvent>("Shells/Open", request, [&](const pb::ShellEvent& event) {
      if (!event.has_shell_id()) return true;
      meanwhile();
      lpb::FromWorker ended;
      ended.mutable_shell_ended()->set_shell_id(event.shell_id());
      worker_->Say(ended);
      return true;
    });
  }
  // Until so many are connected, of which nothing tells but the list.
  bool AwaitWorkers(int count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (; std::chrono::steady_clock::now() < until; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
      const auto listed = Ask<pb::ListContainersResponse>("Containers/List", pb::ListContainersRequest());
      if (listed && listed->workers_size() >= count) return true;
    }
    return false;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(ShellRoom, IsNotPromisedToContainersAsWell) {
  Begin((1ull << 30) + (600ull << 20));
  const auto large = Function("large", 1000), small = Function("small", 500);
  const auto waiting = SubmitOf(large, {"x"});
  EXPECT_TRUE(WithShell([&] {
    EXPECT_EQ(worker_->WaitFor(From::kStartShell).start_shell().memory_bytes(), 1ull << 30);
    EXPECT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", waiting));
    EXPECT_EQ(Invoke(small).status(), pb::CALL_STATUS_SUCCESS);
    EXPECT_EQ(worker_->Count(From::kStart), 1u) << "there is no room for the large one";
  }));
  EXPECT_EQ(WaitFor(waiting.inputs(0).call_id()).status(), pb::CALL_STATUS_SUCCESS);
}

TEST_F(ShellRoom, IsFoundAlsoWhereContainersWerePromisedAll) {
  Begin(1ull << 30);
  EXPECT_EQ(Invoke(Function("large", 1000)).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_TRUE(WithShell([&] { worker_->WaitFor(From::kStartShell); }));
}

TEST_F(ShellRoom, IsSoughtOnTheWorkerThatHasIt) {
  Begin(1ull << 30);
  EXPECT_EQ(Invoke(Function("large", 1000)).status(), pb::CALL_STATUS_SUCCESS);
  auto other = NewWorker({.memory = 4ull << 30});
  other->Connect();
  ASSERT_TRUE(AwaitWorkers(2));
  for (const char* app : {"second", "third"}) EXPECT_EQ(Invoke(Function(app, 1000)).status(), pb::CALL_STATUS_SUCCESS);
  pb::OpenShellRequest request;
  request.set_image(NewImage());
  EXPECT_TRUE(Stream<pb::ShellEvent>("Shells/Open", request, [&](const pb::ShellEvent&) {
    other->WaitFor(From::kStartShell);
    return false;
  }));
}

}  // namespace
}  // namespace burrow::control
