// The examples of "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API reference.
#include "cas/s3_signature.h"

#include <gtest/gtest.h>

#include "cas/digest.h"

namespace burrow::cas {
namespace {

constexpr int64_t kTime = 1369353600;  // 20130524T000000Z

std::string SignatureOf(const S3Request& request) {
  S3Credentials credentials{.key_id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  std::string last = SignS3(request, credentials, "us-east-1", kTime).back();
  return last.substr(last.rfind('=') + 1);
}

S3Request Example() {
  return {.host = "examplebucket.s3.amazonaws.com", .path = "/", .payload_sha256 = Digest::Of("").Hex()};
}

TEST(S3Signature, IsThatOfTheExampleOfGet) {
  S3Request request = Example();
  request.path = "/test.txt";
  request.headers = {{"range", "bytes=0-9"}};
  EXPECT_EQ(SignatureOf(request), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signature, IsThatOfTheExampleOfPut) {
  S3Request request = Example();
  request.method = "PUT";
  request.path = "/test$file.text";
  request.headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  request.payload_sha256 = Digest::Of("Welcome to Amazon S3.").Hex();
  EXPECT_EQ(SignatureOf(request), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(S3Signature, IsThatOfTheExamplesWithAQuery) {
  S3Request request = Example();
  request.query = {{"lifecycle", ""}};
  EXPECT_EQ(SignatureOf(request), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_EQ(SignatureOf(request), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(S3Signature, SendsTheSessionTokenButNeverTheSecret) {
  auto headers = SignS3(Example(), {.key_id = "id", .secret = "hidden", .session_token = "token"}, "r", kTime);
  std::string all;
  for (const auto& header : headers) all += header + "\n";
  EXPECT_NE(all.find("x-amz-security-token: token"), std::string::npos);
  EXPECT_NE(all.find("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"), std::string::npos);
  EXPECT_EQ(all.find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace burrow::cas
