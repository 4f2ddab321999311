// An index read from a blob store into memory, for those who look at each of its inodes once.
#pragma once

#include <memory>
#include <string>

#include "cas/blob_store.h"
#include "image/index.h"

namespace burrow::image {

class StoredIndex {
 public:
  // Blocks. Errors of the store, kNotFound among them; kDataLoss where the blob is no index.
  static Result<StoredIndex> Read(cas::BlobStore& store, const cas::Digest& digest);
  const Index& operator*() const { return index_; }
  const Index* operator->() const { return &index_; }

 private:
  StoredIndex(std::unique_ptr<const std::string> bytes, Index index) : bytes_(std::move(bytes)), index_(index) {}
  std::unique_ptr<const std::string> bytes_;  // that the index points into
  Index index_;
};

}  // namespace burrow::image
