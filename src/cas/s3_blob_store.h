// Blobs as objects "<prefix><digest>" of an S3 bucket. Requests are signed (signature version 4); what fails for a
// passing reason is tried again with growing pauses up to a deadline. Everything is verified as in every other store,
// also by the server where it checks x-amz-content-sha256.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cas/blob_store.h"
#include "cas/s3_location.h"

namespace burrow::cas {

struct S3BlobStoreOptions {
  S3Location location;
  S3Credentials credentials;
  std::string spool_directory;                 // for StartBlob; large enough for the blobs that come in
  std::chrono::milliseconds deadline{30'000};  // without progress, then kUnavailable
  uint64_t part_bytes = 16u << 20;             // larger blobs go up in parts; at least 5 MiB, as S3 demands
};

// kFailedPrecondition for a bucket that does not exist, kPermissionDenied where the credentials are not accepted.
std::unique_ptr<BlobStore> NewS3BlobStore(S3BlobStoreOptions options);

}  // namespace burrow::cas
