// Apps: their lives, their live streams and their logs.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

class Apps : public ControlFixture {
 protected:
  void Begin() {
    StartControl();
    worker_ = NewWorker();
  }
  pb::AppInfo Info(const std::string& app) {
    pb::ListAppsRequest request;
    request.set_all(true);
    auto response = Ask<pb::ListAppsResponse>("Apps/List", request);
    if (response) {
      for (const auto& info : response->apps()) {
        if (info.app_id() == app) return info;
      }
    }
    return {};
  }
  // Watches until the stream ends.
  std::vector<pb::AppEvent> WatchToTheEnd(const std::string& app, const std::function<void()>& on_first = {}) {
    pb::WatchAppRequest request;
    request.set_app_id(app);
    std::vector<pb::AppEvent> events;
    auto status = Stream<pb::AppEvent>("Apps/Watch", request, [&](const pb::AppEvent& event) {
      events.push_back(event);
      if (events.size() == 1 && on_first) on_first();
      return true;
    });
    EXPECT_TRUE(status) << status.error().message();
    return events;
  }
  Result<pb::StopAppResponse> StopApp(const std::string& app) {
    pb::StopAppRequest request;
    request.set_app(app);
    return Ask<pb::StopAppResponse>("Apps/Stop", request);
  }
  std::vector<std::string> LogTexts(const std::string& app, uint32_t tail = 0) {
    pb::LogsRequest request;
    request.set_app(app);
    request.set_tail(tail);
    std::vector<std::string> texts;
    auto status = Stream<pb::LogsResponse>("Apps/Logs", request, [&](const pb::LogsResponse& response) {
      for (const auto& line : response.lines()) texts.push_back(line.text());
      return true;
    });
    EXPECT_TRUE(status) << status.error().message();
    return texts;
  }
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Apps, StoppingCancelsCallsAndStopsContainers) {
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  auto [app, function] = NewFunction([](auto& spec) { spec.set_max_containers(1); });
  auto submit = SubmitOf(function, {"running", "queued"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  worker_->WaitFor(From::kCall);
  EXPECT_EQ(Info(app).running(), 1u);
  EXPECT_EQ(Info(app).queued(), 1u);
  auto stopped = StopApp(app);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->calls_cancelled(), 2u);
  EXPECT_EQ(stopped->containers_stopped(), 1u);
  for (const auto& input : submit.inputs()) EXPECT_EQ(WaitFor(input.call_id()).status(), pb::CALL_STATUS_CANCELLED);
  EXPECT_EQ(worker_->containers(), 0u);
  EXPECT_EQ(Info(app).state(), pb::APP_STATE_STOPPED);
  auto again = StopApp(app);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->calls_cancelled(), 0u);
  auto refused = Ask<pb::CallResult>("Calls/Invoke", InvokeOf(function, "late"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("run the app again"));
}

TEST_F(Apps, AWatcherSeesEachLineBeforeTheStreamEnds) {
  Begin();
  std::string app;
  worker_->on_call = [&](const lpb::CallDispatch& call) {
    for (int i = 0; i < 50; ++i) worker_->SayLog(app, "line " + std::to_string(i));
    worker_->SayDone(call, pb::CALL_STATUS_SUCCESS);
  };
  worker_->Connect();
  auto published = NewFunction();
  app = published.app;
  std::thread runner;
  auto events = WatchToTheEnd(app, [&] {
    runner = std::thread([&] {
      Invoke(published.function);
      EXPECT_TRUE(StopApp(app));
    });
  });
  runner.join();
  std::vector<std::string> lines;
  std::vector<pb::ContainerState> states;
  for (const auto& event : events) {
    if (event.has_log()) lines.push_back(event.log().text());
    if (event.has_container()) states.push_back(event.container().state());
  }
  ASSERT_EQ(lines.size(), 50u);
  EXPECT_EQ(lines.front(), "line 0");
  EXPECT_EQ(lines.back(), "line 49");
  EXPECT_EQ(states, (std::vector<pb::ContainerState>{pb::CONTAINER_STATE_STARTING, pb::CONTAINER_STATE_READY,
                                                     pb::CONTAINER_STATE_STOPPED}));
  ASSERT_TRUE(events.front().has_app());
  ASSERT_TRUE(events.back().has_app());
  EXPECT_EQ(events.back().app().state(), pb::APP_STATE_STOPPED);
  worker_->Disconnect();  // its hooks refer to what ends here
}

TEST_F(Apps, AttachedFilesGoToTheWorkerOnceTheyAreUploaded) {
  Begin();
  worker_->Connect();
  pb::PublishRequest request;
  request.set_app_id(NewApp());
  *request.add_functions() = Spec();
  auto& attached = *request.mutable_functions(0)->add_attached();
  attached.set_destination("/data");
  auto& file = *attached.add_files();
  file.set_path("one.csv");
  file.set_digest(cas::Digest::Of("not here").Hex());
  file.set_size(8);
  auto refused = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("'one.csv'"));
  file.set_digest(cas::Digest::Of("").Hex());
  file.set_size(0);
  auto published = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(published) << published.error().message();
  Invoke(published->function_ids().at("f"));
  const auto started = worker_->WaitFor(From::kStart).start().spec().function();
  ASSERT_EQ(started.attached_size(), 1);
  EXPECT_EQ(started.attached(0).destination(), "/data");
  attached.set_destination("/proc");
  EXPECT_FALSE(Ask<pb::PublishResponse>("Apps/Publish", request));
}

TEST_F(Apps, LogsAreKeptAndFollowed) {
  Begin();
  worker_->Connect();
  auto app = NewFunction().app;
  for (const char* text : {"one", "two", "three"}) worker_->SayLog(app, text);
  pb::LogsRequest request;
  request.set_app("tests");
  request.set_follow(true);
  std::vector<std::string> texts;
  auto status = Stream<pb::LogsResponse>("Apps/Logs", request, [&](const pb::LogsResponse& response) {
    for (const auto& line : response.lines()) texts.push_back(line.text());
    if (texts.size() == 3) worker_->SayLog(app, "four");
    return texts.size() < 4;
  });
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(texts, (std::vector<std::string>{"one", "two", "three", "four"}));
  EXPECT_EQ(LogTexts(app, 2), (std::vector<std::string>{"three", "four"}));
  StopControl();
  StartControl();
  EXPECT_EQ(LogTexts(app).size(), 4u);
}

TEST_F(Apps, AFunctionThatIsRemovedTakesNoFurtherCallsUntilItComesBack) {
  Begin();
  worker_->Connect();
  pb::PublishRequest request;
  request.set_app_id(NewApp("brief", true));
  *request.add_functions() = Spec("f");
  *request.add_functions() = Spec("g");
  const auto first = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(first) << first.error().message();
  const std::string g = first->function_ids().at("g");
  EXPECT_EQ(Invoke(g, "x").value().inline_(), "x");
  request.add_removed("g");
  EXPECT_FALSE(Ask<pb::PublishResponse>("Apps/Publish", request));  // both at once
  request.clear_functions();
  const auto removal = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(removal) << removal.error().message();
  EXPECT_EQ(removal->function_ids_size(), 0);
  const auto gone = Ask<pb::CallResult>("Calls/Invoke", InvokeOf(g, "x"));
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message(), HasSubstr("has no g()"));
  EXPECT_EQ(Invoke(first->function_ids().at("f"), "y").value().inline_(), "y");
  request.clear_removed();
  *request.add_functions() = Spec("g");
  EXPECT_EQ(Ask<pb::PublishResponse>("Apps/Publish", request)->function_ids().at("g"), g);
  EXPECT_EQ(Invoke(g, "z").value().inline_(), "z");
}

TEST_F(Apps, AFunctionThatIsPublishedWarmHasOneContainerAtOnce) {
  Begin();
  worker_->Connect();
  pb::PublishRequest request;
  request.set_app_id(NewApp("served", true));
  *request.add_functions() = Spec("f");
  request.add_warm("f");
  request.add_warm("unknown");
  ASSERT_TRUE(Ask<pb::PublishResponse>("Apps/Publish", request));
  EXPECT_EQ(worker_->WaitFor(lpb::FromControl::kStart).start().spec().function().min_containers(), 0u);
  ASSERT_TRUE(Ask<pb::PublishResponse>("Apps/Publish", request));
  EXPECT_EQ(worker_->Count(lpb::FromControl::kStart), 1u);
}

TEST_F(Apps, FunctionsOfAnAppThatStaysAreRemovedByDeploysAlone) {
  Begin();
  pb::PublishRequest request;
  request.set_app_id(NewApp());
  request.add_removed("f");
  EXPECT_EQ(Ask<pb::PublishResponse>("Apps/Publish", request).error().code(), Code::kFailedPrecondition);
}

TEST_F(Apps, AnEphemeralAppEndsOnceItsWatcherHasLeft) {
  timings.last_watch = Millis(20);
  Begin();
  auto app = NewApp("brief", true);
  pb::WatchAppRequest request;
  request.set_app_id(app);
  ASSERT_TRUE(Stream<pb::AppEvent>("Apps/Watch", request, [](const pb::AppEvent&) { return false; }));
  // The stream of a second watcher ends with the app, at the latest when it leaves: so the log is followed instead.
  pb::LogsRequest logs;
  logs.set_app(app);
  logs.set_follow(true);
  std::string text;
  ASSERT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", logs, [&](const pb::LogsResponse& response) {
    for (const auto& line : response.lines()) text += line.text();
    return true;
  }));
  EXPECT_THAT(text, HasSubstr("its client has gone"));
}

TEST_F(Apps, AnEphemeralAppThatNobodyEverWatchesEnds) {
  timings.first_watch = Millis(20);
  Begin();
  auto app = NewApp("unwatched", true);
  pb::LogsRequest logs;
  logs.set_app(app);
  logs.set_follow(true);
  ASSERT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", logs, [&](const pb::LogsResponse&) { return true; }));
  EXPECT_EQ(Info(app).state(), pb::APP_STATE_STOPPED);
}

TEST_F(Apps, SpawnedCallsOutliveTheClientOfAnEphemeralApp) {
  timings.first_watch = Millis(1'000);  // the calls come before it ends, on a busy machine too
  timings.last_watch = Millis(20);
  Begin();
  worker_->on_call = [](const lpb::CallDispatch&) {};
  worker_->Connect();
  pb::PublishRequest publish;
  *publish.add_functions() = Spec();
  publish.set_app_id(NewApp("brief", true));
  auto functions = Ask<pb::PublishResponse>("Apps/Publish", publish);
  ASSERT_TRUE(functions) << functions.error().message();
  auto submit = SubmitOf(functions->function_ids().at("f"), {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  auto call = worker_->WaitFor(From::kCall).call();
  // Another app of the same age ends meanwhile.
  auto other = NewApp("other", true);
  pb::LogsRequest logs;
  logs.set_app(other);
  logs.set_follow(true);
  ASSERT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", logs, [](const pb::LogsResponse&) { return true; }));
  EXPECT_EQ(Info(publish.app_id()).state(), pb::APP_STATE_RUNNING);
  worker_->SayDone(call, pb::CALL_STATUS_SUCCESS, "done");
  EXPECT_EQ(WaitFor(call.call_id()).value().inline_(), "done");
  logs.set_app(publish.app_id());
  ASSERT_TRUE(Stream<pb::LogsResponse>("Apps/Logs", logs, [](const pb::LogsResponse&) { return true; }));
  EXPECT_EQ(Info(publish.app_id()).state(), pb::APP_STATE_STOPPED);
}

}  // namespace
}  // namespace burrow::control
