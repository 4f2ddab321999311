// Where a directory of blobs keeps each one: "ab/cdef..." for the digest abcdef... Pure.
#pragma once

#include <string>

#include "cas/digest.h"

namespace burrow::cas {

inline std::string BlobPath(const Digest& digest) {
  std::string hex = digest.Hex();
  return hex.substr(0, 2) + "/" + hex.substr(2);
}

}  // namespace burrow::cas
