// The content of a compressed stream, or of a plain one. Blocking; one thread.
#pragma once

#include <memory>

#include "oci/byte_source.h"

namespace burrow::oci {

enum class Compressions {
  kOfLayers,    // gzip and zstd
  kOfArchives,  // bzip2 and xz too
};

// What the bytes of `compressed` stand for: which compression it is, or none, they tell themselves. The source's errors
// pass through; a damaged or cut stream is kInvalidArgument.
Result<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> compressed,
                                                 Compressions accepted = Compressions::kOfLayers);

// Whether a stream that begins so is compressed.
bool LooksCompressed(std::string_view head, Compressions accepted = Compressions::kOfLayers);

}  // namespace burrow::oci
