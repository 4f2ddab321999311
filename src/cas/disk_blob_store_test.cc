#include "cas/disk_blob_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <thread>

#include "cas/testing/temporary_directory.h"
#include "os/mount.h"

namespace burrow::cas {
namespace {

namespace fs = std::filesystem;

size_t TemporaryFiles(const std::string& store) {
  size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(store + "/tmp")) count += entry.is_regular_file();
  return count;
}

TEST(DiskBlobStore, LeavesNothingOfAWriterThatWasDropped) {
  testing::TemporaryDirectory directory;
  auto store = DiskBlobStore::Open(directory.path()).value();
  {
    DiskBlobWriter writer = store->NewWriter().value();
    ASSERT_TRUE(writer.Append("half"));
    EXPECT_EQ(TemporaryFiles(directory.path()), 1u);
  }
  EXPECT_EQ(TemporaryFiles(directory.path()), 0u);
}

TEST(DiskBlobStore, RemovesWhatAKilledProcessLeftButNotWhatALivingOneWrites) {
  testing::TemporaryDirectory directory;
  auto living = DiskBlobStore::Open(directory.path()).value();
  DiskBlobWriter writer = living->NewWriter().value();
  ASSERT_TRUE(writer.Append("content"));
  pid_t child = ::fork();
  if (child == 0) {
    auto store = DiskBlobStore::Open(directory.path());
    auto half = (*store)->NewWriter();
    (void)half->Append("half");
    ::kill(::getpid(), SIGKILL);
  }
  int status;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(TemporaryFiles(directory.path()), 2u);
  auto next = DiskBlobStore::Open(directory.path()).value();
  EXPECT_EQ(TemporaryFiles(directory.path()), 1u);
  EXPECT_TRUE(writer.Commit(Digest::Of("content")));
  EXPECT_EQ(next->Size(Digest::Of("content")).value(), 7u);
}

TEST(DiskBlobStore, WritesAgainWhatWasCutShort) {
  testing::TemporaryDirectory directory;
  auto store = DiskBlobStore::Open(directory.path()).value();
  Digest digest = Digest::Of("content");
  ASSERT_TRUE(store->Put(digest, "content"));
  std::string path = directory / (digest.Hex().substr(0, 2) + "/" + digest.Hex().substr(2));
  fs::resize_file(path, 3);
  ASSERT_TRUE(store->Put(digest, "content"));
  EXPECT_EQ(GetAll(*store, digest, 100).value(), "content");
}

TEST(DiskBlobStore, TakesTheSameBlobFromManyThreads) {
  testing::TemporaryDirectory directory;
  auto store = DiskBlobStore::Open(directory.path()).value();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(store->Put(Digest::Of(std::to_string(i)), std::to_string(i)));
    });
  }
  threads.clear();
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(store->Has(Digest::Of(std::to_string(i))).value());
  EXPECT_EQ(TemporaryFiles(directory.path()), 0u);
}

TEST(DiskBlobStore, SaysThatTheDiskIsFull) {
  testing::TemporaryDirectory directory;
  auto mount = os::MountTmpfs(directory.path(), 1u << 20);
  if (!mount) GTEST_SKIP() << "needs root to mount a tmpfs: " << mount.error().message();
  auto store = DiskBlobStore::Open(directory / "blobs").value();
  std::string large(4u << 20, 'x');
  Status status = store->Put(Digest::Of(large), large);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  EXPECT_NE(status.error().message().find("full"), std::string::npos);
  EXPECT_TRUE(store->Put(Digest::Of("small"), "small"));
  store.reset();
}

}  // namespace
}  // namespace burrow::cas
