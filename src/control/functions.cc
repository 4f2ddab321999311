#include "control/functions.h"

#include <algorithm>

#include "control/apps.h"
#include "control/containers.h"
#include "control/limits.h"
#include "link/protocol.h"

namespace burrow::control {
namespace {

uint32_t TargetConcurrency(const pb::FunctionSpec& spec) {
  if (spec.max_batch_size() > 0) return spec.max_batch_size();
  return std::max(1u, spec.target_inputs() ? spec.target_inputs() : spec.max_inputs());
}

}  // namespace

Function::Function(net::IoContext& io, FunctionId function_id, App* owner)
    : id(std::move(function_id)),
      app(owner),
      workspace(owner->record.workspace),
      back_off(io),
      overdue_check(io),
      starved_deadline(io) {}

store::FunctionRecord RecordOf(const Function& function) {
  return {.id = function.id,
          .app = function.app->record.id,
          .name = function.key(),
          .spec = function.spec.SerializeAsString()};
}

std::string Label(const Function& function) { return function.name() + "()"; }

scheduler::FunctionLoad LoadOf(const Function& function, SteadyTime now) {
  const auto& spec = function.spec.function();
  scheduler::FunctionLoad load;
  load.queued = function.queued;
  load.running = function.running;
  for (const Container* container : function.containers) {
    if (container->generation != function.generation) continue;
    if (container->state == Container::State::kStarting) load.starting++;
    if (container->state != Container::State::kReady) continue;
    if (container->spent()) {
      load.spent++;
      load.running -= std::min(load.running, static_cast<uint32_t>(container->calls.size()));
      continue;
    }
    load.ready++;
    if (container->overdue(now)) load.overdue++;
  }
  const bool idles = function.import_broken || function.removed || NeedsParameters(spec);
  load.min_containers = idles ? 0 : spec.min_containers();
  load.buffer_containers = spec.buffer_containers();
  load.target_concurrency = TargetConcurrency(spec);
  load.max_containers = spec.max_containers();
  load.failed_starts = function.failed_starts;
  load.mean_run_ms = function.mean_run_ms;
  return load;
}

scheduler::Demand DemandOf(const Function& function) {
  double cpus = function.spec.function().resources().cpu();
  return {.cpus = cpus > 0 ? cpus : kDefaultCpus, .memory = uint64_t{MemoryMib(function)} << 20};
}

scheduler::RetryPolicy RetryPolicyOf(const Function& function) {
  const auto& retries = function.spec.function().retries();
  scheduler::RetryPolicy policy;
  policy.max_retries = retries.max_retries();
  policy.initial_delay = Millis(retries.initial_delay_ms());
  policy.max_delay = Millis(retries.max_delay_ms());
  policy.backoff = retries.backoff_coefficient() > 0 ? retries.backoff_coefficient() : 1.0;
  return policy;
}

uint32_t TimeoutMs(const Function& function) {
  uint32_t timeout = function.spec.function().timeout_ms();
  return timeout ? timeout : kDefaultTimeoutMs;
}

uint32_t MemoryMib(const Function& function) {
  uint32_t memory = function.spec.function().resources().memory_mib();
  return memory ? memory : kDefaultMemoryMib;
}

uint32_t MemoryLimitMib(const Function& function) {
  uint32_t limit = function.spec.function().resources().memory_limit_mib();
  return limit ? limit : MemoryMib(function);
}

uint32_t CallsAtOnce(const Function& function) { return link::CallsAtOnce(function.spec.function()); }

Millis StartDeadline(const Function& function, Millis least) {
  constexpr Millis kSlack(60'000), kAlways(600'000);
  const auto& spec = function.spec.function();
  if (spec.startup_timeout_ms() > 0) return std::max(least, Millis(spec.startup_timeout_ms()) + kSlack);
  Millis as_timeout = Millis(TimeoutMs(function)) + kSlack;
  return as_timeout > kAlways ? std::max(least, as_timeout) : least;
}

Millis ScaledownWindow(const Function& function) {
  uint32_t window = function.spec.function().scaledown_window_ms();
  return Millis(window ? window : kDefaultScaledownMs);
}

void NoteRunTime(Function& function, double run_ms) {
  constexpr double kWeight = 0.2;
  double mean = function.mean_run_ms.value_or(run_ms);
  function.mean_run_ms = mean + kWeight * (run_ms - mean);
}

}  // namespace burrow::control
