#include "cas/packed_blob_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "cas/disk_blob_store.h"
#include "cas/pack.h"
#include "cas/testing/temporary_directory.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

namespace fs = std::filesystem;

// Content that hardly compresses, so that packs have the size of what is in them.
std::string Noise(uint64_t seed, size_t size) {
  std::string content;
  for (uint64_t state = seed * 2 + 1; content.size() < size;) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    content += static_cast<char>(state >> 56);
  }
  return content;
}

class PackedBlobStoreTest : public ::testing::Test {
 protected:
  void Open(uint64_t pack_bytes = 100'000) {
    store_.reset();
    store_ = PackedBlobStore::Open({.directory = directory_ / "local", .pack_bytes = pack_bytes},
                                   DiskBlobStore::Open(directory_ / "blobs").value(),
                                   DiskBlobStore::Open(directory_ / "packs").value())
                 .value();
  }
  std::vector<std::string> PutNoise(uint64_t first, int count, size_t size = 5'000) {
    std::vector<std::string> contents;
    for (int i = 0; i < count; ++i) {
      contents.push_back(Noise(first + static_cast<uint64_t>(i), size));
      EXPECT_TRUE(store_->Put(Digest::Of(contents.back()), contents.back()));
    }
    return contents;
  }
  void ExpectAll(const std::vector<std::string>& contents) {
    for (const auto& content : contents) {
      auto got = GetAll(*store_, Digest::Of(content), 1u << 20);
      ASSERT_TRUE(got) << got.error().message();
      EXPECT_EQ(*got, content);
    }
  }
  std::vector<fs::path> FilesOf(const std::string& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / directory)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<PackedBlobStore> store_;
};

TEST_F(PackedBlobStoreTest, KeepsSmallBlobsInFewFilesAndLargeOnesAsTheyAre) {
  Open();
  auto contents = PutNoise(0, 200);
  std::string large = Noise(999, kSmallBlob);
  ASSERT_TRUE(store_->Put(Digest::Of(large), large));
  ASSERT_TRUE(store_->Sync());
  EXPECT_EQ(store_->counts().packs, 10u);
  EXPECT_EQ(store_->counts().waiting, 0u);
  EXPECT_EQ(FilesOf("blobs").size(), 1u);
  EXPECT_EQ(FilesOf("packs").size(), 10u);
  ExpectAll(contents);
}

TEST_F(PackedBlobStoreTest, FindsEverythingAgainAfterAStart) {
  Open();
  auto contents = PutNoise(0, 130);
  Open();
  EXPECT_GT(store_->counts().waiting, 0u) << "some were in the journal only";
  ExpectAll(contents);
  ASSERT_TRUE(store_->Sync());
  Open();
  EXPECT_EQ(store_->counts().waiting, 0u);
  ExpectAll(contents);
  for (const auto& file : FilesOf("local")) EXPECT_FALSE(file.filename().string().starts_with("journal")) << file;
}

TEST_F(PackedBlobStoreTest, RebuildsItsIndexFromThePacks) {
  Open();
  auto contents = PutNoise(0, 100);
  ASSERT_TRUE(store_->Sync());
  store_.reset();
  std::string index = directory_ / "local/index";
  auto size = fs::file_size(index);
  for (uint64_t length : {uint64_t{0}, uint64_t{5}, size / 2, size - 1}) {
    fs::resize_file(index, length);
    Open();
    EXPECT_EQ(store_->counts().blobs, 100u);
    ExpectAll(contents);
    store_.reset();
    EXPECT_EQ(fs::file_size(index), size);
  }
  auto content = os::ReadFile(index).value();
  content[content.size() / 3] = static_cast<char>(content[content.size() / 3] ^ 1);
  ASSERT_TRUE(os::WriteFileAtomically(index, content));
  Open();
  ExpectAll(contents);
  fs::remove(index);
  Open();
  ExpectAll(contents);
}

TEST_F(PackedBlobStoreTest, ForgetsPacksThatAreGone) {
  Open();
  auto contents = PutNoise(0, 20);
  ASSERT_TRUE(store_->Sync());
  fs::remove(FilesOf("packs").at(0));
  EXPECT_EQ(GetAll(*store_, Digest::Of(contents[0]), 10'000).error().code(), Code::kDataLoss);
  Open();
  EXPECT_FALSE(store_->Has(Digest::Of(contents[0])).value());
  ASSERT_TRUE(store_->Put(Digest::Of(contents[0]), contents[0]));
  ExpectAll({contents[0]});
}

TEST_F(PackedBlobStoreTest, FindsSmallBlobsThatLieAsFiles) {
  auto plain = DiskBlobStore::Open(directory_ / "blobs").value();
  ASSERT_TRUE(plain->Put(Digest::Of("old"), "old"));
  Open();
  EXPECT_TRUE(store_->Has(Digest::Of("old")).value());
  EXPECT_TRUE(store_->Missing({Digest::Of("old")}).value().empty());
  EXPECT_EQ(store_->Size(Digest::Of("old")).value(), 3u);
  EXPECT_TRUE(store_->OpenBlob(Digest::Of("old")));
  ExpectAll({"old"});
  ASSERT_TRUE(store_->Remove(Digest::Of("old")));
  EXPECT_FALSE(store_->Has(Digest::Of("old")).value());
}

TEST_F(PackedBlobStoreTest, TakesADamagedBlobAgain) {
  Open();
  auto contents = PutNoise(0, 10);
  ASSERT_TRUE(store_->Sync());
  auto pack = FilesOf("packs").at(0);
  store_.reset();
  auto bytes = os::ReadFile(pack).value();
  for (size_t i = 10'000; i < bytes.size() - 10'000; i += 100) bytes[i] = static_cast<char>(bytes[i] + 1);
  ASSERT_TRUE(os::WriteFileAtomically(pack, bytes));
  Open();
  Digest digest = Digest::Of(contents[5]);
  EXPECT_EQ(GetAll(*store_, digest, 10'000).error().code(), Code::kDataLoss);
  EXPECT_EQ(store_->Missing({digest}).value(), std::vector{digest}) << "so that it is brought again";
  ASSERT_TRUE(store_->Put(digest, contents[5]));
  ExpectAll({contents[5]});
  ASSERT_TRUE(store_->Sync());
  ExpectAll({contents[5]});
}

TEST_F(PackedBlobStoreTest, GivesBackTheSpaceOfWhatWasRemoved) {
  Open();
  auto contents = PutNoise(0, 200);
  ASSERT_TRUE(store_->Sync());
  std::vector<std::string> kept;
  for (size_t i = 0; i < contents.size(); ++i) {
    if (i % 4 == 0) {
      kept.push_back(contents[i]);
    } else {
      ASSERT_TRUE(store_->Remove(Digest::Of(contents[i])));
    }
  }
  ASSERT_TRUE(store_->Compact());
  EXPECT_LE(FilesOf("packs").size(), 4u);
  ExpectAll(kept);
  Open();
  ExpectAll(kept);
  EXPECT_EQ(store_->counts().blobs, kept.size());
  for (const auto& content : kept) ASSERT_TRUE(store_->Remove(Digest::Of(content)));
  ASSERT_TRUE(store_->Compact());
  EXPECT_TRUE(FilesOf("packs").empty());
}

TEST_F(PackedBlobStoreTest, JoinsManySmallPacks) {
  Open();
  std::vector<std::string> contents;
  for (uint64_t i = 0; i < 12; ++i) {
    contents.push_back(PutNoise(i, 1)[0]);
    ASSERT_TRUE(store_->Sync());
  }
  EXPECT_EQ(FilesOf("packs").size(), 12u);
  ASSERT_TRUE(store_->Compact());
  EXPECT_EQ(FilesOf("packs").size(), 1u);
  ExpectAll(contents);
}

TEST_F(PackedBlobStoreTest, IsUsedByManyThreadsWhilePacksAreRewritten) {
  Open(40'000);
  std::atomic<bool> done = false;
  std::jthread compactor([&] {
    while (!done) EXPECT_TRUE(store_->Compact());
  });
  {
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t i = 0; i < 100; ++i) {
          std::string content = Noise(i / 2, 2'000), own = Noise(1'000 + t * 1'000 + i, 2'000);
          EXPECT_TRUE(store_->Put(Digest::Of(content), content));
          EXPECT_TRUE(store_->Put(Digest::Of(own), own));
          ExpectAll({content, own});
          EXPECT_TRUE(store_->Remove(Digest::Of(own)));
          if (i % 10 == 0) EXPECT_TRUE(store_->Sync());
        }
      });
    }
  }
  done = true;
  for (uint64_t i = 0; i < 50; ++i) ExpectAll({Noise(i, 2'000)});
}

TEST_F(PackedBlobStoreTest, BelongsToOneProcess) {
  Open();
  auto second =
      PackedBlobStore::Open({.directory = directory_ / "local"}, DiskBlobStore::Open(directory_ / "blobs").value(),
                            DiskBlobStore::Open(directory_ / "packs").value());
  EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace burrow::cas
