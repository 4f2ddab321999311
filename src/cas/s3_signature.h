// AWS signature version 4 of requests to S3, in the Authorization header. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cas/s3_location.h"

namespace burrow::cas {

struct S3Request {
  std::string method = "GET";
  std::string host;                                          // as in the URL
  std::string path;                                          // begins with '/'; not encoded
  std::vector<std::pair<std::string, std::string>> query;    // not encoded
  std::vector<std::pair<std::string, std::string>> headers;  // lower-case names; more than those that signing adds
  std::string payload_sha256;                                // hex
};

// Of RFC 3986: everything but unreserved characters as %XX; '/' too, where it is not kept.
std::string UriEncode(std::string_view text, bool keep_slash);
// Encoded and sorted: what is signed and also what is sent.
std::string CanonicalQuery(const S3Request& request);
// "Name: value" of every header to send but Host, which the client sends by itself.
std::vector<std::string> SignS3(const S3Request& request, const S3Credentials& credentials, std::string_view region,
                                int64_t unix_seconds);

}  // namespace burrow::cas
