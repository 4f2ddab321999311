// Content of files on its way into a blob store. Blocking; any thread. Private to this module.
#pragma once

#include <cstdint>

#include "cas/blob_store.h"
#include "cas/frames.h"
#include "image/tree.h"

namespace burrow::image {

// Fills in digest, frames and size by what is read from the file's offset on, at most `limit` bytes. Puts the frame
// table. `inode.size` tells whether there is to be one; kAborted where what was read is of the other kind.
Status HashContent(int file, uint64_t limit, TreeInode& inode, cas::BlobStore& store);

// Ends the frames' table, puts it, and gives its digest.
Result<cas::Digest> PutFrames(cas::FrameHasher& frames, cas::BlobStore& store);

size_t HashThreads();
inline constexpr size_t kMissingBatch = 1'000;
inline constexpr size_t kUploads = 8;

}  // namespace burrow::image
