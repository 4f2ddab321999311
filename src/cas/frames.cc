#include "cas/frames.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace burrow::cas {
namespace {

void AppendDigest(std::string& table, const Digest& digest) {
  table.append(reinterpret_cast<const char*>(digest.bytes().data()), Digest::kSize);
}

}  // namespace

std::optional<Digest> FrameDigest(std::string_view table, uint64_t frame) {
  if (frame >= table.size() / Digest::kSize) return std::nullopt;
  std::array<uint8_t, Digest::kSize> bytes;
  std::memcpy(bytes.data(), table.data() + frame * Digest::kSize, bytes.size());
  return Digest(bytes);
}

void FrameHasher::Update(std::string_view data) {
  while (!data.empty()) {
    auto part = data.substr(0, std::min<uint64_t>(data.size(), kFrameSize - in_frame_));
    frame_.Update(part);
    in_frame_ += part.size();
    data.remove_prefix(part.size());
    if (in_frame_ < kFrameSize) continue;
    AppendDigest(table_, frame_.Finish());
    frame_ = Hasher();
    in_frame_ = 0;
  }
}

std::string FrameHasher::Finish() {
  if (in_frame_ > 0) AppendDigest(table_, frame_.Finish());
  return std::move(table_);
}

}  // namespace burrow::cas
