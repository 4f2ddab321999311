// Scheduled calls: at their times, once each, across crashes.
#include <algorithm>
#include <random>
#include <set>

#include "control/schedule_loading.h"
#include "control/testing/control_fixture.h"
#include "control/testing/manual_clock.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using testing::ManualClock;
using From = lpb::FromControl;

constexpr uint64_t kNoon = 1'767'268'800'000;  // of 1 January 2026, UTC

class ScheduledCalls : public ControlFixture {
 protected:
  ScheduledCalls() {
    clock = &clock_;
    timings.schedule_check = Millis(5);
  }
  ~ScheduledCalls() override { KillControl(); }  // before the clock goes
  void Begin() {
    StartControl();
    worker_ = NewWorker();
    worker_->Connect();
  }
  void Kill() {
    worker_->Disconnect();
    KillControl();
  }
  void StartAgain() {
    StartControl();
    worker_->set_port(port());
    worker_->Connect();
  }
  pb::FunctionSpec Scheduled(const std::string& cron, uint64_t period_ms = 0) {
    auto spec = Spec();
    auto& schedule = *spec.mutable_schedule();
    if (period_ms > 0) {
      schedule.set_period_ms(period_ms);
    } else {
      schedule.mutable_cron()->set_expression(cron);
    }
    schedule.mutable_arguments()->set_inline_("no arguments");
    return spec;
  }
  Result<pb::DeployResponse> Deploy(const pb::FunctionSpec& spec, const std::vector<pb::FunctionSpec>& more = {}) {
    pb::DeployRequest request;
    request.set_name("clockwork");
    *request.add_functions() = spec;
    request.mutable_functions()->Add(more.begin(), more.end());
    return Ask<pb::DeployResponse>("Deployments/Deploy", request);
  }
  // Ids of the calls that came so far, once each: a killed server sends unfinished ones again.
  std::set<std::string> Calls() {
    std::set<std::string> ids;
    for (const auto& message : worker_->Received()) {
      if (message.has_call()) ids.insert(message.call().call_id());
    }
    return ids;
  }

  // How many containers of the function were started so far.
  int64_t Starts(const std::string& function = "f") {
    const auto received = worker_->Received();
    return std::ranges::count_if(received, [&](const auto& message) {
      return message.has_start() && message.start().spec().function().name() == function;
    });
  }

  ManualClock clock_{kNoon};
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(ScheduledCalls, ComeAtTheirTimesWithTheirArguments) {
  Begin();
  const auto deployed = Deploy(Scheduled("*/5 * * * *"));
  ASSERT_TRUE(deployed) << deployed.error().message();
  EXPECT_EQ(deployed->next_runs_ms().at("f"), kNoon + 300'000);
  for (size_t n = 1; n <= 3; ++n) {
    clock_.Advance(Millis(300'000));
    const auto call = worker_->WaitFor(From::kCall, n).call();
    EXPECT_EQ(call.arguments().inline_(), "no arguments");
    EXPECT_EQ(WaitFor(call.call_id()).status(), pb::CALL_STATUS_SUCCESS);
  }
  EXPECT_EQ(Calls().size(), 3u);
}

TEST_F(ScheduledCalls, FindAContainerThatWasStartedAhead) {
  Begin();
  ASSERT_TRUE(Deploy(Scheduled("*/5 * * * *")));
  clock_.Advance(Millis(299'000));
  worker_->WaitFor(From::kStart);
  EXPECT_TRUE(Calls().empty());
  clock_.Advance(Millis(1'000));
  const auto call = worker_->WaitFor(From::kCall).call();
  EXPECT_EQ(WaitFor(call.call_id()).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(Starts(), 1);
}

TEST_F(ScheduledCalls, HaveNoContainerLongBefore) {
  Begin();
  auto often = Scheduled("", 1'000);
  often.set_name("g");
  ASSERT_TRUE(Deploy(Scheduled("*/5 * * * *"), {often}));
  clock_.Advance(Millis(200'000));
  worker_->WaitFor(From::kCall);  // by the same look at the clock
  EXPECT_EQ(Starts(), 0);
  EXPECT_EQ(Starts("g"), 1);
}

TEST_F(ScheduledCalls, OfAPeriodCountFromTheDeployAndGoOnAcrossAnUnchangedOne) {
  Begin();
  EXPECT_EQ(Deploy(Scheduled("", 10'000))->next_runs_ms().at("f"), kNoon + 10'000);
  clock_.Advance(Millis(4'000));
  EXPECT_EQ(Deploy(Scheduled("", 10'000))->next_runs_ms().at("f"), kNoon + 10'000);
  EXPECT_EQ(Deploy(Scheduled("", 20'000))->next_runs_ms().at("f"), kNoon + 24'000);
  clock_.Advance(Millis(20'000));
  worker_->WaitFor(From::kCall);
}

TEST_F(ScheduledCalls, EndWithTheScheduleAndWithTheApp) {
  Begin();
  ASSERT_TRUE(Deploy(Scheduled("", 10'000)));
  ASSERT_TRUE(Deploy(Spec()));
  clock_.Advance(Millis(100'000));
  EXPECT_EQ(Deploy(Scheduled("", 10'000))->next_runs_ms().at("f"), kNoon + 110'000);
  pb::StopAppRequest stop;
  stop.set_app("clockwork");
  ASSERT_TRUE(Ask<pb::StopAppResponse>("Apps/Stop", stop));
  clock_.Advance(Millis(100'000));
  // Another app's call comes by the same look at the clock.
  ASSERT_TRUE(Deploy(Scheduled("", 1'000)));
  clock_.Advance(Millis(1'000));
  worker_->WaitFor(From::kCall);
  EXPECT_EQ(Calls().size(), 1u);
}

TEST_F(ScheduledCalls, OneOfManyThatWereMissedIsMadeUp) {
  Begin();
  ASSERT_TRUE(Deploy(Scheduled("0 * * * *")));
  Kill();
  clock_.Advance(std::chrono::hours(50) + std::chrono::minutes(10));
  StartAgain();
  worker_->WaitFor(From::kCall);
  clock_.Advance(std::chrono::minutes(50));
  worker_->WaitFor(From::kCall, 2);
  EXPECT_EQ(Calls().size(), 2u);
}

TEST_F(ScheduledCalls, AreNeitherSkippedNorDoubledByCrashes) {
  Begin();
  ASSERT_TRUE(Deploy(Scheduled("* * * * *")));
  std::mt19937 random(20260101);
  size_t expected = 0;
  for (int round = 0; round < 12; ++round) {
    clock_.Advance(Millis(60'000));
    expected++;
    // Sometimes before it was noticed, sometimes amid its way, sometimes after.
    if (random() % 3 == 0) worker_->WaitFor(From::kCall, 1);
    if (random() % 2 == 0) {
      Kill();
      StartAgain();
    }
    for (size_t n = 1; Calls().size() < expected; ++n) worker_->WaitFor(From::kCall, n);
    for (const auto& id : Calls()) EXPECT_EQ(WaitFor(id).status(), pb::CALL_STATUS_SUCCESS);
  }
  EXPECT_EQ(Calls().size(), expected);
}

TEST_F(ScheduledCalls, ABadScheduleIsRefusedWithItsFunction) {
  Begin();
  EXPECT_THAT(Deploy(Scheduled("61 * * * *")).error().message(), HasSubstr("the schedule of f()"));
  auto spec = Scheduled("* * * * *");
  spec.mutable_schedule()->mutable_cron()->set_timezone("Europe/Nowhere");
  EXPECT_THAT(Deploy(spec).error().message(), HasSubstr("no time zone 'Europe/Nowhere'"));
  spec.mutable_schedule()->mutable_cron()->set_timezone("../../etc/passwd");
  EXPECT_THAT(Deploy(spec).error().message(), HasSubstr("is no time zone"));
  EXPECT_FALSE(Deploy(Scheduled("", 999)));
}

TEST(ScheduleLoading, ReadsTheZoneThatItIsGiven) {
  const std::string here = __FILE__;
  const std::string zones = here.substr(0, here.rfind("/control/")) + "/scheduler/testing/corpus";
  pb::Schedule schedule;
  schedule.mutable_cron()->set_expression("0 2 * * *");
  schedule.mutable_cron()->set_timezone("zone_with_rule");
  const auto berlin = LoadSchedule(schedule, zones);
  ASSERT_TRUE(berlin) << berlin.error().message();
  EXPECT_EQ(berlin->NextAfter(kNoon), kNoon + 13 * 3'600'000);
  schedule.mutable_cron()->set_timezone("cron");
  EXPECT_FALSE(LoadSchedule(schedule, zones));
  schedule.mutable_cron()->set_timezone("");
  EXPECT_EQ(LoadSchedule(schedule, zones)->NextAfter(kNoon), kNoon + 14 * 3'600'000);
}

}  // namespace
}  // namespace burrow::control
