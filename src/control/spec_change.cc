#include "control/spec_change.h"

#include <google/protobuf/util/message_differencer.h>

namespace burrow::control {
namespace {

lpb::ContainerSpec OfContainers(const lpb::ContainerSpec& spec) {
  lpb::ContainerSpec left = spec;
  auto& function = *left.mutable_function();
  function.clear_min_containers();
  function.clear_max_containers();
  function.clear_scaledown_window_ms();
  function.clear_buffer_containers();
  function.clear_max_queued();
  function.clear_schedule();
  // Sealed twice, the same variables look different; their fingerprint does not.
  for (auto& secret : *function.mutable_secrets()) {
    if (secret.has_sealed()) secret.clear_sealed();
  }
  return left;
}

}  // namespace

bool SameContainers(const lpb::ContainerSpec& one, const lpb::ContainerSpec& other) {
  return google::protobuf::util::MessageDifferencer::Equals(OfContainers(one), OfContainers(other));
}

}  // namespace burrow::control
