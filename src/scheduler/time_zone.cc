#include "scheduler/time_zone.h"

#include <algorithm>

namespace burrow::scheduler {
namespace {

constexpr size_t kHeaderBytes = 44;
constexpr uint32_t kMaxChanges = 20'000;
constexpr uint32_t kMaxTypes = 256;
constexpr int32_t kMaxOffset = 26 * 3600;
// No zone's offset is further from UTC than this, with room to spare.
constexpr int64_t kWidestOffset = int64_t{2} * 86'400;

std::unexpected<Error> NoZone(const char* why) {
  return Fail(Code::kInvalidArgument, "this is no file of a time zone: {}", why);
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

struct Counts {
  char version = 0;
  uint32_t ut = 0, standard = 0, leap = 0, times = 0, types = 0, characters = 0;

  // Of the data block behind the header; bounded counts keep it far from overflow.
  uint64_t BlockBytes(uint64_t time_bytes) const {
    return times * (time_bytes + 1) + types * uint64_t{6} + characters + leap * (time_bytes + 4) + standard + ut;
  }
};

Result<Counts> ReadHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with("TZif")) return NoZone("its header is missing");
  Counts counts{.version = bytes[4]};
  size_t at = 20;
  for (uint32_t* count :
       {&counts.ut, &counts.standard, &counts.leap, &counts.times, &counts.types, &counts.characters}) {
    *count = static_cast<uint32_t>(BigEndian(bytes.substr(at, 4)));
    at += 4;
    if (*count > kMaxChanges) return NoZone("it claims more than a zone can have");
  }
  if (counts.types == 0 || counts.types > kMaxTypes) return NoZone("it has no kinds of time, or too many");
  return counts;
}

// Cuts header and block off the front.
Result<std::pair<Counts, std::string_view>> TakeBlock(std::string_view& bytes, uint64_t time_bytes) {
  BURROW_ASSIGN_OR_RETURN(const Counts counts, ReadHeader(bytes));
  const uint64_t length = counts.BlockBytes(time_bytes);
  if (bytes.size() - kHeaderBytes < length) return NoZone("it is cut short");
  std::string_view block = bytes.substr(kHeaderBytes, length);
  bytes.remove_prefix(kHeaderBytes + length);
  return std::pair(counts, block);
}

// The rule between the newlines at the end; none where there is nothing between them.
Result<std::optional<ZoneRule>> ReadFooter(std::string_view bytes) {
  if (bytes.size() < 2 || bytes.front() != '\n') return NoZone("its last line is missing");
  bytes.remove_prefix(1);
  const size_t end = bytes.find('\n');
  if (end == bytes.npos) return NoZone("its last line has no end");
  if (end == 0) return std::optional<ZoneRule>();
  BURROW_ASSIGN_OR_RETURN(ZoneRule rule, ZoneRule::Parse(bytes.substr(0, end)));
  return std::optional<ZoneRule>(rule);
}

Result<std::vector<int32_t>> ReadTypes(std::string_view bytes, uint32_t count) {
  std::vector<int32_t> offsets;
  for (uint32_t i = 0; i < count; ++i) {
    const auto offset = static_cast<int32_t>(static_cast<uint32_t>(BigEndian(bytes.substr(size_t{i} * 6, 4))));
    if (offset < -kMaxOffset || offset > kMaxOffset) return NoZone("an offset is out of range");
    offsets.push_back(offset);
  }
  return offsets;
}

}  // namespace

Result<TimeZone> TimeZone::Parse(std::string_view tzif) {
  if (tzif.size() > kMaxZoneBytes) return NoZone("it is too large");
  std::string_view rest = tzif;
  size_t time_bytes = 4;
  BURROW_ASSIGN_OR_RETURN(auto taken, TakeBlock(rest, time_bytes));
  const bool wide = taken.first.version != '\0';
  if (wide) {
    time_bytes = 8;
    BURROW_ASSIGN_OR_RETURN(taken, TakeBlock(rest, time_bytes));
  }
  const auto [counts, block] = taken;
  BURROW_ASSIGN_OR_RETURN(const auto types, ReadTypes(block.substr(counts.times * (time_bytes + 1)), counts.types));
  TimeZone zone;
  zone.first_offset_ = types.front();
  for (uint32_t i = 0; i < counts.times; ++i) {
    const uint64_t raw = BigEndian(block.substr(i * time_bytes, time_bytes));
    const int64_t at = wide ? static_cast<int64_t>(raw) : static_cast<int32_t>(static_cast<uint32_t>(raw));
    const auto type = static_cast<unsigned char>(block[counts.times * time_bytes + i]);
    if (type >= types.size()) return NoZone("a change leads to an unknown kind of time");
    if (!zone.times_.empty() && at <= zone.times_.back()) return NoZone("its changes are out of order");
    zone.times_.push_back(at);
    zone.offsets_.push_back(types[type]);
  }
  if (wide) {
    BURROW_ASSIGN_OR_RETURN(zone.rule_, ReadFooter(rest));
  }
  return zone;
}

int32_t TimeZone::OffsetAt(int64_t unix_seconds) const {
  if (times_.empty()) return rule_ ? rule_->OffsetAt(unix_seconds) : first_offset_;
  if (unix_seconds < times_.front()) return first_offset_;
  if (unix_seconds >= times_.back()) return rule_ ? rule_->OffsetAt(unix_seconds) : offsets_.back();
  const auto after = std::ranges::upper_bound(times_, unix_seconds);
  return offsets_[static_cast<size_t>(after - times_.begin()) - 1];
}

std::optional<ZoneChange> TimeZone::ChangeAfter(int64_t unix_seconds) const {
  for (auto at = std::ranges::upper_bound(times_, unix_seconds); at != times_.end(); ++at) {
    const int32_t before = OffsetAt(*at - 1), after = OffsetAt(*at);
    if (before != after) return ZoneChange{.at = *at, .before = before, .after = after};
  }
  const int64_t from = times_.empty() ? unix_seconds : std::max(unix_seconds, times_.back());
  const auto at = rule_ ? rule_->ChangeAfter(from) : std::nullopt;
  if (!at) return std::nullopt;
  return ZoneChange{.at = *at, .before = OffsetAt(*at - 1), .after = OffsetAt(*at)};
}

// Walks the changes near the reading: between two of them, clocks show each reading once.
WallTime TimeZone::Resolve(int64_t wall_seconds) const {
  int64_t from = wall_seconds - kWidestOffset;
  int32_t offset = OffsetAt(from);
  for (;;) {
    const int64_t at = wall_seconds - offset;
    const auto change = ChangeAfter(from);
    if (!change || at < change->at) return {.at = at};
    // Shown neither before the change nor after it: clocks went over it.
    if (wall_seconds < change->at + change->after) return {.at = change->at, .skipped = true};
    from = change->at;
    offset = change->after;
  }
}

}  // namespace burrow::scheduler
