// Reads single entries of an upper directory that is being written. Private to this module.
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "cas/blob_store.h"
#include "image/tree.h"
#include "image/upper_plan.h"

namespace burrow::image {

struct UpperRead {
  UpperEntry entry;
  RememberedEntry told;  // what is to be remembered of it but `opaque`; its fingerprint is older than what was read
};

// A digest of everything that is told of an entry but its path.
cas::Digest SignatureOf(const UpperEntry& entry);

// Thread-safe; references outlive it.
class UpperReader {
 public:
  UpperReader(int upper, const std::string& scratch, cas::BlobStore& store)
      : upper_(upper), scratch_(scratch), store_(store) {}

  // With the content's digest where it is a regular file. Nothing where the path leads to nothing any more.
  Result<std::optional<UpperRead>> Read(const std::string& path) const;
  // Puts the content; where it is another by now, a copy of what there is, and `read` tells of that. False where there
  // is nothing any more.
  Result<bool> Put(UpperRead& read) const;

 private:
  Result<UpperRead> ReadThere(const std::string& path) const;
  Status PutCopy(int file, UpperRead& read) const;

  int upper_;
  const std::string& scratch_;
  cas::BlobStore& store_;
};

}  // namespace burrow::image
