// One look at everything: workers, functions, and why calls wait.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class Overviews : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
    worker_->on_call = [](const lpb::CallDispatch&) {};
  }
  pb::Overview Show() {
    auto overview = Ask<pb::Overview>("Overviews/Show", pb::ShowOverviewRequest());
    if (overview) return *overview;
    ADD_FAILURE() << overview.error().message();
    return {};
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Overviews, AnIdleServerHasNothingToShow) {
  Begin();
  const auto overview = Show();
  EXPECT_GT(overview.time_ms(), 0u);
  EXPECT_EQ(overview.functions_size(), 0);
  EXPECT_EQ(overview.workers_size(), 0);
}

TEST_F(Overviews, AFunctionTellsItsLoadAndWhyItsFirstCallWaits) {
  Begin();
  worker_->Connect();
  const auto published = NewFunction([](auto& spec) { spec.set_max_containers(1); });
  const auto submit = SubmitOf(published.function, {"running", "first", "second"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto call = worker_->WaitFor(From::kCall).call();
  const auto overview = Show();
  ASSERT_EQ(overview.functions_size(), 1);
  const auto& function = overview.functions(0);
  EXPECT_EQ(function.app_id(), published.app);
  EXPECT_EQ(function.app_name(), "tests");
  EXPECT_EQ(function.function(), "f");
  EXPECT_EQ(function.function_id(), published.function);
  EXPECT_EQ(function.backlog(), 2u);
  EXPECT_EQ(function.running(), 1u);
  EXPECT_EQ(function.ready(), 1u);
  EXPECT_EQ(function.starting() + function.ending(), 0u);
  EXPECT_EQ(function.why(), "all of its at most 1 containers are busy, and 0 calls are before it");
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "value");
  worker_->SayDone(worker_->WaitFor(From::kCall, 2).call(), pb::CALL_STATUS_SUCCESS, "value");
  worker_->WaitFor(From::kCall, 3);
  EXPECT_EQ(Show().functions(0).backlog(), 0u);
  EXPECT_EQ(Show().functions(0).why(), "");
}

TEST_F(Overviews, AWorkerTellsWhatItHasAndWhatIsPromised) {
  Begin();
  worker_->Connect();
  const auto published = NewFunction([](auto& spec) {
    spec.mutable_resources()->set_cpu(0.5);
    spec.mutable_resources()->set_memory_mib(100);
  });
  const auto submit = SubmitOf(published.function, {"running"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  const auto overview = Show();
  ASSERT_EQ(overview.workers_size(), 1);
  const auto& worker = overview.workers(0);
  EXPECT_THAT(worker.worker_id(), HasSubstr("wk-"));
  EXPECT_GT(worker.cpus(), 0.0);
  EXPECT_GT(worker.memory_bytes(), 0u);
  EXPECT_EQ(worker.promised_cpus(), 0.5);
  EXPECT_EQ(worker.promised_memory_bytes(), uint64_t{100} << 20);
  EXPECT_EQ(worker.containers(), 1u);
}

TEST_F(Overviews, WithoutAWorkerThatIsWhyACallWaits) {
  Begin();
  worker_->Connect();
  const auto function = NewFunction().function;
  worker_->Disconnect();
  StopControl();
  StartControl();
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(function, {"waiting"})));
  const auto overview = Show();
  ASSERT_EQ(overview.functions_size(), 1);
  EXPECT_EQ(overview.functions(0).backlog(), 1u);
  EXPECT_EQ(overview.functions(0).why(), "no worker is connected");
}

}  // namespace
}  // namespace burrow::control
