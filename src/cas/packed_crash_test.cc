// Kills a process that puts small blobs, at each step on the way into a pack and at random: what it acknowledged is
// there afterwards, whole.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "cas/disk_blob_store.h"
#include "cas/packed_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::cas {
namespace {

constexpr const char* kDirectory = "BURROW_TEST_CRASH_DIRECTORY";
constexpr int kBlobs = 400;

Result<std::unique_ptr<PackedBlobStore>> OpenStore(const std::string& directory) {
  BURROW_ASSIGN_OR_RETURN(auto large, DiskBlobStore::Open(directory + "/blobs"));
  BURROW_ASSIGN_OR_RETURN(auto packs, DiskBlobStore::Open(directory + "/packs"));
  return PackedBlobStore::Open({.directory = directory + "/local", .pack_bytes = 30'000}, std::move(large),
                               std::move(packs));
}

std::string ContentOf(int i) { return std::to_string(i) + std::string(static_cast<size_t>(i) * 13 % 1'500, 'c'); }

// The child: puts blobs one after another, removes two of three and compacts now and then, and says what is
// acknowledged by one character each on standard output.
TEST(PackedCrash, DISABLED_Child) {
  const char* directory = std::getenv(kDirectory);
  ASSERT_TRUE(directory);
  auto store = OpenStore(directory);
  ASSERT_TRUE(store) << store.error().message();
  for (int i = 0; i < kBlobs; ++i) {
    std::string content = ContentOf(i);
    ASSERT_TRUE((*store)->Put(Digest::Of(content), content));
    ASSERT_EQ(::write(STDOUT_FILENO, "+", 1), 1);
    if (i % 50 == 49) {
      ASSERT_TRUE((*store)->Sync());
      for (int j = i - 49; j <= i; ++j) {
        if (j % 3 != 0) ASSERT_TRUE((*store)->Remove(Digest::Of(ContentOf(j))));
      }
      ASSERT_TRUE((*store)->Compact());
    }
  }
}

// Runs the child until its death; gives how many puts it acknowledged. `kill_after` 0: it dies by itself.
int RunChild(const std::string& directory, const std::string& faults, int kill_after) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]), writer(ends[1]);
  os::SpawnOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe"), "--gtest_filter=PackedCrash.DISABLED_Child",
                  "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
  options.env = {std::string(kDirectory) + "=" + directory, "BURROW_FAULTS=" + faults};
  options.fds = {{2, 2}, {writer.get(), 1}};
  auto child = os::Spawn(options);
  EXPECT_TRUE(child) << child.error().message();
  writer.Reset();
  int acknowledged = 0;
  char byte = 0;
  while (::read(reader.get(), &byte, 1) == 1) {
    acknowledged += byte == '+' ? 1 : 0;
    if (acknowledged == kill_after && byte == '+') EXPECT_TRUE(child->Signal(SIGKILL));
  }
  EXPECT_TRUE(child->Wait(std::chrono::seconds(60)));
  return acknowledged;
}

void ExpectAcknowledged(const std::string& directory, int acknowledged) {
  auto store = OpenStore(directory);
  ASSERT_TRUE(store) << store.error().message();
  for (int i = 0; i < acknowledged; ++i) {
    if (i % 3 != 0) continue;  // removed, or to be removed
    auto content = GetAll(**store, Digest::Of(ContentOf(i)), 1u << 20);
    ASSERT_TRUE(content) << i << ": " << content.error().message();
    ASSERT_EQ(*content, ContentOf(i));
  }
  for (int i = acknowledged; i < kBlobs; ++i) {  // the store goes on
    ASSERT_TRUE((*store)->Put(Digest::Of(ContentOf(i)), ContentOf(i)));
  }
  ASSERT_TRUE((*store)->Sync());
  ASSERT_TRUE((*store)->Compact());
  ASSERT_TRUE(GetAll(**store, Digest::Of(ContentOf(kBlobs - 1)), 1u << 20));
}

TEST(PackedCrash, LosesNothingWhereverItIsKilled) {
  for (const char* point : {"cas.packs.before_put", "cas.commit.before_rename", "cas.packs.after_put",
                            "cas.packs.before_journal_removed", "cas.packs.compact_put", "cas.packs.compact_synced"}) {
    testing::TemporaryDirectory directory;
    int acknowledged = RunChild(directory.path(), std::string(point) + "=kill", 0);
    EXPECT_LT(acknowledged, kBlobs) << point << " was not reached";
    ExpectAcknowledged(directory.path(), acknowledged);
  }
}

TEST(PackedCrash, LosesNothingWhenItIsKilledAnywhere) {
  for (int kill_after : {1, 23, 77, 149, 151, 260, 399}) {
    testing::TemporaryDirectory directory;
    int acknowledged = RunChild(directory.path(), "", kill_after);
    EXPECT_GE(acknowledged, kill_after);
    ExpectAcknowledged(directory.path(), acknowledged);
  }
}

// A death in the middle of a write: the journal's last blob is cut off anywhere.
TEST(PackedCrash, KeepsTheWholeBlobsOfAJournalThatIsCutOff) {
  for (uint64_t cut : {1, 30, 40, 1'000}) {
    testing::TemporaryDirectory directory;
    {
      auto store = OpenStore(directory.path()).value();
      for (int i = 0; i < 10; ++i) ASSERT_TRUE(store->Put(Digest::Of(ContentOf(i)), ContentOf(i)));
      std::string last(1'200, 'l');
      ASSERT_TRUE(store->Put(Digest::Of(last), last));
    }
    std::string journal = directory / "local/journal-0";
    std::filesystem::resize_file(journal, std::filesystem::file_size(journal) - cut);
    auto store = OpenStore(directory.path()).value();
    EXPECT_EQ(store->counts().waiting, 10u);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(GetAll(*store, Digest::Of(ContentOf(i)), 10'000));
  }
}

}  // namespace
}  // namespace burrow::cas
