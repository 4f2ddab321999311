// A small file of an image, read from its tree and the blob cache: nothing is mounted.
#pragma once

#include <string>

#include "base/error.h"
#include "cas/blob_cache.h"
#include "image/tree.h"

namespace burrow::builder {

// The node that `path` leads to when links are followed inside the tree as a process of the image would; null where
// there is none. Pure.
const image::TreeNode* FollowInTree(const image::Tree& tree, std::string_view path);

// Its whole content, at most 8 MiB; nothing where there is no such regular file. Blocks up to the cache's deadline.
Result<std::string> ReadImageFile(const image::Tree& tree, std::string_view path, cas::BlobCache& cache);

}  // namespace burrow::builder
