// What the handlers of one connection work with.
#pragma once

#include "imagefs/blob_files.h"
#include "imagefs/connection.h"
#include "imagefs/fetch_pool.h"
#include "imagefs/image_registry.h"

namespace burrow::imagefs {

// What the kernel agreed to at INIT.
struct Features {
  bool no_open = false;     // OPEN may be answered with "never ask again"
  bool no_opendir = false;  // the same for OPENDIR
};

struct Session {
  Connection connection;
  std::unique_ptr<ImageRegistry> images;
  ImageKind kind = ImageKind::kPlain;
  Features features;
  BlobFiles* files = nullptr;    // shared by connections
  FetchPool* fetches = nullptr;  // shared by connections
};

}  // namespace burrow::imagefs
