// What is to be told of an overlay's upper directory of which something was told before. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cas/digest.h"

namespace burrow::image {

// Tells apart, without reading it, what an inode was and is. Of whiteouts, which share one, only the mode.
struct Fingerprint {
  uint32_t mode = 0;
  uint64_t inode = 0, size = 0;
  int64_t ctime_ns = 0;  // since 1970
  bool operator==(const Fingerprint&) const = default;
};

// One entry as a scan finds it.
struct ScannedEntry {
  std::string path;  // relative to the upper directory
  Fingerprint print;
  bool whiteout = false;
  bool opaque = false;  // a directory that hides one of the lower tree, and is in no other that does
  bool linked = false;  // it has further names
};

// One entry as it was told.
struct RememberedEntry {
  Fingerprint print;
  bool whiteout = false, opaque = false;
  // A digest of what was told, where the inode had changed so shortly before that a later change may leave no trace in
  // its fingerprint.
  std::optional<cas::Digest> unsettled;
};
using UpperMemory = std::unordered_map<std::string, RememberedEntry>;  // by path

enum class UpperAction {
  kNothing,
  kWhiteout,
  kPut,
  kPutOpaque,
  kVerify,  // read again, and put if it differs from what was told
};
struct UpperPlan {
  std::vector<std::string> removed;  // told before and there no more, but where an ancestor's change says so
  std::vector<UpperAction> actions;  // of each scanned entry
  bool empty = true;                 // nothing is to be done
};

// `scanned`: parents before children, each directory followed by what is in it.
UpperPlan PlanUpper(const std::vector<ScannedEntry>& scanned, const UpperMemory& before);

}  // namespace burrow::image
