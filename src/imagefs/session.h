// What the handlers of one connection work with.
#pragma once

#include <chrono>
#include <memory>

#include "cas/blob_cache.h"
#include "cas/partial_blob.h"
#include "imagefs/access_log.h"
#include "imagefs/blob_files.h"
#include "imagefs/connection.h"
#include "imagefs/fetch_pool.h"
#include "imagefs/hook_nodes.h"
#include "imagefs/image_registry.h"
#include "imagefs/recent_failures.h"
#include "imagefs/request_slots.h"

namespace burrow::imagefs {

// What the kernel agreed to at INIT.
struct Features {
  bool no_open = false;     // OPEN may be answered with "never ask again"
  bool no_opendir = false;  // the same for OPENDIR
};

struct Session {
  Connection connection;
  std::unique_ptr<RequestSlots> slots;
  std::unique_ptr<ImageRegistry> images;  // of a connection that serves images
  std::unique_ptr<HookNodes> hook;        // of the hook connection
  ImageKind kind = ImageKind::kPlain;
  Features features;
  std::chrono::milliseconds fetch_deadline{0};
  cas::BlobCache* cache = nullptr;        // shared by connections
  BlobFiles* files = nullptr;             // shared by connections
  FetchPool* fetches = nullptr;           // shared by connections
  RecentFailures* failures = nullptr;     // shared by connections
  cas::PartialBlobs* partials = nullptr;  // shared by connections; null: large blobs are fetched as a whole
  AccessLog* accesses = nullptr;          // null: nobody records
};

}  // namespace burrow::imagefs
