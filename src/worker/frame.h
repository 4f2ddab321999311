// Frames between a worker and a runner as bytes (docs/runner-protocol.md). Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::worker {

inline constexpr uint64_t kMaxFrameHeader = 1u << 20;
inline constexpr uint64_t kMaxFrameBody = 2ull << 30;
inline constexpr uint64_t kMaxBodyInMemory = 1u << 20;

struct Frame {
  std::string header;  // JSON, not looked into here
  std::string body;    // empty where it is over kMaxBodyInMemory: then it is taken by pieces
  uint64_t body_size = 0;
};

// The eight bytes of lengths, then the header; the body follows as it is. Lengths must be within the bounds.
std::string EncodeFrameHead(std::string_view header, uint64_t body_size);

// Cuts a byte stream into frames. Memory grows with the bytes that came, never with what a length claims.
class FrameDecoder {
 public:
  // Room for the next bytes of the stream, never empty; Commit says how many came.
  std::span<char> Space();
  void Commit(size_t bytes);
  // The next whole frame, or the head of one whose body follows by pieces; nullopt: more bytes are needed. kDataLoss
  // where a length is over its bound: the stream is then lost. Not while body_left() is above 0.
  Result<std::optional<Frame>> Next();
  // Bytes of the last frame's body that were not taken.
  uint64_t body_left() const { return body_left_; }
  // Takes as many of them as have come, perhaps none. Valid until the next call of Space.
  std::string_view TakeBody();
  // Bytes of an unfinished frame are waiting.
  bool mid_frame() const { return end_ > begin_ || body_left_ > 0; }

 private:
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  size_t wanted_ = 0;  // size of the frame under way, once its lengths are known
  uint64_t body_left_ = 0;
};

}  // namespace burrow::worker
