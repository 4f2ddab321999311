// Where an S3 store is, and who asks. Pure, but for reading credentials.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow::cas {

struct S3Location {
  std::string scheme = "https";
  std::string host;         // with its port where that is not the scheme's; the bucket in front where it belongs there
  std::string path_prefix;  // "" or "/bucket"
  std::string bucket;
  std::string prefix;  // of every key: "" or "some/prefix/"
  std::string region = "us-east-1";

  // The same place, one folder down.
  S3Location Under(std::string_view folder) const;
};

// "s3://bucket/prefix?endpoint=https://host:port&region=R&style=path|virtual". Without an endpoint it is Amazon's of
// the region, with the bucket in the host's name; with one the bucket is in the path, unless the style says otherwise.
Result<S3Location> ParseS3Location(std::string_view url);

struct S3Credentials {
  std::string key_id, secret, session_token;
};
// From a file of lines "aws_access_key_id = ..." (as ~/.aws/credentials), or, where `file` is empty, from
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. kFailedPrecondition where there are none.
Result<S3Credentials> ReadS3Credentials(const std::string& file);

}  // namespace burrow::cas
