// Whether this kernel, on these directories, does all that the tier erofs needs.
#pragma once

#include <string>

#include "cas/blob_cache.h"
#include "imagefs/erofs_layers.h"

namespace burrow::imagefs {

struct SelfTestOptions {
  std::string directory;            // for its files; removed afterwards
  cas::BlobCache* cache = nullptr;  // of the layers
  ErofsLayers layers;               // the hook is being served
};

// Mounts a small image and an overlay over it, and checks: content is found through the hook in a layer where it
// appeared after the mount; a file that is changed before it was read keeps its content; a failed fetch is EIO;
// renaming a lower directory works or is EXDEV. The error says what does not work. Blocks some milliseconds.
Status TestErofsTier(const SelfTestOptions& options);

}  // namespace burrow::imagefs
