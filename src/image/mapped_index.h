// An index file in memory: mapped, verified, open. The mapping costs no memory beside the page cache.
#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "cas/digest.h"
#include "image/index.h"

namespace burrow::image {

class MappedIndex {
 public:
  // kDataLoss where the bytes are not the digest's or no index.
  static Result<std::unique_ptr<MappedIndex>> Map(const UniqueFd& file, const cas::Digest& digest);
  MappedIndex(const MappedIndex&) = delete;
  MappedIndex& operator=(const MappedIndex&) = delete;
  ~MappedIndex();

  const Index& index() const { return *index_; }
  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  MappedIndex(void* address, size_t size) : address_(address), size_(size) {}
  void* address_;
  size_t size_;
  std::optional<Index> index_;
};

}  // namespace burrow::image
