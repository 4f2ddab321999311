#include "control/overrides.h"

namespace burrow::control {
namespace {

void OverrideResources(const pb::SpecOverrides& overrides, pb::Resources& resources) {
  if (overrides.has_cpu()) {
    resources.set_cpu(overrides.cpu());
    resources.set_cpu_limit(overrides.cpu_limit());
  }
  if (overrides.has_memory_mib()) {
    resources.set_memory_mib(overrides.memory_mib());
    resources.set_memory_limit_mib(overrides.memory_limit_mib());
  }
}

void OverrideCallsAtOnce(const pb::SpecOverrides& overrides, pb::FunctionSpec& spec) {
  if (overrides.has_max_inputs() || overrides.has_max_batch_size()) {
    spec.set_max_inputs(overrides.max_inputs());
    spec.set_target_inputs(overrides.target_inputs());
    spec.set_max_batch_size(overrides.max_batch_size());
    spec.set_batch_wait_ms(overrides.batch_wait_ms());
  }
}

}  // namespace

void ApplyOverrides(const pb::SpecOverrides& overrides, pb::FunctionSpec& spec) {
  OverrideResources(overrides, *spec.mutable_resources());
  if (overrides.has_timeout_ms()) spec.set_timeout_ms(overrides.timeout_ms());
  for (const auto& [name, value] : overrides.env()) (*spec.mutable_env())[name] = value;
  if (overrides.has_secrets()) *spec.mutable_secrets() = overrides.secrets().secrets();
  if (overrides.has_volumes()) *spec.mutable_volumes() = overrides.volumes().mounts();
  if (overrides.has_retries()) *spec.mutable_retries() = overrides.retries();
  ChangeScaling(overrides, spec);
  OverrideCallsAtOnce(overrides, spec);
}

}  // namespace burrow::control
