#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "image/import.h"
#include "os/testing/own_mounts.h"
#include "worker/shell_manager.h"
#include "worker/shell_plan.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::ShellEnded;
using burrow::link::v1::ShellInput;
using burrow::link::v1::StartShell;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

StartShell Request(const std::vector<std::string>& args) {
  StartShell request;
  request.set_shell_id(ShellId::New().str());
  for (const auto& word : args) request.add_args(word);
  return request;
}

class ShellTest : public testing::NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    if (IsSkipped()) return;
    auto index = image::PutIndex(image::Tree(), *store_);
    ASSERT_TRUE(index) << os::ErrorText(index);
    index_ = index->Hex();
    shells_.emplace(ShellServices{.io = &io_,
                                  .pool = &pool_,
                                  .runtime = &*runtime_,
                                  .images = &images_,
                                  .cache = cache_.get(),
                                  .directory = temp_ / "containers",
                                  .send = [this](FromWorker message) { said_.push_back(std::move(message)); }});
  }
  void TearDown() override {
    if (shells_) {
      shells_->CloseAll();
      EXPECT_TRUE(RunUntil([this] { return shells_->size() == 0; }));
      EXPECT_TRUE(std::filesystem::is_empty(temp_ / "containers"));
    }
    NodeFixture::TearDown();
  }

  std::string Start(const std::string& script, bool terminal) {
    auto request = Request({"sh", "-c", script});
    request.mutable_image()->set_index_digest(index_);
    if (terminal) {
      request.mutable_terminal()->set_rows(20);
      request.mutable_terminal()->set_columns(70);
    }
    shells_->Start(request);
    return request.shell_id();
  }
  void Type(const std::string& shell, const std::string& data, bool end = false) {
    ShellInput input;
    input.set_shell_id(shell);
    input.set_data(data);
    input.set_end(end);
    shells_->Input(input);
  }
  void Take(const std::string& shell, uint64_t bytes) {
    ShellInput input;
    input.set_shell_id(shell);
    input.set_taken(bytes);
    shells_->Input(input);
  }
  std::string Output() const {
    std::string all;
    for (const auto& message : said_) all += message.shell_output().output();
    return all;
  }
  bool AwaitOutput(const std::string& text) {
    return RunUntil([&] { return Output().contains(text); });
  }
  ShellEnded AwaitEnd() {
    EXPECT_TRUE(RunUntil([this] { return !said_.empty() && said_.back().has_shell_ended(); })) << Said();
    return said_.empty() ? ShellEnded() : said_.back().shell_ended();
  }

  std::string index_;
  std::optional<ShellManager> shells_;
};

TEST_F(ShellTest, CarriesTerminalAndExitCode) {
  const auto id = Start("[ -t 0 ] && echo is a terminal; read line; echo \"read $line\"; exit 7", true);
  ASSERT_TRUE(AwaitOutput("is a terminal"));
  Type(id, "typed\r");
  const auto ended = AwaitEnd();
  EXPECT_EQ(ended.error(), "");
  EXPECT_EQ(ended.exit().code(), 7u);
  EXPECT_THAT(Output(), HasSubstr("read typed"));
}

TEST_F(ShellTest, CarriesPipesToTheEndOfInput) {
  const auto id = Start("[ -t 0 ] || cat; echo problem >&2", false);
  Type(id, "one ");
  Type(id, "two", true);
  EXPECT_EQ(AwaitEnd().exit().code(), 0u);
  EXPECT_EQ(Output(), "one two");
  std::string errors;
  for (const auto& message : said_) errors += message.shell_output().error_output();
  EXPECT_EQ(errors, "problem\n");
}

TEST_F(ShellTest, SaysHowMuchInputTheCommandHas) {
  const auto id = Start("while read -r line; do :; done", false);
  const std::string line = std::string(1023, 'x') + "\n";
  for (int i = 0; i < 200; ++i) Type(id, line);
  EXPECT_TRUE(RunUntil([&] { return !said_.empty() && said_.back().shell_output().input_taken() >= 160u << 10; }));
  Type(id, "", true);
  AwaitEnd();
}

TEST_F(ShellTest, WaitsForAClientThatDoesNotTakeItsOutput) {
  const auto id = Start("python3 -c \"import sys; sys.stdout.write('x' * 1000000)\"", false);
  EXPECT_TRUE(RunUntil([&] { return Output().size() >= kShellWindow; }));
  io_.restart();
  io_.run_for(std::chrono::milliseconds(100));
  EXPECT_LT(Output().size(), kShellWindow + (64u << 10)) << "one piece more at most";
  EXPECT_TRUE(RunUntil([&] {
    Take(id, Output().size());
    return said_.back().has_shell_ended();
  }));
  EXPECT_EQ(Output().size(), 1'000'000u);
}

TEST_F(ShellTest, EndsWhenItIsClosed) {
  const auto id = Start("echo ready; sleep 1000", true);
  ASSERT_TRUE(AwaitOutput("ready"));
  shells_->Close(id);
  EXPECT_THAT(AwaitEnd().error(), HasSubstr("closed"));
}

TEST_F(ShellTest, EndsWhenItIsClosedBeforeItHasBegun) {
  const auto id = Start("sleep 1000", true);
  shells_->Close(id);
  EXPECT_THAT(AwaitEnd().error(), HasSubstr("closed"));
}

TEST_F(ShellTest, OutlivesAProgramThatDoesNotWantItsInput) {
  const auto id = Start("exec <&-; echo ready; sleep 0.2; exit 3", false);
  ASSERT_TRUE(AwaitOutput("ready"));
  Type(id, "for nobody");
  EXPECT_EQ(AwaitEnd().exit().code(), 3u);
}

TEST_F(ShellTest, SaysWhyItCannotBegin) {
  auto request = Request({"sh"});
  request.mutable_image()->set_index_digest(index_);
  request.mutable_image()->set_user("nobody-knows-it");
  shells_->Start(request);
  EXPECT_THAT(AwaitEnd().error(), HasSubstr("nobody-knows-it"));
}

TEST(ShellPlan, RunsWhatTheImageSaysAsItSays) {
  auto request = Request({"make"});
  request.mutable_image()->set_workdir("/work");
  request.mutable_image()->add_env("A=1");
  request.mutable_image()->add_env("TERM=dumb");
  const builder::ImageUser user{.ids = {.uid = 5, .gid = 6}, .home = "/home/five"};
  const auto pipes = PlanShell(request, {}, user, "/d");
  EXPECT_THAT(pipes.args, ElementsAre("make"));
  EXPECT_EQ(pipes.cwd, "/work");
  EXPECT_EQ(pipes.user.uid, 5u);
  EXPECT_THAT(pipes.env, Contains("A=1"));
  EXPECT_THAT(pipes.env, Contains("TERM=dumb"));
  EXPECT_THAT(pipes.env, Contains("HOME=/home/five"));
  EXPECT_GT(pipes.limits.memory_bytes, 0u);
  EXPECT_GT(pipes.limits.pids, 0u);
  EXPECT_FALSE(pipes.terminal);
  request.set_memory_bytes(5u << 20);
  EXPECT_EQ(PlanShell(request, {}, user, "/d").limits.memory_bytes, 5u << 20);
  request.mutable_terminal()->set_rows(1'000'000);
  request.set_term("xterm-256color");
  const auto terminal = PlanShell(request, {}, user, "/d");
  EXPECT_THAT(terminal.env, Contains("TERM=xterm-256color"));
  EXPECT_THAT(terminal.env, ::testing::Not(Contains("TERM=dumb")));
  EXPECT_EQ(terminal.terminal->rows, 65'535);
}

TEST(ShellPlan, OpensAShellWhereNoCommandIsGiven) {
  EXPECT_THAT(PlanShell(Request({}), {}, {}, "/d").args, ElementsAre("/bin/sh", "-c", HasSubstr("bash")));
}

TEST(ShellPlan, RefusesArgumentsThatWouldBeCut) {
  EXPECT_TRUE(CheckShell(Request({"sh"})));
  EXPECT_EQ(CheckShell(Request({std::string("a\0b", 3)})).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace burrow::worker
