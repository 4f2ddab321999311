// What tests of build steps share: real containers upon small images that are in a blob server.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "builder/step_runner.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "image/import.h"
#include "image/testing/describe.h"
#include "os/testing/environment.h"
#include "runtime/testing/rootfs.h"

namespace burrow::builder::testing {

// Every image is a directory.
class Directories final : public imagefs::ImageProvider {
 public:
  std::map<cas::Digest, std::string> paths;

 private:
  Result<imagefs::ImageLease> DoAcquire(const cas::Digest& index, const imagefs::AcquireOptions&) override {
    auto at = paths.find(index);
    if (at == paths.end()) return Fail(Code::kNotFound, "no image {}", index.Hex());
    return imagefs::ImageLease({.directories = {at->second}}, nullptr);
  }
  Status DoFetchIndex(const cas::Digest&) override { return {}; }
};

class StepFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_NO_FATAL_FAILURE(runtime::MakeRootfs(image_, Programs()));
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
    auto caches = CacheMounts::Open(temp_ / "cache-mounts");
    ASSERT_TRUE(caches) << os::ErrorText(caches);
    caches_ = std::move(*caches);
    ASSERT_TRUE(os::MakeDirectories(temp_ / "builds"));
    auto cancellation = Cancellation::Create();
    ASSERT_TRUE(cancellation);
    cancellation_ = *cancellation;
    ASSERT_NO_FATAL_FAILURE(UseParent());
  }

  void TearDown() override {
    if (!cgroups_) return;
    EXPECT_TRUE(std::filesystem::is_empty(temp_ / "builds")) << "a step left something behind";
    EXPECT_TRUE(std::filesystem::is_empty(temp_ / "engine/containers"));
    EXPECT_TRUE(std::filesystem::is_empty(temp_ / "engine/engine"));
    EXPECT_TRUE(cgroups_->RemoveAll(true));
  }

  virtual std::vector<std::string> Programs() const { return {"sh", "cat", "sleep", "rm", "mkdir", "ln"}; }

  // Takes a directory in as an image.
  burrow::link::v1::Image Import(const std::string& directory) {
    image::ImportStats stats;
    auto tree = image::ImportDirectory(directory, *store_, &stats);
    EXPECT_TRUE(tree) << os::ErrorText(tree);
    auto index = image::PutIndex(*tree, *store_);
    EXPECT_TRUE(index) << os::ErrorText(index);
    images_.paths[*index] = directory;
    burrow::link::v1::Image image;
    image.set_index_digest(index->Hex());
    return image;
  }
  // The parent is what `image_` holds now.
  void UseParent() { parent_.set_index_digest(Import(image_).index_digest()); }

  burrow::link::v1::BuildStep NewStep(uint32_t timeout_ms = 0) const {
    burrow::link::v1::BuildStep build;
    build.set_step_id(StepId::New().str());
    *build.mutable_parent() = parent_;
    build.set_timeout_ms(timeout_ms);
    return build;
  }
  StepServices Services() {
    return {.directory = temp_ / "builds",
            .runtime = &*runtime_,
            .images = &images_,
            .store = store_.get(),
            .cache = cache_.get(),
            .caches = caches_.get(),
            .library = library_,
            .lay_source = lay_source_,
            .disk = disk_};
  }
  // What failed left is in left_.
  Result<BuiltImage> Run(const burrow::link::v1::BuildStep& step, const StepLinks& links = {}) {
    auto outcome = StepRunner(Services())
                       .Run(step, [this](std::string_view line) { lines_.emplace_back(line); }, *cancellation_, links);
    left_ = std::move(outcome.left);
    return std::move(outcome.built);
  }
  Result<BuiltImage> Run(burrow::v1::ImageStep step, uint32_t timeout_ms = 0) {
    auto build = NewStep(timeout_ms);
    *build.mutable_step() = std::move(step);
    return Run(build);
  }

  image::Tree TreeOf(const burrow::link::v1::Image& image) {
    auto loaded = image::LoadIndex(*cache_, *cas::Digest::FromHex(image.index_digest()));
    EXPECT_TRUE(loaded) << os::ErrorText(loaded);
    auto tree = image::Tree::FromIndex((*loaded)->index());
    EXPECT_TRUE(tree) << os::ErrorText(tree);
    return std::move(*tree);
  }
  // The tree of an image, a line a path.
  std::string Describe(const burrow::link::v1::Image& image) { return image::testing::Describe(TreeOf(image)); }

  os::TempDirectory temp_;
  std::string image_ = temp_ / "image";
  cas::testing::BlobServer server_;
  Directories images_;
  std::optional<os::CgroupRoot> cgroups_;
  std::optional<runtime::ContainerRuntime> runtime_;
  std::unique_ptr<cas::BlobStore> store_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::unique_ptr<CacheMounts> caches_;
  std::shared_ptr<Cancellation> cancellation_;
  std::string library_;
  LaySource lay_source_;
  DiskBounds disk_ = {.reserve_bytes = 0};
  burrow::link::v1::Image parent_;
  std::optional<BuiltImage> left_;
  std::vector<std::string> lines_;
};

}  // namespace burrow::builder::testing
