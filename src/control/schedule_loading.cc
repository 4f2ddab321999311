#include "control/schedule_loading.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxZoneName = 64;

// "Europe/Berlin", "Etc/GMT+5"; no way out of the directory.
bool IsZoneName(std::string_view name) {
  const auto good = [](char c) { return IsLetterOrDigit(c) || c == '_' || c == '-' || c == '+' || c == '/'; };
  return !name.empty() && name.size() <= kMaxZoneName && name.front() != '/' && std::ranges::all_of(name, good);
}

Result<scheduler::TimeZone> LoadZone(const std::string& name, const std::string& zones) {
  if (name.empty() || name == "UTC" || name == "Etc/UTC") return scheduler::TimeZone();
  if (!IsZoneName(name)) {
    return Fail(Code::kInvalidArgument, "'{}' is no time zone: write it like Europe/Berlin", name.substr(0, 64));
  }
  auto content = os::ReadFile(zones + "/" + name, scheduler::kMaxZoneBytes);
  if (!content) {
    return Fail(Code::kInvalidArgument,
                "there is no time zone '{}' on the server: write it like Europe/Berlin, or "
                "install the package tzdata there",
                name);
  }
  auto zone = scheduler::TimeZone::Parse(*content);
  if (!zone) return Forward(std::move(zone.error()).WithContext("the time zone " + name));
  return zone;
}

}  // namespace

Result<scheduler::CallSchedule> LoadSchedule(const pb::Schedule& schedule, const std::string& zones) {
  if (!schedule.has_cron()) {
    scheduler::CallPeriod period{.months = schedule.period_months(), .ms = schedule.period_ms()};
    if (period.months == 0) period.ms = std::max<uint64_t>(1, period.ms);
    return scheduler::CallSchedule::OfPeriod(period);
  }
  BURROW_ASSIGN_OR_RETURN(auto cron, scheduler::CronExpression::Parse(schedule.cron().expression()));
  BURROW_ASSIGN_OR_RETURN(auto zone, LoadZone(schedule.cron().timezone(), zones));
  return scheduler::CallSchedule::OfCron(cron, std::move(zone));
}

}  // namespace burrow::control
