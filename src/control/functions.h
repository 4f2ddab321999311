// A function of an app: what its containers run, the calls that wait for one, and the numbers that scaling asks for.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "control/classes.h"
#include "control/messages.h"
#include "control/timer.h"
#include "scheduler/autoscaler.h"
#include "scheduler/placement.h"
#include "scheduler/retry.h"
#include "store/store.h"

namespace burrow::control {

struct App;
struct Call;
struct Container;

// Why the function has fewer containers than it wants.
enum class Starvation { kNone, kNoWorker, kNoRoom, kWorkspaceFull };

// Loop's thread only. Shared by its app and its calls, so that a call never outlives it.
struct Function {
  Function(net::IoContext& io, FunctionId function_id, App* owner);

  FunctionId id;
  App* app;                     // outlives its functions
  const std::string workspace;  // the app's
  lpb::ContainerSpec spec;
  uint32_t generation = 0;  // of the spec: containers of an older one take no further calls
  bool removed = false;     // no part of the app's newest version: what is in it ends, nothing else begins

  std::deque<std::shared_ptr<Call>> queue;     // may hold cancelled ones, which are passed over
  std::vector<std::shared_ptr<Call>> delayed;  // waiting for their next attempt
  uint32_t queued = 0;                         // calls in `queue` that still wait
  uint32_t running = 0;                        // calls in containers
  std::vector<Container*> containers;          // starting, ready and stopping ones

  std::optional<double> mean_run_ms;
  std::optional<double> start_ms;  // until its last container was ready
  uint32_t failed_starts = 0;      // in a row
  bool import_broken = false;      // no container is kept ready until somebody calls again
  Timer back_off;                  // armed: no start before it fires
  Timer overdue_check;             // armed: calls wait for busy containers
  Starvation starvation = Starvation::kNone;
  SteadyTime starved_since{};
  Timer starved_deadline;

  uint64_t unused_since_ms = 0;  // Unix time, of a variant that was not used since; 0: it was, since the last look

  const std::string& name() const { return spec.function().name(); }
  std::string key() const { return FunctionKey(spec.function()); }  // unique in its app
  bool is_variant() const { return spec.function().has_bound(); }
  uint32_t waiting() const { return queued + static_cast<uint32_t>(delayed.size()); }  // calls in no container
};

// What the store keeps of it.
store::FunctionRecord RecordOf(const Function& function);

// "square()", as error messages call it.
std::string Label(const Function& function);

scheduler::FunctionLoad LoadOf(const Function& function, SteadyTime now);
scheduler::Demand DemandOf(const Function& function);
scheduler::RetryPolicy RetryPolicyOf(const Function& function);
uint32_t TimeoutMs(const Function& function);
uint32_t MemoryMib(const Function& function);
uint32_t MemoryLimitMib(const Function& function);
// How many calls one container of the function may have at the runner at once.
uint32_t CallsAtOnce(const Function& function);
// Until a container must be ready.
Millis StartDeadline(const Function& function, Millis least);
Millis ScaledownWindow(const Function& function);
void NoteRunTime(Function& function, double run_ms);

}  // namespace burrow::control
