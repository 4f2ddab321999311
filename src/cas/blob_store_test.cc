// The contract of BlobStore, run against each implementation.
#include "cas/blob_store.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <map>

#include "cas/disk_blob_store.h"
#include "cas/http_blob_store.h"
#include "cas/packed_blob_store.h"
#include "cas/s3_blob_store.h"
#include "cas/s3_client.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/s3_server.h"
#include "cas/testing/temporary_directory.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

// A store and what it needs to live.
struct DiskWorld {
  static constexpr bool kOwned = true;  // what the owner of a store may do works
  testing::TemporaryDirectory directory;
  std::unique_ptr<BlobStore> store = std::move(DiskBlobStore::Open(directory / "blobs").value());
  void Damage(const Digest& digest) {
    std::string path = directory / "blobs/" + digest.Hex().substr(0, 2) + "/" + digest.Hex().substr(2);
    ASSERT_TRUE(os::WriteFileAtomically(path, "something else"));
  }
};
struct HttpWorld {
  static constexpr bool kOwned = false;
  testing::BlobServer server;
  std::unique_ptr<BlobStore> store = NewHttpBlobStore({.url = server.url() + "/", .token = server.token()});
  void Damage(const Digest& digest) { server.AddAs(digest, "something else"); }
};

struct PackedWorld {
  static constexpr bool kOwned = true;
  testing::TemporaryDirectory directory;
  std::unique_ptr<BlobStore> store = NewStore();
  std::unique_ptr<BlobStore> NewStore() {
    return PackedBlobStore::Open({.directory = directory / "local", .pack_bytes = 100'000},
                                 DiskBlobStore::Open(directory / "blobs").value(),
                                 DiskBlobStore::Open(directory / "packs").value())
        .value();
  }
  // Packs have tests of their own for damage; here the blob lies beside them.
  void Damage(const Digest& digest) {
    ASSERT_TRUE(store->Remove(digest));
    std::string path = directory / "blobs/" + digest.Hex().substr(0, 2);
    ASSERT_TRUE(os::MakeDirectories(path));
    ASSERT_TRUE(os::WriteFileAtomically(path + "/" + digest.Hex().substr(2), "something else"));
  }
};

struct S3World {
  static constexpr bool kOwned = true;
  testing::TemporaryDirectory spool;
  testing::S3Server server;
  std::unique_ptr<BlobStore> store = NewS3BlobStore({.location = server.Location(),
                                                     .credentials = testing::S3Server::credentials(),
                                                     .spool_directory = spool.path()});
  void Damage(const Digest& digest) {
    S3Client client(server.Location(), testing::S3Server::credentials(), std::chrono::seconds(10));
    std::string wrong = "something else";
    ASSERT_TRUE(client.Perform({.method = "PUT",
                                .key = server.Location().prefix + digest.Hex(),
                                .body = wrong,
                                .body_sha256 = Digest::Of(wrong).Hex()}));
  }
};

template <class World>
class BlobStoreContract : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::is_same_v<World, S3World> || testing::S3Server::Installed()) {
      world_ = std::make_unique<World>();
    } else {
      GTEST_SKIP() << "the S3 server is not installed: ./dev setup";
    }
  }
  std::unique_ptr<World> world_;
};
using Worlds = ::testing::Types<DiskWorld, HttpWorld, PackedWorld, S3World>;
TYPED_TEST_SUITE(BlobStoreContract, Worlds);

UniqueFd FileWith(std::string_view content) {
  UniqueFd fd(::memfd_create("content", MFD_CLOEXEC));
  EXPECT_TRUE(os::WriteAll(fd.get(), content));
  return fd;
}

TYPED_TEST(BlobStoreContract, GivesBackWhatWasPut) {
  std::string large(3'000'000, 'x');
  for (std::string_view content : {std::string_view(""), std::string_view("hello"), std::string_view(large)}) {
    Digest digest = Digest::Of(content);
    ASSERT_TRUE(this->world_->store->Put(digest, content));
    EXPECT_EQ(GetAll((*this->world_->store), digest, 1u << 30).value(), content);
    EXPECT_TRUE(this->world_->store->Has(digest).value());
  }
  EXPECT_TRUE(this->world_->store->Sync());
}

TYPED_TEST(BlobStoreContract, StoresAFileFromItsStart) {
  std::string content(200'000, 'f');
  UniqueFd file = FileWith(content);
  Digest digest = Digest::Of(content);
  ASSERT_TRUE(this->world_->store->PutFile(digest, file.get()));
  EXPECT_EQ(GetAll((*this->world_->store), digest, content.size()).value(), content);
}

TYPED_TEST(BlobStoreContract, PutsWhatIsThereAlreadyAgain) {
  Digest digest = Digest::Of("twice");
  EXPECT_TRUE(this->world_->store->Put(digest, "twice"));
  EXPECT_TRUE(this->world_->store->Put(digest, "twice"));
  UniqueFd file = FileWith("twice");
  EXPECT_TRUE(this->world_->store->PutFile(digest, file.get()));
}

TYPED_TEST(BlobStoreContract, RefusesBytesThatAreNotTheDigests) {
  Digest digest = Digest::Of("right");
  EXPECT_EQ(this->world_->store->Put(digest, "wrong").error().code(), Code::kInvalidArgument);
  UniqueFd file = FileWith("wrong");
  EXPECT_EQ(this->world_->store->PutFile(digest, file.get()).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(this->world_->store->Has(digest).value());
}

TYPED_TEST(BlobStoreContract, SaysThatABlobIsNotThere) {
  Digest digest = Digest::Of("absent");
  EXPECT_FALSE(this->world_->store->Has(digest).value());
  EXPECT_EQ(GetAll((*this->world_->store), digest, 100).error().code(), Code::kNotFound);
}

TYPED_TEST(BlobStoreContract, ListsWhatIsMissingInOrder) {
  std::vector<Digest> all, absent;
  for (int i = 0; i < 50; ++i) {
    std::string content = std::to_string(i);
    all.push_back(Digest::Of(content));
    if (i % 3 == 0) {
      ASSERT_TRUE(this->world_->store->Put(all.back(), content));
    } else {
      absent.push_back(all.back());
    }
  }
  EXPECT_EQ(this->world_->store->Missing(all).value(), absent);
  EXPECT_TRUE(this->world_->store->Missing({}).value().empty());
}

TYPED_TEST(BlobStoreContract, ReportsDamagedBytes) {
  Digest digest = Digest::Of("whole");
  ASSERT_TRUE(this->world_->store->Put(digest, "whole"));
  this->world_->Damage(digest);
  EXPECT_EQ(GetAll((*this->world_->store), digest, 100).error().code(), Code::kDataLoss);
}

TYPED_TEST(BlobStoreContract, EndsATransferWhenTheSinkFails) {
  Digest digest = Digest::Of("content");
  ASSERT_TRUE(this->world_->store->Put(digest, "content"));
  int pieces = 0;
  Status status = this->world_->store->Get(digest, [&](std::string_view) -> Status {
    ++pieces;
    return Fail(Code::kUnavailable, "enough");
  });
  EXPECT_EQ(status.error().message(), "enough");
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(GetAll((*this->world_->store), digest, 3).error().code(), Code::kOutOfRange);
}

std::string Part(BlobStore& store, const Digest& digest, uint64_t offset, uint64_t length) {
  std::string part;
  Status status = store.GetRange(digest, offset, length, [&](std::string_view data) -> Status {
    part += data;
    return {};
  });
  EXPECT_TRUE(status) << status.error().message();
  return part;
}

TYPED_TEST(BlobStoreContract, SaysHowLargeABlobIs) {
  for (size_t size : {size_t{0}, size_t{5}, size_t{1'000'000}}) {
    std::string content(size, 's');
    ASSERT_TRUE(this->world_->store->Put(Digest::Of(content), content));
    EXPECT_EQ(this->world_->store->Size(Digest::Of(content)).value(), size);
  }
  EXPECT_EQ(this->world_->store->Size(Digest::Of("absent")).error().code(), Code::kNotFound);
}

TYPED_TEST(BlobStoreContract, GivesAPartOfABlob) {
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += static_cast<char>('a' + i % 23);
  for (size_t size : {size_t{5'000}, content.size()}) {
    std::string blob = content.substr(0, size);
    Digest digest = Digest::Of(blob);
    ASSERT_TRUE(this->world_->store->Put(digest, blob));
    EXPECT_TRUE(Part((*this->world_->store), digest, 0, 10) == blob.substr(0, 10));
    EXPECT_TRUE(Part((*this->world_->store), digest, 1'234, 3'000) == blob.substr(1'234, 3'000));
    EXPECT_TRUE(Part((*this->world_->store), digest, 0, size) == blob);
    EXPECT_TRUE(Part((*this->world_->store), digest, size - 1, 1) == blob.substr(size - 1));
    auto ignore = [](std::string_view) -> Status { return {}; };
    EXPECT_EQ(this->world_->store->GetRange(digest, size - 5, 6, ignore).error().code(), Code::kOutOfRange);
    EXPECT_EQ(this->world_->store->GetRange(digest, size + 7, 1, ignore).error().code(), Code::kOutOfRange);
    EXPECT_EQ(this->world_->store->GetRange(Digest::Of("absent"), 0, 1, ignore).error().code(), Code::kNotFound);
  }
}

TYPED_TEST(BlobStoreContract, EndsAPartWhenTheSinkFails) {
  Digest digest = Digest::Of("content");
  ASSERT_TRUE(this->world_->store->Put(digest, "content"));
  Status status = this->world_->store->GetRange(
      digest, 2, 3, [](std::string_view) -> Status { return Fail(Code::kAborted, "enough"); });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "enough");
}

struct Many {
  std::vector<std::string> contents;
  std::vector<Digest> digests;
  std::vector<BlobBytes> blobs;

  explicit Many(int count, std::string_view salt = "") {
    for (int i = 0; i < count; ++i) {
      contents.push_back(std::to_string(i) + std::string(salt) + std::string(static_cast<size_t>(i) % 1'000, 'm'));
    }
    for (const std::string& content : contents) {
      digests.push_back(Digest::Of(content));
      blobs.push_back({digests.back(), content});
    }
  }
};

TYPED_TEST(BlobStoreContract, PutsAndGetsManyInOrder) {
  Many many(300);
  ASSERT_TRUE(this->world_->store->PutMany(many.blobs));
  ASSERT_TRUE(this->world_->store->PutMany(many.blobs)) << "they are there already";
  EXPECT_TRUE(this->world_->store->PutMany({}));
  std::vector<Digest> wanted(many.digests.rbegin(), many.digests.rend());
  Digest absent = Digest::Of("absent");
  wanted.insert(wanted.begin() + 200, absent);
  wanted.push_back(many.digests.front());  // twice
  std::vector<Digest> seen;
  auto rest = this->world_->store->GetMany(wanted,
                                           [&](const Digest& digest, std::string_view data) -> Status {
                                             EXPECT_EQ(Digest::Of(data), digest);
                                             seen.push_back(digest);
                                             return {};
                                           },
                                           {});
  ASSERT_TRUE(rest) << rest.error().message();
  EXPECT_EQ(*rest, std::vector{absent});
  std::erase(wanted, absent);
  EXPECT_EQ(seen, wanted);
  for (const std::string& content : many.contents) {
    EXPECT_EQ(GetAll((*this->world_->store), Digest::Of(content), 10'000).value(), content);
  }
}

TYPED_TEST(BlobStoreContract, RefusesManyWhereOneHasOtherBytes) {
  std::vector<BlobBytes> blobs = {{Digest::Of("a"), "a"}, {Digest::Of("b"), "x"}};
  EXPECT_EQ(this->world_->store->PutMany(blobs).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(this->world_->store->Has(Digest::Of("b")).value());
}

TYPED_TEST(BlobStoreContract, GetsManyOfAnySizeUpToTheLimit) {
  std::string large(3u << 20, 'l'), too_large(kManyLimit + 1, 't');
  std::vector<Digest> digests;
  for (const std::string& content : {std::string("small"), large, too_large, std::string()}) {
    digests.push_back(Digest::Of(content));
    ASSERT_TRUE(this->world_->store->Put(digests.back(), content));
  }
  std::vector<uint64_t> sizes;
  auto rest = this->world_->store->GetMany(digests,
                                           [&](const Digest&, std::string_view data) -> Status {
                                             sizes.push_back(data.size());
                                             return {};
                                           },
                                           {});
  ASSERT_TRUE(rest) << rest.error().message();
  EXPECT_EQ(*rest, std::vector{Digest::Of(too_large)});
  EXPECT_EQ(sizes, (std::vector<uint64_t>{5, 3u << 20, 0}));
}

TYPED_TEST(BlobStoreContract, EndsManyAtOnceWhenAsked) {
  Many many(100);
  ASSERT_TRUE(this->world_->store->PutMany(many.blobs));
  int seen = 0;
  auto count = [&](const Digest&, std::string_view) -> Status {
    return ++seen < 10 ? Status() : Fail(Code::kAborted, "enough");
  };
  auto outcome = this->world_->store->GetMany(many.digests, count, {});
  EXPECT_EQ(outcome.error().code(), Code::kAborted);
  EXPECT_EQ(seen, 10);
  outcome = this->world_->store->GetMany(many.digests, count, {.cancelled = [] { return true; }});
  EXPECT_EQ(outcome.error().code(), Code::kCancelled);
  EXPECT_EQ(seen, 10);
}

TYPED_TEST(BlobStoreContract, PassesOverDamagedOnesOfMany) {
  Many many(3);
  ASSERT_TRUE(this->world_->store->PutMany(many.blobs));
  this->world_->Damage(many.digests[1]);
  int seen = 0;
  auto rest = this->world_->store->GetMany(many.digests,
                                           [&](const Digest& digest, std::string_view data) -> Status {
                                             EXPECT_EQ(Digest::Of(data), digest);
                                             ++seen;
                                             return {};
                                           },
                                           {});
  ASSERT_TRUE(rest) << rest.error().message();
  EXPECT_EQ(*rest, std::vector{many.digests[1]});
  EXPECT_EQ(seen, 2);
}

TYPED_TEST(BlobStoreContract, StoresABlobByPieces) {
  auto writer = this->world_->store->StartBlob();
  if (!writer && writer.error().code() == Code::kUnimplemented) GTEST_SKIP() << writer.error().message();
  ASSERT_TRUE(writer) << writer.error().message();
  std::string piece(100'000, 'p'), whole;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE((*writer)->Append(piece));
    whole += piece;
  }
  ASSERT_TRUE((*writer)->Commit(Digest::Of(whole)));
  EXPECT_EQ(GetAll((*this->world_->store), Digest::Of(whole), whole.size()).value(), whole);
  for (std::string_view content : {std::string_view("short"), std::string_view("")}) {
    writer = this->world_->store->StartBlob();
    ASSERT_TRUE((*writer)->Append(content));
    ASSERT_TRUE((*writer)->Commit(Digest::Of(content)));
    EXPECT_EQ(GetAll((*this->world_->store), Digest::Of(content), 10).value(), content);
  }
  writer = this->world_->store->StartBlob();
  ASSERT_TRUE((*writer)->Append("right"));
  EXPECT_EQ((*writer)->Commit(Digest::Of("wrong")).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(this->world_->store->Has(Digest::Of("wrong")).value());
}

TYPED_TEST(BlobStoreContract, ListsAndRemovesWhereItIsTheOwners) {
  Many many(50);
  ASSERT_TRUE(this->world_->store->PutMany(many.blobs));
  std::string large(200'000, 'l');
  ASSERT_TRUE(this->world_->store->Put(Digest::Of(large), large));
  ASSERT_TRUE(this->world_->store->Sync());
  std::map<Digest, uint64_t> sizes;
  auto note = [&](const Digest& digest, const BlobInfo& info) -> Status {
    EXPECT_TRUE(sizes.emplace(digest, info.size).second) << "seen twice";
    EXPECT_GT(info.stored_ms, 1'500'000'000'000u);
    return {};
  };
  if (!TypeParam::kOwned) {
    EXPECT_EQ(this->world_->store->List(note).error().code(), Code::kUnimplemented);
    EXPECT_EQ(this->world_->store->Remove(many.digests[0]).error().code(), Code::kUnimplemented);
    return;
  }
  ASSERT_TRUE(this->world_->store->List(note));
  ASSERT_EQ(sizes.size(), 51u);
  EXPECT_EQ(sizes[Digest::Of(large)], large.size());
  EXPECT_EQ(sizes[many.digests[7]], many.contents[7].size());
  EXPECT_EQ(this->world_->store->List([](const auto&, const auto&) -> Status { return Fail(Code::kAborted, "enough"); })
                .error()
                .code(),
            Code::kAborted);
  for (const Digest& digest : {many.digests[7], Digest::Of(large), Digest::Of("absent")}) {
    EXPECT_TRUE(this->world_->store->Remove(digest));
    EXPECT_FALSE(this->world_->store->Has(digest).value());
    EXPECT_EQ(GetAll((*this->world_->store), digest, 1u << 20).error().code(), Code::kNotFound);
  }
  ASSERT_TRUE(this->world_->store->Compact());
  sizes.clear();
  ASSERT_TRUE(this->world_->store->List(note));
  EXPECT_EQ(sizes.size(), 49u);
  ASSERT_TRUE(this->world_->store->Put(many.digests[7], many.contents[7])) << "it may come back";
  EXPECT_EQ(GetAll((*this->world_->store), many.digests[7], 10'000).value(), many.contents[7]);
}

}  // namespace
}  // namespace burrow::cas
