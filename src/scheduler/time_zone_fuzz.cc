// Foreign bytes as a time zone's file, a zone's rule, and a cron expression; what is taken keeps its laws.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "scheduler/cron.h"
#include "scheduler/time_zone.h"

namespace {

void MustHold(bool holds) {
  if (!holds) std::abort();
}

void CheckZone(const burrow::scheduler::TimeZone& zone) {
  for (int64_t at : {int64_t{-2'000'000'000}, int64_t{0}, int64_t{1'700'000'000}, int64_t{4'000'000'000}}) {
    if (auto change = zone.ChangeAfter(at)) MustHold(change->at > at && change->before != change->after);
    const auto wall = zone.Resolve(at);
    if (!wall.skipped) MustHold(wall.at + zone.OffsetAt(wall.at) == at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burrow::scheduler;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto zone = TimeZone::Parse(bytes);
  if (zone) CheckZone(*zone);
  if (auto rule = ZoneRule::Parse(bytes)) (void)rule->ChangeAfter(1'700'000'000);
  if (auto cron = CronExpression::Parse(bytes)) {
    const int64_t from = 1'700'000'000;
    const auto next = cron->NextAfter(from, zone ? *zone : TimeZone());
    if (next) MustHold(*next > from);
  }
  return 0;
}
