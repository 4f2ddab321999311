// Kills a process that fetches, links and evicts, again and again: whatever bears a blob's name afterwards is whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/testing/rounds.h"
#include "base/unique_fd.h"
#include "cas/blob_cache.h"
#include "cas/cache_keeper.h"
#include "cas/testing/late_clock.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"

namespace burrow::cas {
namespace {

constexpr char kDirectory[] = "BURROW_CACHE_CRASH_DIRECTORY";
constexpr int kProgressFd = 7;
constexpr int kBlobs = 48;

std::string Content(int number) {
  std::string content;
  while (content.size() < 20'000u + 1'000u * static_cast<size_t>(number)) content += std::to_string(number) + ",";
  return content;
}

// The process that is killed: the quota holds a third of its blobs. One byte for each that it got.
TEST(CacheCrash, DISABLED_FetchAndEvictForEver) {
  const char* directory = std::getenv(kDirectory);
  if (!directory) GTEST_SKIP() << "runs as a child of the other test";
  testing::MemoryBlobStore remote;
  std::vector<Digest> digests;
  for (int i = 0; i < kBlobs; ++i) digests.push_back(remote.Add(Content(i)));
  testing::LateClock clock;
  auto signals = CacheSignals::Create().value();
  auto none = [](const Digest&) -> Result<std::vector<Digest>> { return Fail(Code::kNotFound, "none"); };
  auto keeper = CacheKeeper::Open({.directory = directory,
                                   .signals = signals,
                                   .quota_bytes = 600'000,
                                   .free_bytes = 1,
                                   .blobs_of_image = none,
                                   .clock = &clock});
  auto cache = BlobCache::Open({.directory = directory, .remote = &remote, .signals = signals});
  if (!keeper || !cache) ::_exit(3);
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t;; i += 7) {
        const Digest& digest = digests[i % kBlobs];
        (void)(*cache)->OpenBlob(digest);  // an eviction may come between a fetch and its opening
        (void)(*cache)->Link(digest);
        if (::write(kProgressFd, "+", 1) != 1) ::_exit(4);
      }
    });
  }
}

// Until it has got so many blobs, or until a fault point kills it.
void RunAndKillAfter(const std::string& directory, const char* faults, int blobs) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]), writer(ends[1]);
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(writer.get(), kProgressFd);
    ::setenv(kDirectory, directory.c_str(), 1);
    ::setenv("BURROW_FAULTS", faults, 1);
    ::execl("/proc/self/exe", "cas_test", "--gtest_filter=CacheCrash.DISABLED_FetchAndEvictForEver",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", static_cast<char*>(nullptr));
    ::_exit(5);
  }
  writer.Reset();
  char byte;
  for (int seen = 0; ::read(reader.get(), &byte, 1) == 1;) {
    if (++seen == blobs) ::kill(child, SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
}

// How many there are.
int ExpectAllWhole(const std::string& directory) {
  int count = 0;
  for (const auto& shard : std::filesystem::directory_iterator(directory)) {
    if (shard.path().filename() == "tmp") continue;
    for (const auto& file : std::filesystem::directory_iterator(shard.path())) {
      std::stringstream content;
      content << std::ifstream(file.path()).rdbuf();
      EXPECT_EQ(Digest::Of(content.str()).Hex(), shard.path().filename().string() + file.path().filename().string());
      ++count;
    }
  }
  return count;
}

TEST(CacheCrash, LeavesOnlyWholeBlobs) {
  testing::TemporaryDirectory directory;
  CacheLayout layout(directory / "cache");
  int seen = 0;
  for (int round = 0; round < burrow::testing::Rounds(30); ++round) {
    const char* faults[] = {"", "cas.commit.before_rename=kill", "", "cas.remove.between_unlinks=kill"};
    RunAndKillAfter(layout.root, faults[round % 4], 20 + 37 * round % 301);
    seen += ExpectAllWhole(layout.Blobs());
    ExpectAllWhole(layout.Linked());
  }
  EXPECT_GT(seen, burrow::testing::Rounds(100));
  testing::MemoryBlobStore remote;
  auto cache = BlobCache::Open(layout.root, &remote).value();
  // What the killed ones left half-written is gone with the first start.
  int leftovers = 0;
  for (const auto& own : std::filesystem::directory_iterator(layout.Blobs() + "/tmp")) {
    leftovers += static_cast<int>(!std::filesystem::is_empty(own));
  }
  EXPECT_EQ(leftovers, 0);
}

}  // namespace
}  // namespace burrow::cas
