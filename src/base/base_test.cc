#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/faults.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/unique_fd.h"

namespace burrow {
namespace {

TEST(Error, KeepsItsCodeWhenContextIsAdded) {
  Error error = FailErrno("open /nowhere", ENOENT).error();
  Error wrapped = std::move(error).WithContext("load config");
  EXPECT_EQ(wrapped.code(), Code::kNotFound);
  EXPECT_EQ(wrapped.os_errno(), ENOENT);
  EXPECT_EQ(wrapped.message(), "load config: open /nowhere: No such file or directory");
}

Result<int> Half(int n) {
  if (n % 2) return Fail(Code::kInvalidArgument, "{} is odd", n);
  return n / 2;
}
Result<int> Quarter(int n) {
  BURROW_ASSIGN_OR_RETURN(int half, Half(n));
  return Half(half);
}

TEST(Error, IsHandedOnByAssignOrReturn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message(), "3 is odd");
}

TEST(Ids, AreFreshAndOfTheShapeThatClientsMayChoose) {
  CallId a = CallId::New(), b = CallId::New();
  EXPECT_NE(a, b);
  EXPECT_TRUE(IsIdText("fc", a.str()));
  EXPECT_FALSE(IsIdText("fc", "fc-../../etc/passwd-aaaaaaaaaa"));
  EXPECT_FALSE(IsIdText("ap", a.str()));
}

// The process asks its environment once: one test for both variables.
TEST(Faults, AreThoseOfTheFileWheneverItChanges) {
  std::filesystem::path path = ::testing::TempDir() + fmt::format("burrow-faults-{}", ::getpid());
  ::setenv("BURROW_FAULTS_FILE", path.c_str(), 1);
  EXPECT_TRUE(FaultPoint("one.point"));
  EXPECT_EQ(FaultRequest("another.point"), "");
  auto ask = [&](const char* text) {
    std::ofstream(path.string() + ".new") << text;
    std::filesystem::rename(path.string() + ".new", path);
  };
  ask("one.point=error,another.point=delay:30\n");
  EXPECT_EQ(FaultPoint("one.point").error().code(), Code::kUnavailable);
  EXPECT_EQ(FaultRequest("another.point"), "delay:30");
  ask("another.point=delay:5");
  EXPECT_TRUE(FaultPoint("one.point"));
  EXPECT_EQ(FaultRequest("another.point"), "delay:5");
  std::filesystem::remove(path);
  EXPECT_EQ(FaultRequest("another.point"), "");
}

TEST(Hex, GivesEachByteTwoLowerCaseDigits) {
  EXPECT_EQ(ToHex({"\0\x0f\xa5\xff", 4}), "000fa5ff");
  EXPECT_EQ(ToHex(""), "");
}

TEST(Error, KnowsAFullDiskAndAFullQuota) {
  EXPECT_TRUE(FailErrno("write", ENOSPC).error().disk_is_full());
  EXPECT_TRUE(FailErrno("write", EDQUOT).error().disk_is_full());
  EXPECT_FALSE(FailErrno("write", EIO).error().disk_is_full());
}

TEST(UniqueFd, ClosesWhatItOwns) {
  int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    UniqueFd fd(raw);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace burrow
