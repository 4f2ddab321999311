// Reads real directories into trees and layers, and their content into a blob store. (The only part of image that
// touches the disk.)
#pragma once

#include <string>
#include <vector>

#include "cas/blob_cache.h"
#include "cas/blob_store.h"
#include "image/mapped_index.h"
#include "image/tree.h"

namespace burrow::image {

struct ImportStats {
  uint64_t files = 0, bytes = 0;          // regular files seen
  uint64_t new_blobs = 0, new_bytes = 0;  // that the store lacked
};

// Walks `directory` by held descriptors (never following links), hashes every regular file and puts what `store` lacks
// (batched Missing, several uploads at once). Sockets, other filesystems that
// are mounted below, and trusted.overlay.* attributes are left out; a character device 0:0 is refused.
Result<Tree> ImportDirectory(const std::string& directory, cas::BlobStore& store, ImportStats* stats);

// The same for an overlay upper directory: whiteouts, opaque directories (trusted.overlay.opaque); overlay's own xattrs
// are not kept. A file whose content equals what the parent has at that path is still put with its new metadata; its
// blob is not uploaded again.
Result<std::vector<UpperEntry>> ImportUpper(const std::string& upper, cas::BlobStore& store, ImportStats* stats);

// Computes and puts the frame tables of large files that have none yet; their content must be in the store. Reads it
// all.
Status AddMissingFrames(Tree& tree, cas::BlobStore& store);

// Encodes the tree, puts the index as a blob, syncs the store and gives the index's digest.
Result<cas::Digest> PutIndex(const Tree& tree, cas::BlobStore& store);

// Fetches an index through a cache and maps it; blocks up to the cache's deadline. kDataLoss where the blob is no
// index.
Result<std::unique_ptr<MappedIndex>> LoadIndex(cas::BlobCache& cache, const cas::Digest& digest);

}  // namespace burrow::image
