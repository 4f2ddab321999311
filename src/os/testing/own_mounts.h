// Included by a test, it puts the test's program into a mount namespace of its own before threads start.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "os/mount.h"

namespace burrow::os {

class OwnMounts : public ::testing::Environment {
 public:
  void SetUp() override {
    if (geteuid() != 0) return;
    const Status status = EnterOwnMountNamespace();
    ASSERT_TRUE(status) << status.error().message();
  }
};
inline ::testing::Environment* const kOwnMounts = ::testing::AddGlobalTestEnvironment(new OwnMounts);

}  // namespace burrow::os
