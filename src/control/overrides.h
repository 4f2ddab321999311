// What a variant changes in the specification of its function. Pure.
#pragma once

#include "control/messages.h"

namespace burrow::control {

// Sets what `overrides` has. Calls at once and batches exclude each other: setting one takes away the other.
void ApplyOverrides(const pb::SpecOverrides& overrides, pb::FunctionSpec& spec);

// The part of it about how many containers there are; `changes` is any message with these fields.
template <class Changes>
void ChangeScaling(const Changes& changes, pb::FunctionSpec& spec) {
  if (changes.has_max_containers()) spec.set_max_containers(changes.max_containers());
  if (changes.has_buffer_containers()) spec.set_buffer_containers(changes.buffer_containers());
  if (changes.has_scaledown_window_ms()) spec.set_scaledown_window_ms(changes.scaledown_window_ms());
}

}  // namespace burrow::control
