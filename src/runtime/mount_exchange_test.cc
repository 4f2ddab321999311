#include "runtime/mount_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/overlay.h"
#include "os/testing/own_mounts.h"
#include "runtime/engine.h"
#include "runtime/testing/runtime_fixture.h"

namespace burrow::runtime {
namespace {

using os::ErrorText;
using ::testing::HasSubstr;

// A container that has a filesystem at /a/b/data, runs what it is told line by line, and another filesystem to be put
// there.
class MountExchangeTest : public EngineFixture {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    if (!CheckInstalled(EngineName(GetParam()))) GTEST_SKIP() << EngineName(GetParam()) << " is not installed";
    ASSERT_NO_FATAL_FAILURE(Prepare({"sh", "cat", "ls", "mv", "ln", "mkdir"}, GetParam()));
    ASSERT_NO_FATAL_FAILURE(MakeTree("before", before_));
    ASSERT_NO_FATAL_FAILURE(MakeTree("now", now_));
    in_ = std::move(*os::MakePipe());
    out_ = std::move(*os::MakePipe());
    for (const std::string& made : {std::string(temp_ / "container"), Floor("0"), Floor("1")})
      ASSERT_TRUE(os::MakeDirectories(made));
    auto started =
        runtime_->Start({.name = name_ + "-c",
                         .directory = temp_ / "container",
                         .lower = {.directories = {image_}, .renames_directories = true},
                         .args = {"sh", "-c", "while read -r line; do eval \"$line\" 2>&1; echo \"#end\"; done"},
                         .env = {"PATH=/usr/bin:/bin"},
                         .binds = {{.source = Tree("before"), .target = "/a/b/data", .read_only = false},
                                   {.source = Floor("0"), .target = "/a/0", .read_only = true},
                                   {.source = Floor("1"), .target = "/a/1", .read_only = true}},
                         .fds = {{in_.read.get(), 0}, {out_.write.get(), 1}, {out_.write.get(), 2}}});
    ASSERT_TRUE(started) << ErrorText(started);
    container_.emplace(std::move(*started));
    in_.read.Reset();
    out_.write.Reset();
  }
  void TearDown() override {
    container_.reset();
    EngineFixture::TearDown();
  }

  std::string Floor(const std::string& number) { return temp_ / ("of/floors/" + number); }
  std::string Tree(const std::string& name) { return temp_ / name + "/tree"; }
  // An overlay with one file, which is called as it is.
  void MakeTree(const std::string& name, os::Mount& mount) {
    for (const char* part : {"lower", "upper", "work", "tree"})
      ASSERT_TRUE(os::MakeDirectories(temp_ / name + "/" + part));
    ASSERT_TRUE(os::WriteFileAtomically(temp_ / name + "/lower/" + name, name));
    auto mounted = os::MountOverlay({.lower = {.directories = {temp_ / name + "/lower"}},
                                     .upper = temp_ / name + "/upper",
                                     .work = temp_ / name + "/work"},
                                    Tree(name));
    ASSERT_TRUE(mounted) << ErrorText(mounted);
    mount = std::move(*mounted);
  }

  // What the container prints for one line of shell.
  std::string Say(const std::string& line) {
    EXPECT_TRUE(os::WriteAll(in_.write.get(), line + "\n"));
    std::string text;
    char piece[4096];
    while (!text.ends_with("#end\n")) {
      const ssize_t size = ::read(out_.read.get(), piece, sizeof piece);
      if (size <= 0) return text + " and it ended";
      text.append(piece, static_cast<size_t>(size));
    }
    return text.substr(0, text.size() - 5);
  }
  Status Exchange() {
    auto mounts = container_->OpenMounts();
    EXPECT_TRUE(mounts) << ErrorText(mounts);
    return ExchangeMount(*mounts, Tree("before"), Tree("now"));
  }

  os::Mount before_, now_;
  os::Pipe in_, out_;
  std::optional<Container> container_;
};

class SharedKernelExchangeTest : public MountExchangeTest {};

TEST_P(SharedKernelExchangeTest, PutsAnotherFilesystemWhereTheContainerHasOne) {
  EXPECT_EQ(Say("ls /a/b/data"), "before\n");
  const Status exchanged = Exchange();
  ASSERT_TRUE(exchanged) << exchanged.error().message();
  EXPECT_EQ(Say("ls /a/b/data"), "now\n");
  EXPECT_EQ(Say("echo 1 > /a/b/data/new && cat /a/b/data/new"), "1\n");
  EXPECT_TRUE(os::ReadFile(temp_ / "now/upper/new"));
  EXPECT_EQ(Exchange().error().code(), Code::kNotFound) << "it does not have the old one any more";
}

TEST_P(SharedKernelExchangeTest, ChangesNothingWhileSomethingOfItIsInUseAndSaysWhat) {
  EXPECT_EQ(Say("exec 5< /a/b/data/before"), "");
  Status busy = Exchange();
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), Code::kAborted);
  EXPECT_EQ(busy.error().message(), "/a/b/data is in use: sh has /a/b/data/before open");
  EXPECT_EQ(Say("cat <&5; exec 5<&-; cd /a/b/data"), "before");
  busy = Exchange();
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().message(), "/a/b/data is in use: sh has /a/b/data as its working directory");
  EXPECT_EQ(Say("cd /; ls /a/b/data"), "before\n");
  EXPECT_TRUE(Exchange());
}

TEST_P(SharedKernelExchangeTest, FollowsTheMountWhereTheContainerHasMovedIt) {
  EXPECT_EQ(Say("mkdir /trap && mv /a /moved && ln -s /trap /a && mkdir -p /trap/b/data"), "");
  const Status exchanged = Exchange();
  ASSERT_TRUE(exchanged) << exchanged.error().message();
  EXPECT_EQ(Say("ls /moved/b/data; ls /trap/b/data"), "now\n");
}

TEST_P(SharedKernelExchangeTest, PutsAFilesystemUponTheFloorThatIsMeant) {
  auto mounts = container_->OpenMounts();
  ASSERT_TRUE(mounts) << ErrorText(mounts);
  EXPECT_EQ(Say("mkdir /b && mv /a /b/moved"), "");
  const Status covered = CoverMount(*mounts, Floor("1"), Tree("now"));
  ASSERT_TRUE(covered) << covered.error().message();
  EXPECT_EQ(Say("ls /b/moved/0; ls /b/moved/1; echo 1 > /b/moved/1/new && cat /b/moved/1/new"), "now\n1\n");
  EXPECT_TRUE(os::ReadFile(temp_ / "now/upper/new"));
}

TEST_P(SharedKernelExchangeTest, CoversNothingThatTheContainerDoesNotHave) {
  ASSERT_TRUE(os::MakeDirectories(Floor("2")));
  auto mounts = container_->OpenMounts();
  ASSERT_TRUE(mounts) << ErrorText(mounts);
  EXPECT_EQ(CoverMount(*mounts, Floor("2"), Tree("now")).error().code(), Code::kNotFound);
  EXPECT_EQ(Say("ls /a/0; ls /a/1"), "");
}

INSTANTIATE_TEST_SUITE_P(Engines, SharedKernelExchangeTest, ::testing::Values(Engine::kCrun, Engine::kRunc),
                         [](const auto& one) { return std::string(EngineName(one.param)); });

class OwnKernelExchangeTest : public MountExchangeTest {};

TEST_P(OwnKernelExchangeTest, SaysThatItIsNotToBeHad) {
  EXPECT_EQ(Exchange().error().code(), Code::kUnimplemented);
  EXPECT_EQ(Say("cat /a/b/data/before"), "before");
}

INSTANTIATE_TEST_SUITE_P(Engines, OwnKernelExchangeTest, ::testing::Values(Engine::kRunsc),
                         [](const auto& one) { return std::string(EngineName(one.param)); });

}  // namespace
}  // namespace burrow::runtime
