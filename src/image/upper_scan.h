// Finds what lies in an overlay's upper directory by stat alone, while it is written. Private to this module.
#pragma once

#include <vector>

#include "base/error.h"
#include "image/upper_plan.h"

struct stat;

namespace burrow::image {

inline constexpr size_t kMaxUpperEntries = 1'000'000;
inline constexpr size_t kMaxUpperPaths = 256u << 20;  // bytes of all paths; one has less than PATH_MAX

// Whether an error says that a name went while it was looked at: another process renames and removes.
bool HasGone(int os_errno);

// Of the root neither times nor extended attributes count: every new name in it changes them.
Fingerprint FingerprintOf(const struct stat& st, bool root);

// `upper` and `lower` are open directories. No link is followed; sockets are left out; what goes meanwhile is not
// there. In walk order, the root with the path "" first. kOutOfRange beyond the bounds above.
Result<std::vector<ScannedEntry>> ScanUpper(int upper, int lower);

}  // namespace burrow::image
