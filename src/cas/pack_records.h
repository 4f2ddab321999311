// The fixed parts of the pack format, shared by its writer and readers.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "cas/pack.h"

namespace burrow::cas::pack_records {

inline constexpr std::string_view kMagic = "BRPK";
inline constexpr std::string_view kEndMagic = "BPKE";
inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kHeaderSize = 16;
inline constexpr size_t kRecordSize = 16;
inline constexpr size_t kEntrySize = Digest::kSize + 4;
inline constexpr size_t kFooterFrameSize = 20;
inline constexpr size_t kCheckSize = 8;
inline constexpr size_t kTrailerSize = 8;

enum class Kind : uint32_t { kFrame = 1, kAbsent = 2, kEnd = 3, kFooter = 4 };

struct Record {
  uint32_t kind = 0, count = 0, raw = 0, stored = 0;
};

// The platforms of Burrow are little-endian.
template <class T>
void AppendNumber(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
// Readers take from `bytes` at an offset; what they take must lie within.
template <class T>
T ReadNumber(std::string_view bytes, size_t at = 0) {
  T value{};
  bytes.copy(reinterpret_cast<char*>(&value), sizeof value, at);
  return value;
}

inline void AppendRecord(Kind kind, uint32_t count, uint32_t raw, uint32_t stored, std::string& out) {
  for (uint32_t value : {static_cast<uint32_t>(kind), count, raw, stored}) AppendNumber(value, out);
}
inline void AppendDigest(const Digest& digest, std::string& out) {
  out.append(reinterpret_cast<const char*>(digest.bytes().data()), Digest::kSize);
}
inline Digest ReadDigest(std::string_view bytes, size_t at = 0) {
  return Digest(ReadNumber<std::array<uint8_t, Digest::kSize>>(bytes, at));
}
inline std::string CheckOf(std::string_view bytes) {
  Digest digest = Digest::Of(bytes);
  return {reinterpret_cast<const char*>(digest.bytes().data()), kCheckSize};
}
inline PackEntry ReadEntry(std::string_view bytes, size_t at = 0) {
  return {.digest = ReadDigest(bytes, at), .size = ReadNumber<uint32_t>(bytes, at + Digest::kSize)};
}
inline Record ReadRecord(std::string_view bytes) {
  return {.kind = ReadNumber<uint32_t>(bytes),
          .count = ReadNumber<uint32_t>(bytes, 4),
          .raw = ReadNumber<uint32_t>(bytes, 8),
          .stored = ReadNumber<uint32_t>(bytes, 12)};
}

}  // namespace burrow::cas::pack_records
