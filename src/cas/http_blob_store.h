// Blobs of a control plane: HEAD, GET and PUT <url>/blobs/<digest>, POST and PUT <url>/blobs/pack
// (docs/pack-format.md), and POST <url>/burrow.v1.Blobs/Missing (JSON), each with "Authorization: Bearer <token>".
// Connections are kept and reused; several threads make several connections.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cas/blob_store.h"
#include "cas/cache_signals.h"

namespace burrow::cas {

struct HttpBlobStoreOptions {
  std::string url;  // "http://127.0.0.1:8484"
  std::string token;
  // A request that fails for a passing reason (refused, reset, 5xx, stalled) is tried again with back-off up to this
  // long, then kUnavailable. A transfer that brings less than a mebibyte in this time is one of them.
  std::chrono::milliseconds deadline{30'000};
  // The blobs that Get and GetRange are asked for must exist: "not there" then is a fault that may pass, as the others
  // are, and becomes kNotFound at the deadline.
  bool absence_may_pass = false;
  // Where further attempts and damaged blobs of GetMany are counted; null: nowhere.
  std::shared_ptr<CacheSignals> signals;
};

std::unique_ptr<BlobStore> NewHttpBlobStore(HttpBlobStoreOptions options);

}  // namespace burrow::cas
