// The offsets of one time zone, from the bytes of a TZif file (RFC 8536), for computing when a schedule is due. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "scheduler/zone_rule.h"

namespace burrow::scheduler {

inline constexpr size_t kMaxZoneBytes = 1u << 20;

// The clocks are set: from `at` on (Unix seconds) they are `after` seconds east of UTC, before it `before`.
struct ZoneChange {
  int64_t at = 0;
  int32_t before = 0, after = 0;
};

// What a wall clock's reading means.
struct WallTime {
  int64_t at = 0;        // Unix seconds: the first moment at which clocks show it; of a skipped one the jump
  bool skipped = false;  // no clock shows it: they were set forward over it
};

class TimeZone {
 public:
  TimeZone() = default;  // UTC
  // kInvalidArgument unless they are a whole TZif file; never more memory than a few times the bytes.
  static Result<TimeZone> Parse(std::string_view tzif);

  // Seconds east of UTC at a moment.
  int32_t OffsetAt(int64_t unix_seconds) const;
  // The first change after a moment.
  std::optional<ZoneChange> ChangeAfter(int64_t unix_seconds) const;
  // `wall_seconds`: the reading as if it were UTC's, in seconds since 1970.
  WallTime Resolve(int64_t wall_seconds) const;

 private:
  std::vector<int64_t> times_;  // when the offset becomes that of the same place in offsets_; ascending
  std::vector<int32_t> offsets_;
  int32_t first_offset_ = 0;      // before all of them
  std::optional<ZoneRule> rule_;  // after all of them
};

}  // namespace burrow::scheduler
