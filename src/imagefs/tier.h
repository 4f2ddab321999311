// How images become filesystems.
#pragma once

#include <string_view>

#include "base/error.h"

namespace burrow::imagefs {

enum class Tier {
  kErofs,  // an EROFS image of the metadata, content from files of the node's cache; FUSE sees misses alone
  kFuse,   // everything over FUSE
};
// What was asked for. kAuto: erofs where this kernel does all that it needs, else fuse.
enum class TierChoice { kAuto, kErofs, kFuse };

// "auto", "erofs" or "fuse".
Result<TierChoice> ParseTierChoice(std::string_view name);
std::string_view TierName(Tier tier);

}  // namespace burrow::imagefs
