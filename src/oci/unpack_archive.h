// A blob that is a tar, perhaps compressed: what ADD makes of a local archive.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "cas/blob_store.h"
#include "oci/expansion_bounds.h"
#include "oci/layer.h"

namespace burrow::oci {

// What an archive may turn into. Nothing beyond is stored before it is refused.
struct UnpackOptions {
  ExpansionBounds content{.max_bytes = 64ull << 30, .always_bytes = 512ull << 20};
  uint64_t max_entries = 2'000'000;
  uint64_t max_metadata = 256u << 20;  // of names, targets and attributes
  std::string scratch_directory;       // for large files without a name
  std::stop_token stop;
};

// What the blob of `size` bytes holds, its content put into the store; nothing where it is no tar, neither plain nor
// compressed by gzip, bzip2, xz or zstd: the content decides, not a name. Names like ".wh.x" are names. kOutOfRange
// above the bounds, kInvalidArgument for an archive that is damaged behind its first member or leads outside by "..";
// a leading '/' is dropped. kDataLoss where the blob is not what its digest says; kCancelled after a stop. Blocks.
Result<std::optional<Layer>> UnpackArchive(cas::BlobStore& store, const cas::Digest& digest, uint64_t size,
                                           const UnpackOptions& options);

}  // namespace burrow::oci
