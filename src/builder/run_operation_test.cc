// RUN of a Dockerfile in real containers.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "builder/image_file.h"
#include "builder/testing/step_fixture.h"
#include "os/testing/own_mounts.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::BuildStep;
using burrow::link::v1::RunMount;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RunOperationTest : public testing::StepFixture {
 protected:
  std::vector<std::string> Programs() const override {
    return {"sh", "cat", "sleep", "rm", "ls", "id", "env", "ln", "mkdir", "stat", "head", "pwd"};
  }
  static BuildStep Shell(BuildStep step, const std::string& script) {
    for (const char* word : {"/bin/sh", "-c"}) step.mutable_run()->add_args(word);
    step.mutable_run()->add_args(script);
    return step;
  }
  BuildStep Shell(const std::string& script) const { return Shell(NewStep(), script); }
  static RunMount& AddMount(BuildStep& step, const std::string& target) {
    auto& mount = *step.mutable_run()->add_mounts();
    mount.set_target(target);
    return mount;
  }
  std::string RunText(const BuildStep& step, AgentLink* agents = nullptr) {
    lines_.clear();
    auto built = Run(step, {.agents = agents});
    EXPECT_TRUE(built) << os::ErrorText(built);
    if (built) built_ = built->image;
    std::string text;
    for (const auto& line : lines_) text += line + "\n";
    return text;
  }
  BuiltImage OtherImage() {
    EXPECT_TRUE(os::MakeDirectories(temp_ / "other/data/sub"));
    EXPECT_TRUE(os::WriteFileAtomically(temp_ / "other/data/sub/file", "of the other\n"));
    EXPECT_TRUE(os::WriteFileAtomically(temp_ / "other/data/one", "single\n"));
    return {.image = Import(temp_ / "other")};
  }

  burrow::link::v1::Image built_;
};

TEST_F(RunOperationTest, RunsArgumentsWithExactlyTheirEnvironment) {
  parent_.add_env("OF_THE_IMAGE=1");
  auto step = NewStep();
  step.mutable_run()->add_args("env");
  step.mutable_run()->add_env("GREETING=hello world");
  EXPECT_THAT(RunText(step), AllOf(HasSubstr("GREETING=hello world\n"), HasSubstr("HOME=/root\n"),
                                   HasSubstr("PATH=/usr/local/sbin:"), Not(HasSubstr("OF_THE_IMAGE"))));
  EXPECT_THAT(built_.env(), ElementsAre("OF_THE_IMAGE=1"));
}

TEST_F(RunOperationTest, RunsAsAUserOfTheImageInItsDirectory) {
  ASSERT_TRUE(os::WriteFileAtomically(image_ + "/etc/passwd", "web:x:33:34::/srv/web:\n"));
  ASSERT_TRUE(os::WriteFileAtomically(image_ + "/etc/group", "video:x:44:web\n"));
  UseParent();
  auto step = Shell("id -u; id -g; id -G; echo $HOME; pwd; echo no > /etc/no || echo denied");
  step.mutable_run()->set_user("web");
  step.mutable_run()->set_workdir("/made/here");
  EXPECT_EQ(RunText(step),
            "33\n34\n34 44\n/srv/web\n/made/here\n/bin/sh: 1: cannot create /etc/no: Permission denied\ndenied\n");
  EXPECT_THAT(Describe(built_), HasSubstr("made/here"));
  step = Shell("true");
  step.mutable_run()->set_user("stranger");
  EXPECT_THAT(os::ErrorText(Run(step)), HasSubstr("no user 'stranger' in the image's /etc/passwd"));
}

TEST_F(RunOperationTest, NamesItselfInErrorsAsTheUserWroteIt) {
  auto step = Shell("echo half > /etc/half; echo words; exit 4");
  step.mutable_run()->set_display("RUN make all");
  auto built = Run(step);
  EXPECT_THAT(os::ErrorText(built), AllOf(HasSubstr("'RUN make all' failed with exit code 4"), HasSubstr("words\n")));
  ASSERT_TRUE(left_);
  EXPECT_THAT(Describe(left_->image), HasSubstr("etc/half"));
}

TEST_F(RunOperationTest, HasNoNetworkWhereNoneIsAsked) {
  auto step = Shell("cat /proc/net/dev");
  step.mutable_run()->set_network(burrow::link::v1::RUN_NETWORK_NONE);
  EXPECT_THAT(RunText(step), AllOf(HasSubstr("lo:"), Not(HasSubstr("eth"))));
}

TEST_F(RunOperationTest, MountsPartsOfOtherImagesWithoutATrace) {
  const auto other = OtherImage().image;
  auto step = Shell(
      "cat /mnt/in/sub/file /mnt/single; echo x > /mnt/in/no || echo refused; echo y > /mnt/rw/new && cat /mnt/rw/new");
  auto add = [&](const std::string& target, const std::string& path, bool read_write) {
    auto& bind = *AddMount(step, target).mutable_bind();
    *bind.mutable_source() = other;
    bind.set_source_path(path);
    bind.set_read_write(read_write);
  };
  add("/mnt/in", "/data", false);
  add("/mnt/single", "/data/one", false);
  add("/mnt/rw", "/", true);
  EXPECT_THAT(RunText(step), AllOf(HasSubstr("of the other\nsingle\n"), HasSubstr("refused\ny\n")));
  EXPECT_EQ(Describe(built_), Describe(parent_));
  EXPECT_FALSE(std::filesystem::exists(temp_ / "other/new"));
}

TEST_F(RunOperationTest, LooksForWhatItMountsInsideThatImageAlone) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "sentinel"));
  ASSERT_TRUE(os::WriteFileAtomically(temp_ / "sentinel/secret", "outside\n"));
  ASSERT_TRUE(os::MakeDirectories(temp_ / "other/dir"));
  ASSERT_EQ(::symlink((temp_ / "sentinel").c_str(), (temp_ / "other/absolute").c_str()), 0);
  const std::string up = "../../../../../../../../../.." + (temp_ / "sentinel");
  ASSERT_EQ(::symlink(up.c_str(), (temp_ / "other/dir/climbing").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/root", (temp_ / "other/magic").c_str()), 0);
  const auto other = OtherImage().image;
  for (const char* path : {"/absolute", "/dir/climbing/secret", "/../../data/../absolute/secret", "/magic/etc"}) {
    auto step = Shell("ls /mnt/in");
    *AddMount(step, "/mnt/in").mutable_bind()->mutable_source() = other;
    step.mutable_run()->mutable_mounts(0)->mutable_bind()->set_source_path(path);
    auto built = Run(step);
    ASSERT_FALSE(built) << path;
    EXPECT_EQ(built.error().code(), Code::kNotFound) << built.error().message();
  }
  EXPECT_EQ(os::ReadFile(temp_ / "sentinel/secret").value_or(""), "outside\n");
}

TEST_F(RunOperationTest, MountsNothingOutsideWhereTheImagesLinksLeadThere) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "sentinel"));
  ASSERT_EQ(::symlink((temp_ / "sentinel").c_str(), (image_ + "/trap").c_str()), 0);
  UseParent();
  auto step =
      Shell("echo x > /trap/cache/file; echo y > /trap/mem/file; test \"$(cat /trap/secret)\" = hidden && echo same");
  AddMount(step, "/trap/cache").mutable_cache()->set_id("c");
  AddMount(step, "/trap/mem").mutable_tmpfs();
  AddMount(step, "/trap/secret").mutable_secret()->set_value("hidden");
  EXPECT_EQ(RunText(step), "same\n");
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "sentinel"));
  EXPECT_EQ(Describe(built_), Describe(parent_));
}

TEST_F(RunOperationTest, KeepsCachesBetweenStepsAndOutOfImages) {
  auto step = Shell("cat /cache/count 2>/dev/null; echo more >> /cache/count");
  AddMount(step, "/cache").mutable_cache()->set_id("c");
  RunText(step);
  EXPECT_EQ(Describe(built_), Describe(parent_));
  step.set_step_id(StepId::New().str());
  EXPECT_EQ(RunText(step), "more\n");
  step = Shell("cat /cache/count; echo x > /cache/no || echo refused; stat -c %a:%u /new");
  AddMount(step, "/cache").mutable_cache()->set_id("c");
  step.mutable_run()->mutable_mounts(0)->mutable_cache()->set_read_only(true);
  auto& fresh = *AddMount(step, "/new").mutable_cache();
  fresh.set_id("d");
  fresh.set_mode(0700);
  fresh.set_uid(7);
  EXPECT_THAT(RunText(step), AllOf(HasSubstr("more\nmore\n"), HasSubstr("refused"), HasSubstr("700:7\n")));
}

TEST_F(RunOperationTest, BeginsANewCacheWithAPartOfAnImage) {
  auto step = Shell("cat /cache/sub/file; rm /cache/sub/file");
  auto& cache = *AddMount(step, "/cache").mutable_cache();
  cache.set_id("c");
  cache.set_sharing(RunMount::SHARING_LOCKED);
  *cache.mutable_source() = OtherImage().image;
  cache.set_source_path("/data");
  EXPECT_EQ(RunText(step), "of the other\n");
  step = Shell("ls /cache/sub");
  AddMount(step, "/cache").mutable_cache()->set_id("c");
  EXPECT_EQ(RunText(step), "");
  EXPECT_TRUE(std::filesystem::exists(temp_ / "other/data/sub/file"));
}

// Its cp would never end by itself, and has a child of its own.
TEST_F(RunOperationTest, StopsFillingACacheWhenItIsCancelled) {
  ASSERT_TRUE(os::MakeDirectories(temp_ / "bin"));
  const std::string begun = temp_ / "begun";
  ASSERT_TRUE(
      os::WriteFileAtomically(temp_ / "bin/cp", "#!/bin/sh\nmkfifo " + begun + "\nsleep 1000 > " + begun, 0755));
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", ((temp_ / "bin:") + path).c_str(), 1);
  auto step = Shell("true");
  auto& cache = *AddMount(step, "/cache").mutable_cache();
  *cache.mutable_source() = OtherImage().image;
  cache.set_source_path("/data");
  UniqueFd reader;
  std::jthread canceller([&] {
    while (!reader.valid()) reader.Reset(::open(begun.c_str(), O_RDONLY | O_CLOEXEC));  // waits for the child
    cancellation_->Cancel();
  });
  auto built = Run(step);
  canceller.join();
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kCancelled);
  char byte;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "what cp started lives on";
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "cache-mounts"));
}

TEST_F(RunOperationTest, WaitsForALockedCacheNoLongerThanItMay) {
  auto held = caches_->Acquire({.id = "c", .sharing = CacheSharing::kLocked}, *cancellation_,
                               std::chrono::steady_clock::now() + std::chrono::minutes(1));
  ASSERT_TRUE(held);
  auto step = Shell(NewStep(200), "true");
  auto& cache = *AddMount(step, "/cache").mutable_cache();
  cache.set_id("c");
  cache.set_sharing(RunMount::SHARING_LOCKED);
  auto built = Run(step);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kDeadlineExceeded);
}

TEST_F(RunOperationTest, GivesMemoryThatIsBoundedAndGone) {
  auto step = Shell("head -c 3000000 /dev/zero > /mem/file || echo full; stat -c %a /mem");
  AddMount(step, "/mem").mutable_tmpfs()->set_bytes(1u << 20);
  EXPECT_THAT(RunText(step), AllOf(HasSubstr("full\n"), HasSubstr("1777\n")));
  EXPECT_EQ(Describe(built_), Describe(parent_));
}

TEST_F(RunOperationTest, ShowsSecretsToTheCommandAlone) {
  auto step = Shell(
      "cat /run/secrets/token /etc/deep/key; echo $TOKEN; "
      "test \"$(cat /run/secrets/token) $(cat /etc/deep/key) $TOKEN\" = 's3cret-file s3cret-key s3cret-variable' && "
      "echo right; stat -c %a:%u /run/secrets/token /etc/deep/key; "
      "test -e /run/secrets/absent || echo absent");
  auto add = [&](const std::string& id, const std::string& value, const std::string& target) -> RunMount::Secret& {
    auto& secret = *AddMount(step, target).mutable_secret();
    secret.set_id(id);
    secret.set_value(value);
    return secret;
  };
  add("token", "s3cret-file\n", "");
  add("env", "s3cret-variable", "").set_env("TOKEN");
  auto& key = add("key", "s3cret-key\n", "/etc/deep/key");
  key.set_mode(0440);
  key.set_uid(12);
  add("absent", "", "");
  EXPECT_EQ(RunText(step), "***\n***\n***\nright\n400:0\n440:12\nabsent\n")
      << "what the command prints of them is hidden";
  EXPECT_EQ(Describe(built_), Describe(parent_)) << "neither secrets nor their mount points are in the layer";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temp_.path())) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    EXPECT_FALSE(os::ReadFile(entry.path()).value_or("").contains("s3cret")) << entry.path();
  }
}

TEST_F(RunOperationTest, TellsNoArgumentOfAProcessASecret) {
  auto step = Shell("for p in /proc/[0-9]*; do cat $p/cmdline; done; sleep 1");
  auto& secret = *AddMount(step, "").mutable_secret();
  secret.set_value("s3cret-variable");
  secret.set_env("TOKEN");
  // The machine's own processes, while the step runs.
  std::string arguments;
  std::jthread looking([&arguments](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        if (auto text = os::ReadFile(entry.path().string() + "/cmdline")) arguments += *text;
      }
      std::this_thread::yield();
    }
  });
  const std::string inside = RunText(step);
  looking.request_stop();
  looking.join();
  EXPECT_THAT(arguments, HasSubstr(step.step_id())) << "crun was seen";
  EXPECT_THAT(arguments + inside, Not(HasSubstr("s3cret")));
}

TEST_F(RunOperationTest, RefusesMountsThatNoContainerCouldHave) {
  for (const char* target : {"/", "//", "/proc", "/proc/self", "/sys/fs", "relative", "/dev"}) {
    auto step = Shell("true");
    AddMount(step, target).mutable_tmpfs();
    auto built = Run(step);
    ASSERT_FALSE(built) << target;
    EXPECT_EQ(built.error().code(), Code::kInvalidArgument) << target;
  }
}

}  // namespace
}  // namespace burrow::builder
