// What tests of containers share: an image from programs of this machine, control groups, a runtime.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "os/cgroup.h"
#include "os/testing/environment.h"
#include "runtime/container.h"
#include "runtime/testing/rootfs.h"

namespace burrow::runtime {

class RuntimeFixture : public ::testing::Test {
 protected:
  // For SetUp, under ASSERT_NO_FATAL_FAILURE; the image is the directory image_.
  void Prepare(const std::vector<std::string>& programs, Engine engine = Engine::kCrun) {
    name_ = os::UniqueTestName();
    ASSERT_NO_FATAL_FAILURE(MakeRootfs(image_, programs));
    auto cgroups = os::CgroupRoot::Open(name_);
    ASSERT_TRUE(cgroups) << os::ErrorText(cgroups);
    cgroups_ = std::move(*cgroups);
    auto runtime = ContainerRuntime::Create({.engine = engine, .state_directory = state_, .cgroups = &*cgroups_});
    ASSERT_TRUE(runtime) << os::ErrorText(runtime);
    runtime_ = std::move(*runtime);
  }
  // Once every container is gone: nothing of them is left.
  void TearDown() override {
    if (!cgroups_) return;
    const Status removed = cgroups_->RemoveAll(true);
    EXPECT_TRUE(removed) << removed.error().message();
    EXPECT_TRUE(std::filesystem::is_empty(state_ + "/containers"));
  }

  os::TempDirectory temp_;
  std::string name_;  // that no other test has
  const std::string image_ = temp_ / "image";
  std::string state_ = temp_ / "state";  // of the runtime
  std::optional<os::CgroupRoot> cgroups_;
  std::optional<ContainerRuntime> runtime_;
};

// Of a test that runs with each engine.
class EngineFixture : public RuntimeFixture, public ::testing::WithParamInterface<Engine> {};

}  // namespace burrow::runtime
