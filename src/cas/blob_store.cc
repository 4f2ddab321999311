#include "cas/blob_store.h"

namespace burrow::cas {

Result<std::string> GetAll(BlobStore& store, const Digest& digest, uint64_t limit) {
  std::string content;
  BURROW_RETURN_IF_ERROR(store.Get(digest, [&](std::string_view data) -> Status {
    if (data.size() > limit - content.size()) {
      return Fail(Code::kOutOfRange, "blob {} is larger than {} bytes", digest.Hex(), limit);
    }
    content.append(data);
    return {};
  }));
  return content;
}

}  // namespace burrow::cas
