#include "cas/http_blob_store.h"

#include <gtest/gtest.h>

#include <thread>

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

TEST_F(HttpBlobStoreTest, TakesAServerThatIsNeverSilentAndNeverDoneForUnavailable) {
  auto store = NewStore(milliseconds(300));
  server_.Fail(BlobFault::kDrip);
  EXPECT_EQ(GetAll(*store, digest_, 1u << 20).error().code(), Code::kUnavailable);
}

TEST_F(HttpBlobStoreTest, CountsItsFurtherAttempts) {
  auto signals = CacheSignals::Create().value();
  auto store = NewHttpBlobStore({.url = server_.url(), .token = server_.token(), .signals = signals});
  server_.Fail(BlobFault::kServerError, 3);
  EXPECT_EQ(GetAll(*store, digest_, 1u << 20).value(), content_);
  EXPECT_EQ(signals->counters().retries, 3u);
  server_.Fail(BlobFault::kTruncated, 1);
  auto ignore = [](const Digest&, std::string_view) -> Status { return {}; };
  EXPECT_TRUE(store->GetMany(std::vector{digest_}, ignore, {}));
  EXPECT_EQ(signals->counters().retries, 4u);
}

TEST_F(HttpBlobStoreTest, CountsTheDamagedBlobsOfMany) {
  auto signals = CacheSignals::Create().value();
  auto store = NewHttpBlobStore({.url = server_.url(), .token = server_.token(), .signals = signals});
  Digest wrong = Digest::Of("what it should be");
  server_.AddAs(wrong, "what it is");
  auto ignore = [](const Digest&, std::string_view) -> Status { return {}; };
  EXPECT_EQ(store->GetMany(std::vector{digest_, wrong}, ignore, {}).value(), std::vector{wrong});
  EXPECT_EQ(signals->counters().damaged_bytes, std::string("what it is").size());
}

TEST_F(HttpBlobStoreTest, AsksAgainForWhatMustExistUntilTheDeadline) {
  auto signals = CacheSignals::Create().value();
  HttpBlobStoreOptions options{
      .url = server_.url(), .token = server_.token(), .absence_may_pass = true, .signals = signals};
  Digest late = Digest::Of("late");
  std::jthread adding([&] {
    while (signals->counters().retries == 0) std::this_thread::yield();
    server_.Add("late");
  });
  EXPECT_EQ(GetAll(*NewHttpBlobStore(options), late, 10).value(), "late");
  options.deadline = milliseconds(200);
  EXPECT_EQ(GetAll(*NewHttpBlobStore(options), Digest::Of("never"), 10).error().code(), Code::kNotFound);
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

// Many blobs that do not compress, so that a cut falls between their frames.
std::vector<std::string> Noise(int count) {
  std::vector<std::string> contents;
  uint64_t state = 1;
  for (int i = 0; i < count; ++i) {
    std::string content = std::to_string(i);
    for (int j = 0; j < 40'000; ++j) {
      state = state * 6'364'136'223'846'793'005u + 1;
      content += static_cast<char>(state >> 56);
    }
    contents.push_back(std::move(content));
  }
  return contents;
}

TEST_F(HttpBlobStoreTest, GetsManyThroughPassingFaultsWithEachBlobOnce) {
  auto store = NewStore(milliseconds(30'000));
  std::vector<Digest> digests;
  for (const auto& content : Noise(100)) digests.push_back(server_.Add(content));
  Digest absent = Digest::Of("absent");
  digests.insert(digests.begin() + 10, absent);
  for (BlobFault fault : {BlobFault::kServerError, BlobFault::kTruncated, BlobFault::kReset, BlobFault::kTrickle}) {
    server_.Fail(fault, 2);
    std::vector<Digest> seen;
    auto rest = store->GetMany(digests,
                               [&](const Digest& digest, std::string_view) -> Status {
                                 seen.push_back(digest);
                                 return {};
                               },
                               {});
    ASSERT_TRUE(rest) << static_cast<int>(fault) << ": " << rest.error().message();
    EXPECT_EQ(*rest, std::vector{absent});
    seen.insert(seen.begin() + 10, absent);
    EXPECT_EQ(seen, digests);
  }
}

TEST_F(HttpBlobStoreTest, GivesUpOnManyAtTheDeadline) {
  auto store = NewStore(milliseconds(300));
  auto ignore = [](const Digest&, std::string_view) -> Status { return {}; };
  server_.Fail(BlobFault::kServerError);
  EXPECT_EQ(store->GetMany(std::vector{digest_}, ignore, {}).error().code(), Code::kUnavailable);
  server_.Stop();
  std::vector<BlobBytes> blobs = {{Digest::Of("x"), "x"}};
  EXPECT_EQ(store->PutMany(blobs).error().code(), Code::kUnavailable);
}

TEST_F(HttpBlobStoreTest, SendsManyBlobsInFewRequests) {
  auto store = NewStore(milliseconds(30'000));
  auto contents = Noise(300);
  std::vector<BlobBytes> blobs;
  for (const auto& content : contents) blobs.push_back({Digest::Of(content), content});
  ASSERT_TRUE(store->PutMany(blobs));
  EXPECT_LE(server_.puts(), 4);
  for (const auto& content : contents) EXPECT_TRUE(server_.Has(Digest::Of(content)));
}

}  // namespace
}  // namespace burrow::cas
