#include "cas/http_blob_store.h"

#include <gtest/gtest.h>

#include "cas/testing/blob_server.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;
using testing::BlobFault;

class HttpBlobStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<BlobStore> NewStore(milliseconds deadline) {
    return NewHttpBlobStore({.url = server_.url(), .token = server_.token(), .deadline = deadline});
  }
  testing::BlobServer server_;
  std::string content_ = std::string(100'000, 'a') + std::string(100'000, 'b');
  Digest digest_ = server_.Add(content_);
};

TEST_F(HttpBlobStoreTest, GetsABlobThroughPassingFaults) {
  auto store = NewStore(milliseconds(30'000));
  for (BlobFault fault : {BlobFault::kServerError, BlobFault::kTruncated, BlobFault::kReset, BlobFault::kTrickle}) {
    server_.Fail(fault, 2);
    auto got = GetAll(*store, digest_, 1u << 20);
    ASSERT_TRUE(got) << static_cast<int>(fault) << ": " << got.error().message();
    EXPECT_EQ(*got, content_);
  }
}

TEST_F(HttpBlobStoreTest, GivesUpAtTheDeadline) {
  auto store = NewStore(milliseconds(300));
  server_.Fail(BlobFault::kServerError);
  EXPECT_EQ(GetAll(*store, digest_, 1u << 20).error().code(), Code::kUnavailable);
  EXPECT_GE(server_.gets(), 2);
  server_.Stop();
  EXPECT_EQ(store->Has(digest_).error().code(), Code::kUnavailable);
  EXPECT_EQ(store->Put(Digest::Of("x"), "x").error().code(), Code::kUnavailable);
}

TEST_F(HttpBlobStoreTest, TakesASilentServerForUnavailable) {
  auto store = NewStore(milliseconds(300));
  server_.Fail(BlobFault::kStall);
  EXPECT_EQ(GetAll(*store, digest_, 1u << 20).error().code(), Code::kUnavailable);
}

TEST_F(HttpBlobStoreTest, AsksOnceForWhatTheServerDoesNotHave) {
  auto store = NewStore(milliseconds(30'000));
  EXPECT_EQ(GetAll(*store, Digest::Of("absent"), 10).error().code(), Code::kNotFound);
  EXPECT_EQ(server_.gets(), 1);
}

TEST_F(HttpBlobStoreTest, DoesNotRetryWithAWrongToken) {
  auto store = NewHttpBlobStore({.url = server_.url(), .token = "wrong"});
  EXPECT_EQ(store->Has(digest_).error().code(), Code::kUnauthenticated);
  EXPECT_EQ(store->Missing({digest_}).error().code(), Code::kUnauthenticated);
  EXPECT_EQ(GetAll(*store, digest_, 10).error().code(), Code::kUnauthenticated);
  EXPECT_EQ(GetAll(*store, digest_, 10).error().message().find("wrong"), std::string::npos)
      << "the token is in the message";
}

TEST_F(HttpBlobStoreTest, GoesOnWhenTheServerComesBackOnItsPort) {
  auto store = NewStore(milliseconds(30'000));
  EXPECT_TRUE(store->Has(digest_).value());
  server_.Stop();
  server_.Start();
  EXPECT_TRUE(store->Has(digest_).value());
  EXPECT_TRUE(store->Put(Digest::Of("new"), "new"));
}

TEST_F(HttpBlobStoreTest, DoesNotSendALargeBlobThatIsThere) {
  auto store = NewStore(milliseconds(30'000));
  EXPECT_TRUE(store->Put(digest_, content_));
  EXPECT_EQ(server_.puts(), 0);
}

}  // namespace
}  // namespace burrow::cas
