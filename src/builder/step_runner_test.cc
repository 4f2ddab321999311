#include "builder/step_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "base/ids.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "image/import.h"
#include "image/testing/describe.h"
#include "os/testing/environment.h"
#include "runtime/testing/rootfs.h"

namespace burrow::builder {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const auto* const kOwnMounts = os::UseOwnMounts();

class OneDirectory final : public imagefs::ImageProvider {
 public:
  std::string path;

 private:
  Result<imagefs::ImageLease> DoAcquire(const cas::Digest&, const imagefs::AcquireOptions&) override {
    return imagefs::ImageLease({.directories = {path}}, nullptr);
  }
};

// Builds in real containers upon a small image that is in a blob server.
class StepRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    images_.path = temp_ / "image";
    ASSERT_NO_FATAL_FAILURE(runtime::MakeRootfs(images_.path, {"sh", "cat", "sleep", "rm", "mkdir", "ln"}));
    auto cgroups = os::CgroupRoot::Open(os::UniqueTestName());
    ASSERT_TRUE(cgroups) << os::ErrorText(cgroups);
    cgroups_ = std::move(*cgroups);
    auto runtime = runtime::ContainerRuntime::Create({.state_directory = temp_ / "engine", .cgroups = &*cgroups_});
    ASSERT_TRUE(runtime) << os::ErrorText(runtime);
    runtime_.emplace(std::move(*runtime));
    store_ = cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()});
    auto cache = cas::BlobCache::Open(temp_ / "cache", store_.get());
    ASSERT_TRUE(cache) << os::ErrorText(cache);
    cache_ = std::move(*cache);
    image::ImportStats stats;
    auto tree = image::ImportDirectory(images_.path, *store_, &stats);
    ASSERT_TRUE(tree) << os::ErrorText(tree);
    auto index = image::PutIndex(*tree, *store_);
    ASSERT_TRUE(index) << os::ErrorText(index);
    parent_.set_index_digest(index->Hex());
    ASSERT_TRUE(os::MakeDirectories(temp_ / "builds"));
    auto cancellation = Cancellation::Create();
    ASSERT_TRUE(cancellation);
    cancellation_ = *cancellation;
  }

  void TearDown() override {
    if (!cgroups_) return;
    EXPECT_TRUE(std::filesystem::is_empty(temp_ / "builds")) << "a step left something behind";
    EXPECT_TRUE(cgroups_->RemoveAll(true));
  }

  Result<BuiltImage> Run(burrow::v1::ImageStep step, uint32_t timeout_ms = 0) {
    burrow::link::v1::BuildStep build;
    build.set_step_id(StepId::New().str());
    *build.mutable_parent() = parent_;
    *build.mutable_step() = std::move(step);
    build.set_timeout_ms(timeout_ms);
    StepRunner runner({.directory = temp_ / "builds",
                       .runtime = &*runtime_,
                       .images = &images_,
                       .store = store_.get(),
                       .cache = cache_.get()});
    return runner.Run(build, [this](std::string_view line) { lines_.emplace_back(line); }, *cancellation_);
  }
  Result<BuiltImage> RunCommands(const std::vector<std::string>& commands, uint32_t timeout_ms = 0) {
    burrow::v1::ImageStep step;
    for (const auto& command : commands) step.mutable_run()->add_commands(command);
    return Run(std::move(step), timeout_ms);
  }

  // The tree of an image, a line a path.
  std::string Describe(const burrow::link::v1::Image& image) {
    auto bytes = cache_->Read(*cas::Digest::FromHex(image.index_digest()), 1u << 28);
    EXPECT_TRUE(bytes) << os::ErrorText(bytes);
    auto index = image::Index::Open(image::testing::AsBytes(*bytes));
    EXPECT_TRUE(index) << os::ErrorText(index);
    auto tree = image::Tree::FromIndex(*index);
    EXPECT_TRUE(tree) << os::ErrorText(tree);
    return image::testing::Describe(*tree);
  }

  os::TempDirectory temp_;
  cas::testing::BlobServer server_;
  OneDirectory images_;
  std::optional<os::CgroupRoot> cgroups_;
  std::optional<runtime::ContainerRuntime> runtime_;
  std::unique_ptr<cas::BlobStore> store_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::shared_ptr<Cancellation> cancellation_;
  burrow::link::v1::Image parent_;
  std::vector<std::string> lines_;
};

TEST_F(StepRunnerTest, MakesALayerOfWhatCommandsChanged) {
  auto built = RunCommands({"echo new > /etc/made; echo said", "rm -rf /root", "ln -s made /etc/linked"});
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, Contains("said"));
  std::string tree = Describe(built->image);
  EXPECT_THAT(tree, HasSubstr("etc/made"));
  EXPECT_THAT(tree, HasSubstr("etc/linked"));
  EXPECT_THAT(tree, HasSubstr("bin/sh"));
  EXPECT_THAT(tree, ::testing::Not(HasSubstr("proc")));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("new\n")));
  EXPECT_GT(built->files, 6u);
}

TEST_F(StepRunnerTest, GivesEqualStepsEqualEnvironmentAndDirectory) {
  parent_.add_env("GREETING=hello world");
  parent_.set_workdir("/etc");
  auto built = RunCommands({"echo \"$GREETING\" > here"});
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(Describe(built->image), HasSubstr("etc/here"));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("hello world\n")));
  EXPECT_EQ(built->image.workdir(), "/etc");
}

TEST_F(StepRunnerTest, NamesTheCommandThatFailedWithItsLastLines) {
  auto built = RunCommands({"echo fine", "echo before; echo broken >&2; exit 3", "echo never"});
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message(), HasSubstr("'echo before; echo broken >&2; exit 3' failed with exit code 3"));
  EXPECT_THAT(built.error().message(), HasSubstr("broken\n"));
  EXPECT_THAT(lines_, ::testing::Not(Contains("never")));
}

TEST_F(StepRunnerTest, EndsWhenItIsCancelled) {
  std::jthread canceller([this] { cancellation_->Cancel(); });
  auto built = RunCommands({"sleep 100"});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kCancelled);
}

TEST_F(StepRunnerTest, EndsAtItsDeadline) {
  auto built = RunCommands({"echo waiting; sleep 100"}, 700);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kDeadlineExceeded) << built.error().message();
  EXPECT_THAT(built.error().message(), HasSubstr("waiting"));
}

TEST_F(StepRunnerTest, AddsUploadedFilesWithoutAContainer) {
  burrow::v1::ImageStep step;
  step.mutable_add_files()->set_destination("/srv");
  auto& file = *step.mutable_add_files()->add_files();
  file.set_path("data.txt");
  file.set_digest(server_.Add("some data").Hex());
  file.set_size(9);
  file.set_mode(0644);
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(Describe(built->image), HasSubstr("srv/data.txt"));
  file.set_digest(cas::Digest::Of("never uploaded").Hex());
  auto missing = Run(step);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("not uploaded"));
}

TEST_F(StepRunnerTest, RefusesAnUnknownBaseAndAStepWithoutParent) {
  burrow::v1::ImageStep step;
  step.mutable_base()->set_name("plan9");
  auto unknown = Run(step);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("debian_slim"));
  parent_.clear_index_digest();
  auto orphan = RunCommands({"true"});
  ASSERT_FALSE(orphan);
  EXPECT_THAT(orphan.error().message(), HasSubstr("Image.debian_slim()"));
}

}  // namespace
}  // namespace burrow::builder
