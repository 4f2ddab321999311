#include "worker/frame.h"

#include <algorithm>
#include <cstring>

namespace burrow::worker {
namespace {

constexpr size_t kPrefix = 8;
constexpr size_t kFrameReadSize = 64u << 10;
constexpr size_t kPieceSize = 256u << 10;  // of a large body
constexpr size_t kKeptBuffer = 1u << 20;

void PutLength(std::string& out, uint64_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

uint64_t GetLength(const char* at) {
  uint64_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

}  // namespace

std::string EncodeFrameHead(std::string_view header, uint64_t body_size) {
  std::string out;
  out.reserve(kPrefix + header.size());
  PutLength(out, header.size());
  PutLength(out, body_size);
  out.append(header);
  return out;
}

std::span<char> FrameDecoder::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  size_t held = end_ - begin_;
  size_t missing = wanted_ > held ? wanted_ - held : 0;
  size_t room = std::max(body_left_ > 0 ? kPieceSize : kFrameReadSize, std::min(missing, held));
  if (buffer_.size() - end_ < room && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, held);
    begin_ = 0;
    end_ = held;
  }
  if (buffer_.size() - end_ < room) buffer_.resize(end_ + room);
  return {buffer_.data() + end_, buffer_.size() - end_};
}

void FrameDecoder::Commit(size_t bytes) { end_ += bytes; }

Result<std::optional<Frame>> FrameDecoder::Next() {
  size_t held = end_ - begin_;
  if (held < kPrefix) return std::nullopt;
  const char* at = buffer_.data() + begin_;
  uint64_t header = GetLength(at), body = GetLength(at + 4);
  if (header > kMaxFrameHeader)
    return Fail(Code::kDataLoss, "the runner sent a header of {} bytes; at most {} are allowed", header,
                kMaxFrameHeader);
  if (body > kMaxFrameBody)
    return Fail(Code::kDataLoss, "the runner sent a value of {} bytes; at most {} are allowed", body, kMaxFrameBody);
  const bool by_pieces = body > kMaxBodyInMemory;
  wanted_ = kPrefix + header + (by_pieces ? 0 : body);
  if (held < wanted_) return std::nullopt;
  Frame frame{std::string(at + kPrefix, header), std::string(at + kPrefix + header, by_pieces ? 0 : body), body};
  body_left_ = by_pieces ? body : 0;
  begin_ += wanted_;
  wanted_ = 0;
  if (begin_ == end_ && buffer_.size() > kKeptBuffer) {
    buffer_ = {};
    begin_ = end_ = 0;
  }
  return frame;
}

std::string_view FrameDecoder::TakeBody() {
  const size_t taken = std::min<uint64_t>(body_left_, end_ - begin_);
  std::string_view piece(buffer_.data() + begin_, taken);
  begin_ += taken;
  body_left_ -= taken;
  return piece;
}

}  // namespace burrow::worker
