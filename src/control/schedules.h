// Calls functions of deployed apps when their schedules say so. The time for which a call is made is stored in one
// transaction with the call: however this process ends, no call is made twice, and of those that were missed meanwhile
// the latest is made up.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/limits.h"
#include "control/timer.h"
#include "scheduler/schedule.h"
#include "store/store.h"

namespace burrow::control {

// What the schedules work on; all of it outlives them.
struct ScheduleParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  store::Store& store;
  Background& store_thread;
};

// Loop's thread only.
class Schedules {
 public:
  explicit Schedules(ScheduleParts parts) : p_(parts), timer_(parts.io) {}

  // Queues a call that the store has; set once.
  std::function<void(const std::shared_ptr<Function>&, const store::CallRecord&)> admit;
  // Sees to it that a container is there for a call that is near; set once.
  std::function<void(const std::shared_ptr<Function>&)> warm;

  // From when on the function's schedule counts if it is deployed with this one now: an unchanged one goes on.
  uint64_t LastOf(const FunctionId& id, const pb::Schedule& schedule) const;
  // The function is called by this schedule from now on, the last call having been made for `last_ms`.
  void Set(const std::shared_ptr<Function>& function, scheduler::CallSchedule schedule, uint64_t last_ms);
  void Remove(const FunctionId& id);
  std::optional<uint64_t> NextRun(const FunctionId& id) const;

  // Makes the calls that are due, readies containers for those that are near, and waits for the next. Called after a
  // start, and then by its own timer.
  void RunDue();
  void Close();

 private:
  struct Entry {
    std::weak_ptr<Function> function;
    scheduler::CallSchedule schedule;
    std::string message;  // what the schedule was made of
    uint64_t last_ms = 0;
    std::optional<uint64_t> next_ms;
    std::optional<uint64_t> warmed_ms;  // the last `next_ms` for which a container was readied
    bool storing = false;

    // When something is to be done for the next call; none while the last one is being stored.
    std::optional<uint64_t> Wakes(const Function& function) const;
  };
  void Look(const FunctionId& id, Entry& entry, const std::shared_ptr<Function>& function, uint64_t now_ms);
  void Fire(const FunctionId& id, Entry& entry, const Function& function, uint64_t due_ms);
  void OnStored(const store::CallRecord& call, const store::ScheduleRecord& fired, uint64_t before_ms,
                const Result<bool>& stored);
  void Arm();

  ScheduleParts p_;
  std::map<FunctionId, Entry> entries_;
  Timer timer_;
  bool closed_ = false;
};

}  // namespace burrow::control
