// The content of a gzip or zstd stream, or of a plain one. Blocking; one thread.
#pragma once

#include <memory>

#include "oci/byte_source.h"

namespace burrow::oci {

// What the bytes of `compressed` stand for: which of the three it is, they tell themselves. The source's errors pass
// through; a damaged or cut stream is kInvalidArgument.
Result<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> compressed);

// Whether a stream that begins so is compressed.
bool LooksCompressed(std::string_view head);

}  // namespace burrow::oci
