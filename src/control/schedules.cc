#include "control/schedules.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/groups.h"

namespace burrow::control {
namespace {

constexpr Millis kStoreAgain{1'000};

std::shared_ptr<Function> Callable(const std::weak_ptr<Function>& weak) {
  auto function = weak.lock();
  return function && !function->removed && function->app->live() ? function : nullptr;
}

uint64_t StartBy(const Function& function, uint64_t call_ms) {
  const auto ahead = static_cast<uint64_t>(scheduler::StartAhead(function.start_ms, ScaledownWindow(function)).count());
  return call_ms - std::min(call_ms, ahead);
}

}  // namespace

std::optional<uint64_t> Schedules::Entry::Wakes(const Function& function) const {
  if (storing || !next_ms) return std::nullopt;
  return warmed_ms == next_ms ? *next_ms : StartBy(function, *next_ms);
}

uint64_t Schedules::LastOf(const FunctionId& id, const pb::Schedule& schedule) const {
  const auto known = entries_.find(id);
  if (known != entries_.end() && known->second.message == schedule.SerializeAsString()) return known->second.last_ms;
  return p_.clock.UnixMillis();
}

void Schedules::Set(const std::shared_ptr<Function>& function, scheduler::CallSchedule schedule, uint64_t last_ms) {
  Entry& entry = entries_[function->id];
  entry.function = function;
  entry.message = function->spec.function().schedule().SerializeAsString();
  entry.schedule = std::move(schedule);
  entry.last_ms = std::max(entry.last_ms, last_ms);
  entry.next_ms = entry.schedule.NextAfter(entry.last_ms);
  Arm();
}

void Schedules::Remove(const FunctionId& id) { entries_.erase(id); }

std::optional<uint64_t> Schedules::NextRun(const FunctionId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? std::nullopt : found->second.next_ms;
}

void Schedules::RunDue() {
  if (closed_) return;
  const uint64_t now = p_.clock.UnixMillis();
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const auto function = Callable(entry.function);
    if (!function) {
      at = entries_.erase(at);
      continue;
    }
    Look(at->first, entry, function, now);
    ++at;
  }
  Arm();
}

void Schedules::Look(const FunctionId& id, Entry& entry, const std::shared_ptr<Function>& function, uint64_t now_ms) {
  const auto wakes = entry.Wakes(*function);
  if (!wakes || *wakes > now_ms) return;
  if (*entry.next_ms > now_ms) {
    entry.warmed_ms = entry.next_ms;
    return warm(function);
  }
  if (const auto due = entry.schedule.LatestDue(entry.last_ms, now_ms)) Fire(id, entry, *function, *due);
}

void Schedules::Fire(const FunctionId& id, Entry& entry, const Function& function, uint64_t due_ms) {
  const CallId call_id = CallId::New();
  store::CallRecord call{.id = call_id,
                         .function = id,
                         .group = ImplicitGroup(call_id),
                         .arguments = function.spec.function().schedule().arguments().SerializeAsString(),
                         .created_ms = p_.clock.UnixMillis()};
  const store::GroupRecord group{.id = call.group, .function = id, .closed = true, .workspace = function.workspace};
  const store::ScheduleRecord fired{.function = id, .last_ms = due_ms};
  const uint64_t before = std::exchange(entry.last_ms, due_ms);
  entry.next_ms = entry.schedule.NextAfter(due_ms);
  entry.storing = true;
  p_.store_thread.Run(
      [&store = p_.store, fired, group, call] { return store.FireSchedule(fired, group, call); },
      [this, call, fired, before](const Result<bool>& stored) { OnStored(call, fired, before, stored); });
}

void Schedules::OnStored(const store::CallRecord& call, const store::ScheduleRecord& fired, uint64_t before_ms,
                         const Result<bool>& stored) {
  const auto at = entries_.find(fired.function);
  Entry* entry = at == entries_.end() ? nullptr : &at->second;
  if (entry) entry->storing = false;
  if (!stored) {
    LogError("a scheduled call of {} could not be stored, trying again: {}", fired.function.str(),
             stored.error().message());
    if (entry && entry->last_ms == fired.last_ms) {
      entry->last_ms = before_ms;
      entry->next_ms = fired.last_ms;
      timer_.Start(kStoreAgain, [this] { RunDue(); });
    }
    return;
  }
  if (const auto function = entry ? entry->function.lock() : nullptr; *stored && function) admit(function, call);
  RunDue();  // what came to be due meanwhile
}

// Not further ahead than `schedule_check`: the machine's clock may be set.
void Schedules::Arm() {
  if (closed_ || entries_.empty()) return timer_.Cancel();
  const uint64_t now = p_.clock.UnixMillis();
  auto wait = static_cast<uint64_t>(p_.timings.schedule_check.count());
  for (const auto& [id, entry] : entries_) {
    const auto function = Callable(entry.function);
    const auto wakes = function ? entry.Wakes(*function) : std::nullopt;
    if (wakes) wait = std::min(wait, *wakes > now ? *wakes - now : 0);
  }
  timer_.Start(Millis(wait), [this] { RunDue(); });
}

void Schedules::Close() {
  closed_ = true;
  timer_.Cancel();
}

}  // namespace burrow::control
