#include "os/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/process.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kGroupDeadline{60'000};

std::vector<MountEntry> V1Mounts() {
  return {{"/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"},
          {"/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"},
          {"/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"},
          {"/", "/sys/fs/cgroup/systemd", "cgroup", "rw,name=systemd"}};
}

TEST(FindCgroupHierarchies, FindsV1ControllersThatShareAHierarchy) {
  const auto found = FindCgroupHierarchies(V1Mounts(), "");
  ASSERT_TRUE(found) << ErrorText(found);
  EXPECT_FALSE(found->tops.unified);
  EXPECT_THAT(found->tops.Directories(),
              ElementsAre("/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct"));
  EXPECT_EQ(found->all.size(), 4U);
}

TEST(FindCgroupHierarchies, PrefersV1OnAHybridHost) {
  auto mounts = V1Mounts();
  mounts.push_back({"/", "/sys/fs/cgroup/unified", "cgroup2", "rw"});
  const auto found = FindCgroupHierarchies(mounts, "hugetlb\n");
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->tops.unified);
  EXPECT_EQ(found->all.size(), 5U);
}

TEST(FindCgroupHierarchies, FindsTheUnifiedHierarchy) {
  const auto found = FindCgroupHierarchies({{"/", "/sys/fs/cgroup", "cgroup2", "rw"}}, "cpuset cpu io memory pids\n");
  ASSERT_TRUE(found) << ErrorText(found);
  EXPECT_TRUE(found->tops.unified);
  EXPECT_THAT(found->tops.Child("x").Directories(), ElementsAre("/sys/fs/cgroup/x"));
}

TEST(FindCgroupHierarchies, NamesTheControllerThatIsMissing) {
  const auto found = FindCgroupHierarchies({{"/", "/sys/fs/cgroup", "cgroup2", "rw"}}, "cpuset cpu io pids\n");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(ErrorText(found), HasSubstr("\"memory\" is missing"));
  EXPECT_FALSE(FindCgroupHierarchies({}, ""));
}

// A directory that looks like a cgroup and is none.
class FakeCgroup : public ::testing::Test {
 protected:
  void Make(const std::string& name, const std::string& content) {
    ASSERT_TRUE(WriteFileAtomically(temp_ / name, content));
  }
  // Control files are not truncated when written: the fake ones start empty.
  std::string Get(const std::string& name) { return ReadFile(temp_ / name).value_or("missing"); }
  CgroupFiles Files(bool unified) {
    return {
        .unified = unified, .cpu = temp_.path(), .cpuacct = temp_.path(), .memory = temp_.path(), .pids = temp_.path()};
  }
  TempDirectory temp_;
};

TEST_F(FakeCgroup, GetsV2Limits) {
  for (const char* name : {"cpu.max", "memory.max", "memory.swap.max", "pids.max"}) Make(name, "");
  const Status written = WriteCgroupLimits(Files(true), {.cpus = 1.5, .memory_bytes = 64u << 20, .pids = 100});
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(Get("cpu.max"), "150000 100000");
  EXPECT_EQ(Get("memory.max"), "67108864");
  EXPECT_EQ(Get("memory.swap.max"), "0");
  EXPECT_EQ(Get("pids.max"), "100");
}

TEST_F(FakeCgroup, GetsMaxForV2LimitsThatAreNone) {
  for (const char* name : {"cpu.max", "memory.max", "pids.max"}) Make(name, "");
  ASSERT_TRUE(WriteCgroupLimits(Files(true), {}));
  EXPECT_EQ(Get("cpu.max"), "max 100000");
  EXPECT_EQ(Get("memory.max"), "max");
  EXPECT_EQ(Get("pids.max"), "max");
}

TEST_F(FakeCgroup, GetsV1LimitsAndNoCpuQuotaThatTheKernelWouldRefuse) {
  for (const char* name : {"cpu.cfs_period_us", "cpu.cfs_quota_us", "memory.limit_in_bytes", "pids.max"})
    Make(name, "");
  ASSERT_TRUE(WriteCgroupLimits(Files(false), {.cpus = 0.001, .memory_bytes = 1u << 20}));
  EXPECT_EQ(Get("cpu.cfs_period_us"), "100000");
  EXPECT_EQ(Get("cpu.cfs_quota_us"), "1000");
  EXPECT_EQ(Get("memory.limit_in_bytes"), "1048576");
  EXPECT_EQ(Get("pids.max"), "max");
}

TEST_F(FakeCgroup, FailsWhereAControlFileIsMissing) {
  EXPECT_EQ(WriteCgroupLimits(Files(true), {}).error().code(), Code::kNotFound);
}

TEST_F(FakeCgroup, TellsV2Usage) {
  Make("cpu.stat", "usage_usec 2500000\nuser_usec 1\n");
  Make("memory.current", "1000\n");
  Make("memory.stat", "anon 1\ninactive_file 400\n");
  Make("memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 7\n");
  const CgroupUsage usage = ReadCgroupUsage(Files(true));
  EXPECT_DOUBLE_EQ(usage.cpu_seconds, 2.5);
  EXPECT_EQ(usage.memory_bytes, 600U);
  EXPECT_EQ(usage.oom_kills, 2U);
}

TEST_F(FakeCgroup, TellsV1Usage) {
  Make("cpuacct.usage", "1500000000\n");
  Make("memory.usage_in_bytes", "1000\n");
  Make("memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  Make("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  const CgroupUsage usage = ReadCgroupUsage(Files(false));
  EXPECT_DOUBLE_EQ(usage.cpu_seconds, 1.5);
  EXPECT_EQ(usage.memory_bytes, 900U);
  EXPECT_EQ(usage.oom_kills, 3U);
  EXPECT_EQ(ReadCgroupUsage({}).oom_kills, 0U);
}

// The real thing, on whatever version this machine has.
class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    auto root = CgroupRoot::Open(UniqueTestName());
    ASSERT_TRUE(root) << ErrorText(root);
    root_ = std::move(*root);
  }
  void TearDown() override {
    if (!root_) return;
    const Status removed = root_->RemoveAll(true);
    EXPECT_TRUE(removed) << removed.error().message();
  }
  // A shell inside, once its first line of output is there.
  Process Start(const Cgroup& cgroup, const std::string& script) {
    auto pipe = MakePipe();
    auto process = Spawn({.argv = {"sh", "-c", "echo; " + script},
                          .fds = {{pipe->write.get(), 1}},
                          .cgroup_procs = cgroup.procs_files()});
    EXPECT_TRUE(process) << ErrorText(process);
    char byte;
    EXPECT_EQ(read(pipe->read.get(), &byte, 1), 1);
    return std::move(*process);
  }
  std::optional<CgroupRoot> root_;
};

TEST_F(CgroupTest, HoldsAProcessFromItsFirstInstruction) {
  auto cgroup = root_->Create("a", {});
  ASSERT_TRUE(cgroup) << ErrorText(cgroup);
  const auto output =
      os::Run({.argv = {"cat", "/proc/self/cgroup"}, .cgroup_procs = cgroup->procs_files()}, kGroupDeadline);
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_THAT(output->out, HasSubstr(cgroup->path() + "\n"));
  EXPECT_GT(cgroup->Usage().cpu_seconds, 0);
}

TEST_F(CgroupTest, CountsAKillForWantOfMemory) {
  auto cgroup = root_->Create("a", {.memory_bytes = 16u << 20});
  ASSERT_TRUE(cgroup) << ErrorText(cgroup);
  const auto output =
      os::Run({.argv = {"sh", "-c", "head -c 100000000 /dev/zero | tail | cat"}, .cgroup_procs = cgroup->procs_files()},
              kGroupDeadline);
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_GT(cgroup->Usage().oom_kills, 0U);
}

TEST_F(CgroupTest, LimitsTheNumberOfProcesses) {
  auto cgroup = root_->Create("a", {.pids = 3});
  ASSERT_TRUE(cgroup) << ErrorText(cgroup);
  const auto output = os::Run(
      {.argv = {"sh", "-c", "for i in 1 2 3 4 5; do sleep 1000 & done; wait"}, .cgroup_procs = cgroup->procs_files()},
      kGroupDeadline);
  ASSERT_TRUE(output) << ErrorText(output);
  EXPECT_THAT(output->out, HasSubstr("fork"));
  EXPECT_TRUE(cgroup->Remove());
}

TEST_F(CgroupTest, RaisesAndLowersLimits) {
  auto cgroup = root_->Create("a", {.cpus = 0.5, .memory_bytes = 32u << 20});
  ASSERT_TRUE(cgroup);
  for (const uint64_t mebibytes : {64u, 16u, 0u, 48u}) {
    const Status status = cgroup->SetLimits({.cpus = 2, .memory_bytes = mebibytes << 20});
    EXPECT_TRUE(status) << status.error().message();
  }
}

TEST_F(CgroupTest, KillsWhatIsInsideAndIsGoneAfterwards) {
  auto cgroup = root_->Create("a", {});
  ASSERT_TRUE(cgroup);
  Process process = Start(*cgroup, "sleep 1000 & sleep 1000 & wait");
  ASSERT_TRUE(cgroup->Kill(kGroupDeadline));
  EXPECT_EQ(process.Wait(kGroupDeadline)->signal, SIGKILL);
  EXPECT_TRUE(cgroup->Remove());
  EXPECT_TRUE(cgroup->Remove()) << "nothing to do";
  EXPECT_TRUE(root_->Create("a", {})) << "the name is free again";
}

TEST_F(CgroupTest, RefusesATakenNameWithoutHarmToItsOwner) {
  auto cgroup = root_->Create("a", {});
  ASSERT_TRUE(cgroup);
  EXPECT_EQ(root_->Create("a", {}).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(access(cgroup->procs_files()[0].c_str(), F_OK), 0);
  for (const char* name : {"", "..", "a/b", ".x", "a b"}) {
    EXPECT_EQ(root_->Create(name, {}).error().code(), Code::kInvalidArgument) << name;
  }
}

TEST_F(CgroupTest, RemovesWhatAnEarlierProcessLeft) {
  auto cgroup = root_->Create("a", {});
  ASSERT_TRUE(cgroup);
  Process process = Start(*cgroup, "sleep 1000");
  auto* leaked = new Cgroup(std::move(*cgroup));  // its owner was killed
  ASSERT_TRUE(root_->RemoveAll(false));
  EXPECT_EQ(process.Wait(kGroupDeadline)->signal, SIGKILL);
  EXPECT_NE(access(leaked->procs_files()[0].c_str(), F_OK), 0);
  delete leaked;
}

}  // namespace
}  // namespace burrow::os
