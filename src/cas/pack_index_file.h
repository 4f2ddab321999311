// The records of the index file: one pack each, "length:u32 check:8 stored_ms:u64 pack:32 footer". Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cas/pack.h"

namespace burrow::cas {

inline constexpr std::string_view kIndexFileMagic = "BPIX\1\0\0\0";

struct IndexedPack {
  Digest name;
  uint64_t stored_ms = 0;
  std::vector<PackFrame> frames;
};

std::string EncodeIndexedPack(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames);
// Hands over every whole record of a file, and gives the length up to the first that is not.
size_t DecodeIndexFile(std::string_view content, const std::function<void(IndexedPack)>& pack);

}  // namespace burrow::cas
