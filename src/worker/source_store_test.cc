#include "worker/source_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "os/testing/environment.h"

namespace burrow::worker {
namespace {

class SourceStoreTest : public ::testing::Test {
 protected:
  SourceStoreTest() {
    remote_ = cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()});
    cache_ = std::move(*cas::BlobCache::Open(temp_ / "cache", remote_.get()));
    store_ = std::move(*SourceStore::Open(temp_ / "sources", cache_.get()));
  }
  burrow::v1::SourceFile File(const std::string& path, const std::string& content, uint32_t mode = 0644) {
    burrow::v1::SourceFile file;
    file.set_path(path);
    file.set_digest(server_.Add(content).Hex());
    file.set_size(content.size());
    file.set_mode(mode);
    return file;
  }
  size_t Directories() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(temp_ / "sources"), std::filesystem::directory_iterator()));
  }

  os::TempDirectory temp_;
  cas::testing::BlobServer server_;
  std::unique_ptr<cas::BlobStore> remote_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::unique_ptr<SourceStore> store_;
};

TEST_F(SourceStoreTest, LaysFilesOutWithContentAndMode) {
  auto made =
      store_->Materialise({File("main.py", "print()"), File("pkg/sub/run.sh", "#!/bin/sh", 0755), File("empty", "")});
  ASSERT_TRUE(made) << os::ErrorText(made);
  EXPECT_EQ(os::ReadFile((*made)->path() + "/main.py").value_or("?"), "print()");
  EXPECT_EQ(os::ReadFile((*made)->path() + "/empty").value_or("?"), "");
  struct stat info{};
  ASSERT_EQ(::stat(((*made)->path() + "/pkg/sub/run.sh").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
}

TEST_F(SourceStoreTest, LaysASetOutOnceForManyThreads) {
  SourceFiles files = {File("a.py", "a"), File("b.py", "b")};
  std::vector<std::string> paths(8);
  {
    std::vector<std::jthread> threads;
    for (auto& path : paths) {
      threads.emplace_back([&] {
        auto made = store_->Materialise(files);
        path = made ? (*made)->path() : made.error().message();
      });
    }
  }
  EXPECT_THAT(paths, ::testing::Each(paths[0]));
  EXPECT_EQ(Directories(), 1u);
  std::swap(files[0], files[1]);
  EXPECT_EQ((*store_->Materialise(files))->path(), paths[0]);
}

TEST_F(SourceStoreTest, RefusesPathsThatLeaveOrContradict) {
  for (const char* path : {"../x", "/x", "a/../../x"}) EXPECT_FALSE(store_->Materialise({File(path, "x")})) << path;
  EXPECT_FALSE(store_->Materialise({File("a", "x"), File("a/b", "y")}));
  EXPECT_FALSE(store_->Materialise({File("a", "x"), File("a", "y")}));
  EXPECT_EQ(Directories(), 0u);
}

TEST_F(SourceStoreTest, TriesAgainAfterAFailure) {
  auto file = File("late.py", "late");
  server_.Remove(*cas::Digest::FromHex(file.digest()));
  EXPECT_FALSE(store_->Materialise({file}));
  server_.Add("late");
  EXPECT_TRUE(store_->Materialise({file}));
}

TEST_F(SourceStoreTest, KeepsWhatIsHeldAndRemovesTheOldestOfTheRest) {
  auto held = store_->Materialise({File("held.py", "held")});
  ASSERT_TRUE(held);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->Materialise({File("x.py", std::to_string(i))}));
  EXPECT_LE(Directories(), 66u);
  EXPECT_TRUE(std::filesystem::exists((*held)->path() + "/held.py"));
}

TEST_F(SourceStoreTest, GivesNoDirectoryForNoFiles) {
  auto made = store_->Materialise({});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->path(), "");
}

}  // namespace
}  // namespace burrow::worker
