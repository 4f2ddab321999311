#include "image/stored_index.h"

#include <utility>

namespace burrow::image {

Result<StoredIndex> StoredIndex::Read(cas::BlobStore& store, const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(std::string read, cas::GetAll(store, digest, kMaxIndexBytes));
  auto bytes = std::make_unique<const std::string>(std::move(read));
  BURROW_ASSIGN_OR_RETURN(auto index, Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}));
  return StoredIndex(std::move(bytes), index);
}

}  // namespace burrow::image
