// The parts of the worker that touch nothing: lines, states, verdicts, plans, messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "worker/container_state.h"
#include "worker/end_verdict.h"
#include "worker/fork_servers.h"
#include "worker/launch_plan.h"
#include "worker/line_splitter.h"
#include "worker/log_limiter.h"
#include "worker/runner_message.h"
#include "worker/source_store.h"
#include "worker/state_layout.h"
#include "worker/utf8.h"

namespace burrow::worker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Lines {
  std::vector<std::pair<std::string, bool>> seen;
  LineSplitter splitter{[this](std::string text, bool partial) { seen.emplace_back(std::move(text), partial); }};
};

TEST(LineSplitter, CutsAtNewlinesAcrossPieces) {
  Lines lines;
  lines.splitter.Feed("on");
  lines.splitter.Feed("e\n\ntw");
  EXPECT_THAT(lines.seen, ElementsAre(Pair("one", false), Pair("", false)));
  lines.splitter.Flush();
  lines.splitter.Flush();
  EXPECT_THAT(lines.seen.back(), Pair("tw", true));
  EXPECT_EQ(lines.seen.size(), 3u);
}

TEST(LineSplitter, HandsOnALongLineInPiecesThatCutNoCharacter) {
  Lines lines;
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "\xe2\x82\xac";
  lines.splitter.Feed("a" + text + "\n");
  std::string joined;
  for (size_t i = 0; i < lines.seen.size(); ++i) {
    EXPECT_LE(lines.seen[i].first.size(), kMaxLineBytes);
    EXPECT_EQ(lines.seen[i].second, i + 1 < lines.seen.size());
    joined += lines.seen[i].first;
  }
  EXPECT_EQ(joined, "a" + text);
}

TEST(Utf8, ReplacesWhatIsNoText) {
  EXPECT_EQ(ToUtf8("plain \xc3\xa9 \xf0\x9f\x90\xb0"), "plain \xc3\xa9 \xf0\x9f\x90\xb0");
  EXPECT_EQ(ToUtf8("a\xff"
                   "b\xc3"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(ToUtf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // half a surrogate pair
  EXPECT_EQ(ToUtf8("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
}

TEST(ContainerState, FollowsItsTable) {
  using S = ContainerState;
  using E = ContainerEvent;
  struct Row {
    S from;
    std::optional<S> ready, stop, ended;
  };
  for (const Row& row :
       {Row{S::kStarting, S::kReady, S::kStopping, S::kStopped}, Row{S::kReady, {}, S::kStopping, S::kStopped},
        Row{S::kStopping, {}, {}, S::kStopped}, Row{S::kStopped, {}, {}, {}}}) {
    EXPECT_EQ(NextState(row.from, E::kRunnerReady), row.ready) << StateName(row.from);
    EXPECT_EQ(NextState(row.from, E::kStopBegan), row.stop) << StateName(row.from);
    EXPECT_EQ(NextState(row.from, E::kEnded), row.ended) << StateName(row.from);
  }
}

runtime::ContainerExit Exit(int code, int signal = 0, bool out_of_memory = false) {
  return {.status = {.code = code, .signal = signal}, .out_of_memory = out_of_memory};
}

TEST(EndVerdict, TellsWhyAContainerEnded) {
  using namespace burrow::link::v1;
  EndFacts ready{.progress = StartProgress::kReady, .exit = Exit(3), .memory_mib = 64};
  EXPECT_EQ(JudgeEnd(ready).cause(), STOP_CAUSE_EXITED);
  EXPECT_EQ(JudgeEnd(ready).exit_code(), 3);
  ready.exit = Exit(0, 11);
  EXPECT_EQ(JudgeEnd(ready).exit_code(), -11);
  EXPECT_THAT(JudgeEnd(ready).error().message(), HasSubstr("signal 11"));
  ready.exit = Exit(0, 9, true);
  EXPECT_EQ(JudgeEnd(ready).cause(), STOP_CAUSE_OUT_OF_MEMORY);
  ready.reason = EndReason::kRequested;
  EXPECT_EQ(JudgeEnd(ready).cause(), STOP_CAUSE_REQUESTED);
  EndFacts stuck{.progress = StartProgress::kReady,
                 .reason = EndReason::kCallWouldNotEnd,
                 .reason_text = "too long",
                 .exit = Exit(0, 9)};
  EXPECT_EQ(JudgeEnd(stuck).cause(), STOP_CAUSE_CALL_TIMEOUT);
  EXPECT_EQ(JudgeEnd(stuck).error().message(), "too long");
}

TEST(EndVerdict, TellsFailuresOfTheStartApart) {
  using namespace burrow::link::v1;
  EndFacts facts{.launch_error = "crun: executable file `python3` not found in $PATH: No such file or directory"};
  EXPECT_EQ(JudgeEnd(facts).cause(), STOP_CAUSE_START_FAILED);
  EXPECT_THAT(JudgeEnd(facts).error().message(), HasSubstr("Image.debian_slim()"));
  EndFacts silent{.progress = StartProgress::kLaunched, .exit = Exit(1), .last_output = "No module named x\n"};
  EXPECT_EQ(JudgeEnd(silent).cause(), STOP_CAUSE_START_FAILED);
  EXPECT_THAT(JudgeEnd(silent).error().message(), HasSubstr("No module named x"));
  EndFacts importing{.progress = StartProgress::kInterpreting, .exit = Exit(1)};
  EXPECT_EQ(JudgeEnd(importing).cause(), STOP_CAUSE_IMPORT_FAILED);
  EndFacts killed{.progress = StartProgress::kInterpreting, .exit = Exit(0, SIGKILL)};
  EXPECT_EQ(JudgeEnd(killed).cause(), STOP_CAUSE_START_FAILED) << "it is tried again";
  EndFacts late{.progress = StartProgress::kNotLaunched,
                .reason = EndReason::kStartDeadline,
                .reason_text = "slow",
                .launch_error = "the start was called off"};
  EXPECT_EQ(JudgeEnd(late).cause(), STOP_CAUSE_START_FAILED);
  EXPECT_EQ(JudgeEnd(late).error().message(), "slow");
}

TEST(LaunchPlan, MergesTheEnvironmentSoThatTheLastWins) {
  burrow::link::v1::ContainerSpec spec;
  spec.set_app_id("ap-1");
  spec.mutable_image()->add_env("A=image");
  spec.mutable_image()->add_env("PATH=/x");
  spec.mutable_image()->add_env("malformed");
  (*spec.mutable_function()->mutable_env())["A"] = "function=1";
  (*spec.mutable_function()->mutable_env())["BURROW_APP_ID"] = "forged";
  spec.mutable_function()->set_name("f");
  EXPECT_THAT(MergeEnvironment("ct-1", spec),
              ElementsAre("A=function=1", "BURROW_APP_ID=ap-1", "BURROW_CONTAINER_ID=ct-1", "BURROW_FUNCTION=f",
                          "BURROW_RUNNER_FD=3", "HOME=/root", "LANG=C.UTF-8", "PATH=/x", "PYTHONUNBUFFERED=1"));
}

TEST(LaunchPlan, SetsLimitsDirectoriesAndBinds) {
  burrow::link::v1::ContainerSpec spec;
  auto plan =
      PlanLaunch("ct-1", spec, {.directory = "/d", .lower = {.directories = {"/l"}}, .library = "/lib", .source = ""});
  EXPECT_EQ(plan.limits.memory_bytes, uint64_t{kDefaultMemoryMib} << 20);
  EXPECT_EQ(plan.limits.pids, kDefaultPids);
  EXPECT_EQ(plan.limits.cpus, 0);
  EXPECT_EQ(plan.cwd, "/root");
  ASSERT_EQ(plan.binds.size(), 1u);
  EXPECT_TRUE(plan.binds[0].read_only);
  spec.mutable_function()->mutable_resources()->set_cpu(1.5);
  spec.mutable_function()->mutable_resources()->set_memory_mib(64);
  spec.mutable_image()->set_workdir("/srv");
  plan = PlanLaunch("ct-1", spec,
                    {.directory = "/d", .lower = {.directories = {"/l"}}, .library = "/lib", .source = "/s"});
  EXPECT_EQ(plan.limits.cpus, 1.5);
  EXPECT_EQ(plan.limits.memory_bytes, 64u << 20);
  EXPECT_EQ(plan.cwd, "/srv");
  ASSERT_EQ(plan.binds.size(), 2u);
  EXPECT_EQ(plan.binds[1].target, "/burrow/source");
  EXPECT_EQ(plan.args[0], "python3");
}

TEST(LaunchPlan, ShowsTheContainerItsSocketAndNoOther) {
  burrow::link::v1::ContainerSpec spec;
  (*spec.mutable_function()->mutable_env())["BURROW_API_SOCKET"] = "/forged";
  LaunchPaths paths{.directory = "/d", .lower = {.directories = {"/l"}}, .library = "/lib", .source = ""};
  EXPECT_THAT(PlanLaunch("ct-1", spec, paths).env, ::testing::Not(::testing::Contains(HasSubstr("API_SOCKET"))));
  paths.api_socket = "/d/api.sock";
  const auto plan = PlanLaunch("ct-1", spec, paths);
  EXPECT_THAT(plan.env, ::testing::Contains("BURROW_API_SOCKET=/burrow/api.sock").Times(1));
  EXPECT_THAT(plan.env, ::testing::Not(::testing::Contains(HasSubstr("forged"))));
  ASSERT_EQ(plan.binds.size(), 2u);
  EXPECT_EQ(plan.binds[1].source, "/d/api.sock");
  EXPECT_EQ(plan.binds[1].target, "/burrow/api.sock");
}

TEST(LaunchPlan, BindsAttachedDirectoriesAndFilesReadOnly) {
  burrow::link::v1::ContainerSpec spec;
  auto* directory = spec.mutable_function()->add_attached();
  directory->set_destination("/data");
  directory->add_files()->set_path("a/b");
  auto* file = spec.mutable_function()->add_attached();
  file->set_destination("/etc/note");
  file->set_single_file(true);
  file->add_files()->set_path("local.txt");
  auto plan = PlanLaunch("ct-1", spec,
                         {.directory = "/d",
                          .lower = {.directories = {"/l"}},
                          .library = "/lib",
                          .source = "",
                          .attached = {"/one", "/two"}});
  ASSERT_EQ(plan.binds.size(), 3u);
  EXPECT_EQ(plan.binds[1].source, "/one");
  EXPECT_EQ(plan.binds[1].target, "/data");
  EXPECT_EQ(plan.binds[2].source, "/two/local.txt");
  EXPECT_EQ(plan.binds[2].target, "/etc/note");
  EXPECT_TRUE(plan.binds[1].read_only && plan.binds[2].read_only);
}

TEST(LogLimiter, LetsABurstThroughThenARateAndCountsTheRest) {
  LogLimiter limiter({.burst_lines = 10, .lines_per_second = 5, .burst_bytes = 1e6, .bytes_per_second = 1e6});
  SteadyTime now{std::chrono::seconds(100)};
  int admitted = 0;
  for (int i = 0; i < 30; ++i) admitted += limiter.Admit(now, 10);
  EXPECT_EQ(admitted, 10);
  EXPECT_EQ(limiter.TakeDropped(), 20u);
  EXPECT_EQ(limiter.TakeDropped(), 0u);
  now += std::chrono::seconds(1);
  admitted = 0;
  for (int i = 0; i < 30; ++i) admitted += limiter.Admit(now, 10);
  EXPECT_EQ(admitted, 5);
}

TEST(LogLimiter, LetsLinesFlowInStretchesAfterADrop) {
  LogLimiter limiter({.burst_lines = 10, .lines_per_second = 50, .burst_bytes = 1e6, .bytes_per_second = 1e6});
  SteadyTime now{std::chrono::seconds(100)};
  int gaps = 0, admitted = 0;
  bool flowed = false;
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::milliseconds(1);
    bool flows = limiter.Admit(now, 10);
    gaps += flowed && !flows;
    admitted += flows;
    flowed = flows;
  }
  EXPECT_LE(gaps, 6);
  EXPECT_GE(admitted, 45);
}

TEST(RunnerMessage, ReadsEveryKind) {
  auto result = ParseRunnerHeader(R"({"t":"result","id":"fc-1","attempt":2,"run_ms":1.5})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, RunnerMessage::Kind::kResult);
  EXPECT_EQ(result->call_id, "fc-1");
  EXPECT_EQ(result->attempt, 2u);
  EXPECT_EQ(result->run_ms, 1.5);
  auto error = ParseRunnerHeader(
      R"({"t":"error","id":"x","attempt":1,"cancelled":true,"error":{"type":"E","message":"m","traceback":"t","frames":[{"file":"f","line":3,"function":"g","source":"s"}]}})");
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->cancelled);
  EXPECT_EQ(error->error.frames(0).line(), 3u);
}

TEST(RunnerMessage, RefusesWhatIsNoMessage) {
  for (const char* bad : {"", "[]", "{}", "{\"t\":5}", "{\"t\":\"nonsense\"}", "{\"t\":\"result\"", "\xff"})
    EXPECT_FALSE(ParseRunnerHeader(bad)) << bad;
  // Fields of a wrong type keep their defaults.
  auto odd = ParseRunnerHeader(R"({"t":"result","id":7,"attempt":-1,"run_ms":"x","error":[]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->call_id, "");
  EXPECT_EQ(odd->attempt, 0u);
}

TEST(RunnerMessage, TakesAMessageWithHalfASurrogatePair) {
  auto error = ParseRunnerHeader(R"({"t":"error","error":{"message":"a\ud800b \ud83d\ude00 \\ud800"}})");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error.message(),
            "a\xef\xbf\xbd"
            "b \xf0\x9f\x98\x80 \\ud800");
}

TEST(SourceStore, KnowsPlainRelativePaths) {
  for (const char* good : {"a", "a/b.py", "..a/b", "a b/\xc3\xa9"}) EXPECT_TRUE(IsPlainRelativePath(good)) << good;
  for (const char* bad : {"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/."})
    EXPECT_FALSE(IsPlainRelativePath(bad)) << bad;
  EXPECT_FALSE(IsPlainRelativePath(std::string("a\0b", 3)));
  EXPECT_FALSE(IsPlainRelativePath(std::string(300, 'a')));
}

TEST(StateLayout, NamesAnInstanceByItsDirectory) {
  EXPECT_EQ(InstanceTag("/var/lib/burrow").size(), 8u);
  EXPECT_NE(InstanceTag("/var/lib/burrow"), InstanceTag("/var/lib/burrow2"));
}

TEST(LaunchPlan, TellsRequestsFromLimits) {
  burrow::link::v1::ContainerSpec spec;
  auto& function = *spec.mutable_function();
  function.mutable_resources()->set_cpu(0.5);
  function.mutable_resources()->set_cpu_limit(2);
  function.mutable_resources()->set_memory_mib(64);
  function.mutable_resources()->set_memory_limit_mib(128);
  function.set_block_network(true);
  auto plan = PlanLaunch("ct-1", spec, {.directory = "/d", .lower = {.directories = {"/l"}}, .library = "/lib"});
  EXPECT_EQ(plan.limits.cpus, 2);
  EXPECT_EQ(plan.limits.memory_bytes, uint64_t{128} << 20);
  EXPECT_EQ(plan.network, runtime::NetworkMode::kNone);
}

TEST(LaunchPlan, GivesAStartAsLongAsTheFunctionSays) {
  using std::chrono::seconds;
  burrow::v1::FunctionSpec function;
  EXPECT_EQ(StartDeadline(function, seconds(120)), seconds(120));
  function.set_timeout_ms(300'000);
  EXPECT_EQ(StartDeadline(function, seconds(120)), seconds(300));
  function.set_startup_timeout_ms(5'000);
  EXPECT_EQ(StartDeadline(function, seconds(120)), seconds(5));
}

TEST(RunnerMessage, StartsAClassWithItsParameters) {
  burrow::v1::FunctionSpec function;
  function.set_name("Model");
  function.mutable_class_spec()->add_methods()->set_name("predict");
  auto add = [&](const char* name) {
    auto* value = function.mutable_bound()->add_values();
    value->set_name(name);
    return value;
  };
  add("n")->set_number(-3);
  add("t")->set_text("\"x\"");
  add("f")->set_flag(true);
  add("d")->set_data(std::string("\0\xff", 2));
  function.set_max_batch_size(4);
  function.set_batch_wait_ms(50);
  std::string header = StartHeader(function, "ap-1", "ct-1");
  EXPECT_THAT(header, HasSubstr(R"("class":true)"));
  EXPECT_THAT(header, HasSubstr(R"([{"name":"n","value":-3},{"name":"t","value":"\"x\""},)"
                                R"({"name":"f","value":true},{"data":"00ff","name":"d"}])"));
  EXPECT_THAT(header, HasSubstr(R"("batch_wait_ms":50)"));
  EXPECT_THAT(CallHeader("fc-1", 2, "predict"), HasSubstr(R"("method":"predict")"));
}

TEST(RunnerMessage, ReadsWhatOneCallPrinted) {
  auto message = ParseRunnerHeader(R"({"t":"output","id":"fc-1","stream":"stderr"})");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, RunnerMessage::Kind::kOutput);
  EXPECT_EQ(message->call_id, "fc-1");
  EXPECT_EQ(message->stream, burrow::v1::LOG_STREAM_STDERR);
}

TEST(PatienceWithNext, GrowsWhileTemplatesAreMadeInVain) {
  using std::chrono::seconds;
  EarlierTemplate earlier{.age = seconds(1)};
  std::vector<int64_t> grown;
  for (int i = 0; i < 4; ++i) {
    earlier.patience = PatienceWithNext(earlier, seconds(30)).value();
    earlier.age = earlier.patience - seconds(1);
    EXPECT_EQ(PatienceWithNext(earlier, seconds(30)), std::nullopt) << "it is too young";
    earlier.age = earlier.patience;
    grown.push_back(earlier.patience / seconds(1));
  }
  EXPECT_THAT(grown, ElementsAre(10, 20, 30, 30));
  earlier.forked = true;
  EXPECT_EQ(PatienceWithNext(earlier, seconds(30)), seconds(0)) << "it was of use";
}

}  // namespace
}  // namespace burrow::worker
