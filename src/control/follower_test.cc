// Followers that do not read: nobody waits for them, and they are told what they missed.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

// Far more than the ring of events has, and what two sockets and the server hold for a client that does not read.
constexpr size_t kLines = 800;
constexpr size_t kLineBytes = 60'000;

class Followers : public ControlFixture {
 protected:
  Followers() {
    timings.heartbeat = Millis(10);
    StartControl();
    worker_ = NewWorker();
    worker_->on_call = [](const lpb::CallDispatch&) {};
    worker_->Connect();
    published_ = NewFunction();
  }
  // A call prints megabytes and ends, while the follower that calls this reads nothing.
  void Flood() {
    const auto submit = SubmitOf(published_.function, {"x"});
    ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
    const auto call = worker_->WaitFor(From::kCall).call();
    for (size_t i = 0; i < kLines; ++i) worker_->SayLog(published_.app, std::string(kLineBytes, 'x'));
    worker_->SayLog(published_.app, "the last line");
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "done");
    EXPECT_EQ(WaitFor(call.call_id()).status(), pb::CALL_STATUS_SUCCESS);
    flooded_ = true;
  }
  // False once the last line is there.
  bool Take(const pb::LogLine& line) {
    if (line.stream() == pb::LOG_STREAM_SYSTEM && line.text().contains("not shown")) notes_.push_back(line.text());
    lines_ += line.text().size() == kLineBytes ? 1 : 0;
    return line.text() != "the last line";
  }
  void ExpectTheEndAndANote() const {
    EXPECT_TRUE(flooded_);
    ASSERT_FALSE(notes_.empty());
    EXPECT_THAT(notes_[0], HasSubstr("they came faster than they were read"));
    EXPECT_GT(lines_, 0u) << "what the ring still has";
    EXPECT_LT(lines_, kLines);
  }

  Published published_;
  std::unique_ptr<testing::FakeWorker> worker_;
  bool flooded_ = false;
  size_t lines_ = 0;
  std::vector<std::string> notes_;
};

TEST_F(Followers, OfALogNeverSlowACallDownAndAreToldWhatTheyMissed) {
  pb::LogsRequest request;
  request.set_app(published_.app);
  request.set_follow(true);
  EXPECT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", request, [&](const pb::LogsResponse& response) {
    if (!flooded_) Flood();
    bool goes_on = flooded_;
    for (const auto& line : response.lines()) goes_on &= Take(line);
    return goes_on;
  }));
  ExpectTheEndAndANote();
}

TEST_F(Followers, OfAnAppsEventsNeverSlowACallDownAndAreToldWhatTheyMissed) {
  pb::WatchAppRequest request;
  request.set_app_id(published_.app);
  EXPECT_TRUE(Stream<pb::AppEvent>("Apps/Watch", request, [&](const pb::AppEvent& event) {
    if (!flooded_) Flood();
    return flooded_ && (!event.has_log() || Take(event.log()));
  }));
  ExpectTheEndAndANote();
}

}  // namespace
}  // namespace burrow::control
