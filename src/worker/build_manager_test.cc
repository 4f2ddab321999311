#include "worker/build_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "image/import.h"
#include "os/testing/own_mounts.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::BuildStep;
using ::testing::HasSubstr;

class BuildManagerTest : public testing::NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    if (IsSkipped()) return;
    auto index = image::PutIndex(image::Tree(), *store_);
    ASSERT_TRUE(index) << os::ErrorText(index);
    parent_.set_index_digest(index->Hex());
    caches_ = *builder::CacheMounts::Open(temp_ / "cache-mounts");
    ASSERT_TRUE(os::MakeDirectories(temp_ / "builds"));
    steps_.emplace(builder::StepServices{.directory = temp_ / "builds",
                                         .runtime = &*runtime_,
                                         .images = &images_,
                                         .store = store_.get(),
                                         .cache = cache_.get(),
                                         .caches = caches_.get(),
                                         .disk = {.reserve_bytes = 0}});
    builds_.emplace(&io_, &*steps_, caches_.get(), [this](FromWorker message) { said_.push_back(std::move(message)); });
  }

  BuildStep Python(const std::string& code) const {
    BuildStep step;
    step.set_step_id(StepId::New().str());
    *step.mutable_parent() = parent_;
    for (const std::string& word : {std::string("python3"), std::string("-c"), code})
      step.mutable_run()->add_args(word);
    return step;
  }
  // The first message that `wanted` likes; an empty one after a minute.
  FromWorker AwaitMessage(const std::function<bool(const FromWorker&)>& wanted) {
    size_t at = 0;
    EXPECT_TRUE(RunUntil([&] {
      while (at < said_.size() && !wanted(said_[at])) ++at;
      return at < said_.size();
    })) << Said();
    return at < said_.size() ? said_[at] : FromWorker();
  }
  burrow::link::v1::StepDone AwaitStep(const BuildStep& step) {
    return AwaitMessage(
               [&](const FromWorker& m) { return m.has_step_done() && m.step_done().step_id() == step.step_id(); })
        .step_done();
  }

  burrow::link::v1::Image parent_;
  std::unique_ptr<builder::CacheMounts> caches_;
  std::optional<builder::StepRunner> steps_;
  std::optional<BuildManager> builds_;
};

TEST_F(BuildManagerTest, SendsWhatAFailedStepLeftWithItsError) {
  const auto step = Python("open('/left', 'w').write('x'); print('words'); raise SystemExit(3)");
  builds_->Start(step);
  const auto done = AwaitStep(step);
  EXPECT_THAT(done.error(), HasSubstr("failed with exit code 3"));
  EXPECT_NE(done.image().index_digest(), "");
  EXPECT_NE(done.image().index_digest(), parent_.index_digest());
  EXPECT_EQ(done.files(), 1u);
  EXPECT_THAT(Said(), HasSubstr("words"));
}

TEST_F(BuildManagerTest, SendsNothingOfACancelledStep) {
  const auto step = Python("open('/left', 'w').write('x'); print('begun', flush=True); import time; time.sleep(1000)");
  builds_->Start(step);
  AwaitMessage([](const FromWorker& m) { return m.step_output().lines_size() > 0; });
  builds_->Cancel(step.step_id());
  const auto done = AwaitStep(step);
  EXPECT_THAT(done.error(), HasSubstr("cancelled"));
  EXPECT_FALSE(done.has_image());
}

TEST_F(BuildManagerTest, SaysWhichStepWaitsForItsTurnAndWhenItBegins) {
  std::vector<std::pair<std::string, std::string>> waits;
  builds_.emplace(
      &io_, &*steps_, caches_.get(),
      [&](FromWorker message) {
        if (message.has_step_wait()) waits.emplace_back(message.step_wait().step_id(), message.step_wait().waits_for());
        said_.push_back(std::move(message));
      },
      1u);
  const auto first = Python("print('begun', flush=True); import time; time.sleep(1000)");
  auto second = Python("print('second')");
  second.set_timeout_ms(60'000);
  builds_->Start(first);
  AwaitMessage([](const FromWorker& m) { return m.step_output().lines_size() > 0; });
  builds_->Start(second);
  builds_->Start(second);  // as control does after a reconnect
  using Said = std::pair<std::string, std::string>;
  EXPECT_EQ(waits, (std::vector<Said>{{first.step_id(), ""},
                                      {second.step_id(), "its turn on the worker"},
                                      {second.step_id(), "its turn on the worker"}}));
  builds_->Cancel(first.step_id());
  EXPECT_EQ(AwaitStep(second).error(), "");
  EXPECT_EQ(waits.back(), Said(second.step_id(), ""));
}

TEST_F(BuildManagerTest, SaysThatAStepWaitsForACache) {
  auto held = caches_->Acquire({.id = "c", .sharing = builder::CacheSharing::kLocked},
                               **builder::Cancellation::Create(), std::chrono::steady_clock::now());
  ASSERT_TRUE(held) << os::ErrorText(held);
  auto step = Python("print('has it')");
  auto& mount = *step.mutable_run()->add_mounts();
  mount.set_target("/cache");
  mount.mutable_cache()->set_id("c");
  mount.mutable_cache()->set_sharing(burrow::link::v1::RunMount::SHARING_LOCKED);
  builds_->Start(step);
  AwaitMessage(
      [](const FromWorker& m) { return m.step_wait().waits_for() == "the cache 'c', which another step has"; });
  held = builder::CacheLease();
  EXPECT_EQ(AwaitStep(step).error(), "");
}

TEST_F(BuildManagerTest, RelaysWhatAStepAsksItsAgent) {
  auto step = Python(
      "import os, socket\n"
      "s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK'])\n"
      "s.sendall(b'\\0\\0\\0\\1\\x0b'); print('answered', s.recv(100))\n");
  step.mutable_run()->add_mounts()->mutable_agent()->set_id("default");
  builds_->Start(step);
  const auto asked = AwaitMessage([](const FromWorker& m) { return m.has_agent(); }).agent();
  EXPECT_EQ(asked.step_id(), step.step_id());
  EXPECT_EQ(asked.message(), std::string("\0\0\0\1\x0b", 5));
  burrow::link::v1::AgentAnswer answer;
  answer.set_step_id("st-another");
  builds_->Answer(answer);
  answer.set_step_id(step.step_id());
  answer.set_connection(asked.connection());
  answer.set_message(std::string("\0\0\0\2\x0cx", 6));
  builds_->Answer(answer);
  EXPECT_EQ(AwaitStep(step).error(), "");
  EXPECT_THAT(Said(), HasSubstr("answered"));
  AwaitMessage([](const FromWorker& m) { return m.has_agent() && m.agent().message().empty(); });
}

TEST_F(BuildManagerTest, PrunesCachesThatNoStepUses) {
  auto step = Python("open('/cache/x', 'w')");
  auto& mount = *step.mutable_run()->add_mounts();
  mount.set_target("/cache");
  mount.mutable_cache()->set_id("c");
  builds_->Start(step);
  EXPECT_EQ(AwaitStep(step).error(), "");
  builds_->PruneCaches("");
  EXPECT_EQ(AwaitMessage([](const FromWorker& m) { return m.has_caches_pruned(); }).caches_pruned().removed(), 1u);
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "cache-mounts"));
}

}  // namespace
}  // namespace burrow::worker
