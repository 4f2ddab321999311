// A download over several attempts: what has been handed to the sink stays handed. One thread.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "cas/blob_store.h"

namespace burrow::cas {

struct HttpDownload {
  const BlobSink& sink;
  uint64_t offset = 0;             // of the first byte that is wanted
  std::optional<uint64_t> length;  // absent: to the blob's end
  Hasher* hasher = nullptr;        // sees what the sink sees; may be absent
  uint64_t delivered = 0;
  uint64_t skip = 0;     // bytes of this attempt that are not wanted, or that an earlier one delivered
  bool refused = false;  // the sink wants no more

  bool whole() const { return offset + delivered == 0 && !length; }
  std::string RangeValue() const {
    uint64_t from = offset + delivered;
    if (length) return fmt::format("bytes={}-{}", from, offset + *length - 1);
    return fmt::format("bytes={}-", from);
  }
  // An attempt is answered by the part that was asked for, or (not 206) by the whole blob.
  void Begin(int status) { skip = status == 206 ? 0 : offset + delivered; }

  Status Receive(std::string_view data) {
    size_t known = std::min<uint64_t>(skip, data.size());
    skip -= known;
    data.remove_prefix(known);
    if (length) data = data.substr(0, *length - delivered);
    if (data.empty()) return {};
    if (hasher) hasher->Update(data);
    delivered += data.size();
    Status status = sink(data);
    refused = !status;
    return status;
  }
};

}  // namespace burrow::cas
