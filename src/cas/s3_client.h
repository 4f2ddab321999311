// Signed requests to one S3 bucket, tried again while they fail for passing reasons. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cas/http_download.h"
#include "cas/s3_location.h"
#include "cas/s3_signature.h"
#include "net/http_client.h"

namespace burrow::cas {

struct S3Call {
  std::string method = "GET";
  std::string key;  // below the location's prefix is the caller's business: the whole key; "" means the bucket
  std::vector<std::pair<std::string, std::string>> query;
  std::string_view body;
  std::string body_sha256;  // hex; empty: of no body
};

class S3Client {
 public:
  S3Client(S3Location location, S3Credentials credentials, std::chrono::milliseconds deadline)
      : location_(std::move(location)), credentials_(std::move(credentials)), deadline_(deadline) {}

  const S3Location& location() const { return location_; }
  // A 2xx answer, or an error: kNotFound, kPermissionDenied, kFailedPrecondition (no such bucket, wrong region),
  // kUnavailable after the deadline.
  Result<net::HttpResponse> Perform(const S3Call& call);
  // GET of an object into `download`, which goes on where an attempt broke off.
  Status Fetch(const std::string& key, HttpDownload& download);

 private:
  net::HttpRequest Sign(const S3Call& call, const HttpDownload* download) const;
  Error ErrorOf(const net::HttpResponse& response) const;

  S3Location location_;
  S3Credentials credentials_;
  std::chrono::milliseconds deadline_;
  net::HttpClient client_;
};

}  // namespace burrow::cas
