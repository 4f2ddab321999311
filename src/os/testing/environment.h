// What tests of real kernel features share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "os/fs.h"
#include "os/mount.h"

namespace burrow::os {

#define BURROW_NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

// A fresh directory that goes with its owner, with every mount below it.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = "/tmp/burrow-test-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    if (path_.empty()) return;
    if (geteuid() == 0) EXPECT_TRUE(UnmountBelow(path_));
    const Status status = RemoveTree(path_);
    EXPECT_TRUE(status) << status.error().message();
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The text of an error, or nothing: EXPECT_EQ(ErrorText(result), "").
template <class T>
std::string ErrorText(const Result<T>& result) {
  return result ? "" : result.error().message();
}

// A name that no other test process uses at the same time.
inline std::string UniqueTestName() {
  static int count = 0;
  return "t" + std::to_string(getpid()) + "-" + std::to_string(count++);
}

}  // namespace burrow::os
