// Kills a process amid its batches: what it acknowledged is there afterwards, and no batch is there in part.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "base/unique_fd.h"
#include "store/store.h"
#include "store/testing/temporary_directory.h"

namespace burrow::store {
namespace {

constexpr uint32_t kBatch = 50;

// Adds batches, each in its own group, and writes one byte for each acknowledged one until it is killed or nobody
// reads.
[[noreturn]] void AddBatchesForEver(const std::string& path, int acknowledged) {
  auto store = OpenSqliteStore(path);
  if (!store) ::_exit(2);
  for (;;) {
    const GroupRecord group{.id = GroupId::New(), .function = FunctionId::New()};
    std::vector<CallRecord> calls;
    calls.reserve(kBatch);
    for (uint32_t i = 0; i < kBatch; ++i) {
      calls.push_back({.id = CallId::New(),
                       .function = group.function,
                       .group = group.id,
                       .index = i,
                       .arguments = std::string(200, 'a')});
    }
    if (!(*store)->AddCalls(group, calls)) ::_exit(3);
    if (::write(acknowledged, "+", 1) != 1) ::_exit(4);
  }
}

// Batches acknowledged until the kill, those whose byte was still in the pipe included.
size_t RunAndKillAfter(const std::string& path, size_t batches) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  UniqueFd reader(ends[0]), writer(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    reader.Reset();
    AddBatchesForEver(path, writer.get());
  }
  writer.Reset();
  size_t acknowledged = 0;
  char byte;
  while (::read(reader.get(), &byte, 1) == 1) {
    if (++acknowledged == batches) ::kill(child, SIGKILL);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
  return acknowledged;
}

TEST(Crash, LosesNoAcknowledgedBatchAndKeepsNoPartOfAnother) {
  testing::TemporaryDirectory directory;
  const std::string path = directory.File("state.db");
  size_t stored = 0;
  for (const size_t batches : {1, 7, 20, 40, 90}) {
    const size_t expected = stored + RunAndKillAfter(path, batches);

    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store) << store.error().message();
    const auto calls = (*store)->QueuedCalls();
    ASSERT_TRUE(calls) << calls.error().message();
    std::map<GroupId, size_t> per_group;
    for (const CallRecord& call : *calls) ++per_group[call.group];
    for (const auto& [group, count] : per_group) EXPECT_EQ(count, kBatch) << group.str();
    EXPECT_GE(per_group.size(), expected);
    EXPECT_LE(per_group.size(), expected + 1)
        << "only the batch that the kill met may be stored without acknowledgement";
    stored = per_group.size();
  }
}

}  // namespace
}  // namespace burrow::store
