// Large files in frames: parts that can be verified one by one, so that a reader needs not fetch the whole file first.
// A file's frame table is the concatenation of the SHA-256 of each of its frames; it is stored as a blob of its own.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cas/digest.h"

namespace burrow::cas {

inline constexpr uint64_t kFrameSize = 1u << 20;   // the last frame of a file may be shorter
inline constexpr uint64_t kFramedFrom = 4u << 20;  // bytes of the smallest file that has a table

inline constexpr uint64_t FrameCount(uint64_t size) { return size / kFrameSize + (size % kFrameSize != 0); }
inline constexpr uint64_t FrameTableBytes(uint64_t size) { return FrameCount(size) * Digest::kSize; }

// The digest of a frame as its table says; absent beyond the table's end.
std::optional<Digest> FrameDigest(std::string_view table, uint64_t frame);

// Computes a file's frame table from its bytes in order, in pieces of any size. One thread.
class FrameHasher {
 public:
  void Update(std::string_view data);
  std::string Finish();  // the table; once

 private:
  Hasher frame_;
  uint64_t in_frame_ = 0;  // bytes that frame_ has seen
  std::string table_;
};

}  // namespace burrow::cas
