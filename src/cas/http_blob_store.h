// Blobs of a control plane: HEAD, GET and PUT <url>/blobs/<digest>, POST and PUT <url>/blobs/pack
// (docs/pack-format.md), and POST <url>/burrow.v1.Blobs/Missing (JSON), each with "Authorization: Bearer <token>".
// Connections are kept and reused; several threads make several connections.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cas/blob_store.h"

namespace burrow::cas {

struct HttpBlobStoreOptions {
  std::string url;  // "http://127.0.0.1:8484"
  std::string token;
  // A request that fails for a passing reason (refused, reset, 5xx, stalled) is tried again with back-off up to this
  // long, then kUnavailable.
  std::chrono::milliseconds deadline{30'000};
};

std::unique_ptr<BlobStore> NewHttpBlobStore(HttpBlobStoreOptions options);

}  // namespace burrow::cas
