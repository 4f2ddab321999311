#include "cas/pack_index_file.h"

#include "cas/pack_footer.h"
#include "cas/pack_records.h"

namespace burrow::cas {
using namespace pack_records;

namespace {

constexpr size_t kEntryHead = sizeof(uint32_t) + kCheckSize;
constexpr size_t kFixed = sizeof(uint64_t) + Digest::kSize;

}  // namespace

std::string EncodeIndexedPack(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames) {
  std::string payload;
  AppendNumber(stored_ms, payload);
  AppendDigest(name, payload);
  payload += EncodeFooter(frames);
  std::string record;
  AppendNumber(static_cast<uint32_t>(payload.size()), record);
  return record + CheckOf(payload) + payload;
}

size_t DecodeIndexFile(std::string_view content, const std::function<void(IndexedPack)>& pack) {
  if (!content.starts_with(kIndexFileMagic)) return 0;
  size_t at = kIndexFileMagic.size();
  while (content.size() - at >= kEntryHead) {
    auto length = ReadNumber<uint32_t>(content, at);
    auto check = content.substr(at + sizeof length, kCheckSize);
    if (length < kFixed || length > content.size() - at - kEntryHead) break;
    auto payload = content.substr(at + kEntryHead, length);
    if (CheckOf(payload) != check) break;
    auto frames = DecodeFooter(payload.substr(kFixed));
    if (!frames) break;
    pack({.name = ReadDigest(payload, sizeof(uint64_t)),
          .stored_ms = ReadNumber<uint64_t>(payload),
          .frames = std::move(*frames)});
    at += kEntryHead + length;
  }
  return at;
}

}  // namespace burrow::cas
