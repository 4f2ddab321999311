// The contract of BlobStore, run against each implementation.
#include "cas/blob_store.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "cas/disk_blob_store.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/temporary_directory.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

// A store and what it needs to live.
struct DiskWorld {
  testing::TemporaryDirectory directory;
  std::unique_ptr<BlobStore> store = std::move(DiskBlobStore::Open(directory / "blobs").value());
  void Damage(const Digest& digest) {
    std::string path = directory / "blobs/" + digest.Hex().substr(0, 2) + "/" + digest.Hex().substr(2);
    ASSERT_TRUE(os::WriteFileAtomically(path, "something else"));
  }
};
struct HttpWorld {
  testing::BlobServer server;
  std::unique_ptr<BlobStore> store = NewHttpBlobStore({.url = server.url() + "/", .token = server.token()});
  void Damage(const Digest& digest) { server.AddAs(digest, "something else"); }
};

template <class World>
class BlobStoreContract : public ::testing::Test {
 protected:
  World world_;
  BlobStore& store_ = *world_.store;
};
using Worlds = ::testing::Types<DiskWorld, HttpWorld>;
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
    ASSERT_TRUE(this->store_.Put(digest, content));
    EXPECT_EQ(GetAll(this->store_, digest, 1u << 30).value(), content);
    EXPECT_TRUE(this->store_.Has(digest).value());
  }
  EXPECT_TRUE(this->store_.Sync());
}

TYPED_TEST(BlobStoreContract, StoresAFileFromItsStart) {
  std::string content(200'000, 'f');
  UniqueFd file = FileWith(content);
  Digest digest = Digest::Of(content);
  ASSERT_TRUE(this->store_.PutFile(digest, file.get()));
  EXPECT_EQ(GetAll(this->store_, digest, content.size()).value(), content);
}

TYPED_TEST(BlobStoreContract, PutsWhatIsThereAlreadyAgain) {
  Digest digest = Digest::Of("twice");
  EXPECT_TRUE(this->store_.Put(digest, "twice"));
  EXPECT_TRUE(this->store_.Put(digest, "twice"));
  UniqueFd file = FileWith("twice");
  EXPECT_TRUE(this->store_.PutFile(digest, file.get()));
}

TYPED_TEST(BlobStoreContract, RefusesBytesThatAreNotTheDigests) {
  Digest digest = Digest::Of("right");
  EXPECT_EQ(this->store_.Put(digest, "wrong").error().code(), Code::kInvalidArgument);
  UniqueFd file = FileWith("wrong");
  EXPECT_EQ(this->store_.PutFile(digest, file.get()).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(this->store_.Has(digest).value());
}

TYPED_TEST(BlobStoreContract, SaysThatABlobIsNotThere) {
  Digest digest = Digest::Of("absent");
  EXPECT_FALSE(this->store_.Has(digest).value());
  EXPECT_EQ(GetAll(this->store_, digest, 100).error().code(), Code::kNotFound);
}

TYPED_TEST(BlobStoreContract, ListsWhatIsMissingInOrder) {
  std::vector<Digest> all, absent;
  for (int i = 0; i < 50; ++i) {
    std::string content = std::to_string(i);
    all.push_back(Digest::Of(content));
    if (i % 3 == 0) {
      ASSERT_TRUE(this->store_.Put(all.back(), content));
    } else {
      absent.push_back(all.back());
    }
  }
  EXPECT_EQ(this->store_.Missing(all).value(), absent);
  EXPECT_TRUE(this->store_.Missing({}).value().empty());
}

TYPED_TEST(BlobStoreContract, ReportsDamagedBytes) {
  Digest digest = Digest::Of("whole");
  ASSERT_TRUE(this->store_.Put(digest, "whole"));
  this->world_.Damage(digest);
  EXPECT_EQ(GetAll(this->store_, digest, 100).error().code(), Code::kDataLoss);
}

TYPED_TEST(BlobStoreContract, EndsATransferWhenTheSinkFails) {
  Digest digest = Digest::Of("content");
  ASSERT_TRUE(this->store_.Put(digest, "content"));
  int pieces = 0;
  Status status = this->store_.Get(digest, [&](std::string_view) -> Status {
    ++pieces;
    return Fail(Code::kUnavailable, "enough");
  });
  EXPECT_EQ(status.error().message(), "enough");
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(GetAll(this->store_, digest, 3).error().code(), Code::kOutOfRange);
}

}  // namespace
}  // namespace burrow::cas
