// What was written into an overlay's upper directory since it was last read, while it is being written.
#pragma once

#include <string>
#include <vector>

#include "cas/blob_store.h"
#include "image/tree.h"
#include "image/upper_plan.h"

namespace burrow::image {

struct LiveUpper {
  std::string upper;
  std::string lower;    // the tree below it, by which one knows what an opaque directory hides
  std::string scratch;  // a directory of the same owner, for copies of files that change while they are read
};

struct UpperChanges {
  std::vector<UpperEntry> entries;  // empty: nothing changed
  UpperMemory memory;               // what is told once `entries` are; as before where nothing changed
};

// Of an upper directory in which nothing was written yet.
Result<UpperMemory> RememberUnwritten(const std::string& upper);

// Compares the upper directory with what was told of it before, and puts the content of what differs into the store.
// For ApplyLayer, upon any tree that has had the changes before: removals first, then puts, parents before children.
// What changes while it is read is told as it was read, or left out where it went, and again the next time. A file that
// is written through a mapping is noticed once the kernel has begun to write its pages back. Reads by held descriptors
// and follows no link. Blocks. kOutOfRange beyond 1,000,000 entries; kFailedPrecondition where overlay renamed
// directories by redirects.
Result<UpperChanges> ReadUpperChanges(const LiveUpper& live, const UpperMemory& before, cas::BlobStore& store);

// Whether nothing differs from what was told, by stat alone.
Result<bool> IsAllTold(const LiveUpper& live, const UpperMemory& before);

}  // namespace burrow::image
