#include "cas/s3_blob_store.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "cas/s3_answer.h"
#include "cas/testing/flaky_proxy.h"
#include "cas/testing/s3_server.h"
#include "cas/testing/temporary_directory.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;

class S3BlobStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::S3Server::Installed()) GTEST_SKIP() << "the S3 server is not installed: ./dev setup";
    server_ = std::make_unique<testing::S3Server>();
    proxy_ = std::make_unique<testing::FlakyProxy>(server_->port());
  }
  std::unique_ptr<BlobStore> NewStore(S3Location location, milliseconds deadline = milliseconds(20'000)) {
    return NewS3BlobStore({.location = std::move(location),
                           .credentials = testing::S3Server::credentials(),
                           .spool_directory = spool_.path(),
                           .deadline = deadline,
                           .part_bytes = 5u << 20});
  }
  std::unique_ptr<BlobStore> NewStoreBehindProxy(milliseconds deadline = milliseconds(20'000)) {
    return NewStore(server_->Location("path", proxy_->port()), deadline);
  }

  testing::TemporaryDirectory spool_;
  std::unique_ptr<testing::S3Server> server_;
  std::unique_ptr<testing::FlakyProxy> proxy_;
  std::string content_ = std::string(300'000, 'a') + std::string(300'000, 'b');
  Digest digest_ = Digest::Of(content_);
};

TEST_F(S3BlobStoreTest, SendsLargeBlobsInParts) {
  auto store = NewStore(server_->Location());
  std::string large;
  for (int i = 0; large.size() < (13u << 20); ++i) large += std::to_string(i);
  Status put = store->Put(Digest::Of(large), large);
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(store->Size(Digest::Of(large)).value(), large.size());
  EXPECT_TRUE(GetAll(*store, Digest::Of(large), large.size()).value() == large);
  std::string other = large + "other";
  UniqueFd file(::memfd_create("content", MFD_CLOEXEC));
  ASSERT_TRUE(os::WriteAll(file.get(), other));
  EXPECT_EQ(store->PutFile(Digest::Of("wrong"), file.get()).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(store->Has(Digest::Of("wrong")).value());
  ASSERT_TRUE(store->PutFile(Digest::Of(other), file.get()));
  EXPECT_TRUE(GetAll(*store, Digest::Of(other), other.size()).value() == other);
}

TEST_F(S3BlobStoreTest, FindsTheBucketInTheHostsName) {
  auto by_name = NewStore(server_->Location("virtual")), by_path = NewStore(server_->Location("path"));
  ASSERT_TRUE(by_name->Put(digest_, content_));
  EXPECT_TRUE(GetAll(*by_name, digest_, content_.size()).value() == content_);
  EXPECT_TRUE(GetAll(*by_path, digest_, content_.size()).value() == content_);
}

TEST_F(S3BlobStoreTest, ListsMoreThanOnePage) {
  auto store = NewStore(server_->Location());
  for (int i = 0; i < 1'100; ++i) ASSERT_TRUE(store->Put(Digest::Of(std::to_string(i)), std::to_string(i)));
  auto below = NewStore(server_->Location().Under("folder"));
  ASSERT_TRUE(below->Put(Digest::Of("below"), "below"));
  size_t count = 0;
  Status listed = store->List([&](const Digest&, const BlobInfo&) -> Status {
    ++count;
    return {};
  });
  ASSERT_TRUE(listed) << listed.error().message();
  EXPECT_EQ(count, 1'100u);
}

TEST_F(S3BlobStoreTest, SaysThatTheCredentialsAreWrong) {
  for (S3Credentials credentials :
       {S3Credentials{.key_id = "S3RVER", .secret = "wrong-secret"}, {.key_id = "nobody", .secret = "wrong-secret"}}) {
    auto store = NewS3BlobStore({.location = server_->Location(), .credentials = credentials});
    auto got = GetAll(*store, digest_, 10);
    EXPECT_EQ(got.error().code(), Code::kPermissionDenied);
    EXPECT_EQ(got.error().message().find("wrong-secret"), std::string::npos) << "the secret is in the message";
    EXPECT_EQ(store->Put(Digest::Of("x"), "x").error().code(), Code::kPermissionDenied);
    EXPECT_EQ(store->Has(digest_).error().code(), Code::kPermissionDenied);
  }
}

TEST_F(S3BlobStoreTest, SaysThatTheBucketDoesNotExist) {
  auto store = NewStore(server_->Location("path", 0, "no-such-bucket"));
  auto ignore = [](const Digest&, const BlobInfo&) -> Status { return {}; };
  Status listed = store->List(ignore);
  EXPECT_EQ(listed.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(listed.error().message().find("no-such-bucket"), std::string::npos);
  EXPECT_EQ(store->Put(Digest::Of("x"), "x").error().code(), Code::kFailedPrecondition);
}

TEST_F(S3BlobStoreTest, GoesOnAfterResets) {
  auto store = NewStoreBehindProxy();
  for (uint64_t bytes : {uint64_t{0}, uint64_t{100}, uint64_t{200'000}}) {
    ASSERT_TRUE(store->Remove(digest_));
    proxy_->ResetAfter(bytes, 2);
    Status put = store->Put(digest_, content_);
    ASSERT_TRUE(put) << bytes << ": " << put.error().message();
    proxy_->ResetAfter(bytes, 2);
    auto got = GetAll(*store, digest_, content_.size());
    ASSERT_TRUE(got) << bytes << ": " << got.error().message();
    EXPECT_TRUE(*got == content_);
  }
}

TEST_F(S3BlobStoreTest, GivesUpAtTheDeadline) {
  auto store = NewStoreBehindProxy(milliseconds(400));
  ASSERT_TRUE(store->Put(digest_, content_));
  proxy_->Stall();
  EXPECT_EQ(GetAll(*store, digest_, content_.size()).error().code(), Code::kUnavailable);
  proxy_->Resume();
  EXPECT_TRUE(GetAll(*store, digest_, content_.size()).value() == content_) << "it recovers by itself";
  proxy_.reset();
  EXPECT_EQ(store->Put(Digest::Of("x"), "x").error().code(), Code::kUnavailable);
}

TEST(S3Location, IsReadFromItsUrl) {
  auto amazon = ParseS3Location("s3://bucket/a/b?region=eu-west-1").value();
  EXPECT_EQ(amazon.host, "bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(amazon.prefix, "a/b/");
  EXPECT_EQ(amazon.path_prefix, "");
  auto own = ParseS3Location("s3://bucket?endpoint=http://127.0.0.1:9000/").value();
  EXPECT_EQ(own.host, "127.0.0.1:9000");
  EXPECT_EQ(own.path_prefix, "/bucket");
  EXPECT_EQ(own.Under("packs").prefix, "packs/");
  for (const char* wrong : {"http://bucket", "s3://", "s3://Bucket", "s3://bucket?style=odd", "s3://bucket?endpoint=x",
                            "s3://bucket?more=1", "s3://bucket/a b", "s3://bucket?endpoint=http://h/../x"}) {
    EXPECT_EQ(ParseS3Location(wrong).error().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(S3Location, TakesCredentialsFromAFile) {
  testing::TemporaryDirectory directory;
  std::string file = directory / "credentials";
  ASSERT_TRUE(os::WriteFileAtomically(
      file, "[default]\n aws_access_key_id = id\naws_secret_access_key=a=b/c\r\nregion = x\n", 0600));
  auto credentials = ReadS3Credentials(file).value();
  EXPECT_EQ(credentials.key_id, "id");
  EXPECT_EQ(credentials.secret, "a=b/c");
  ASSERT_TRUE(os::WriteFileAtomically(file, "nothing", 0600));
  EXPECT_EQ(ReadS3Credentials(file).error().code(), Code::kFailedPrecondition);
}

TEST(S3Answer, IsReadAsFarAsItIsOne) {
  auto list = ParseS3List(
      "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><Contents><Key>a&amp;b</Key>"
      "<LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>434234</Size></Contents><ContentsOther/>"
      "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->objects.size(), 1u);
  EXPECT_EQ(list->objects[0].key, "a&b");
  EXPECT_EQ(list->objects[0].size, 434'234u);
  EXPECT_EQ(list->objects[0].modified_ms, 1'255'369'830'000u);
  EXPECT_EQ(list->next, "t");
  EXPECT_FALSE(ParseS3List("<html>"));
  EXPECT_FALSE(ParseS3List("<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>"));
}

}  // namespace
}  // namespace burrow::cas
