#include "worker/container_state.h"

namespace burrow::worker {

std::optional<ContainerState> NextState(ContainerState state, ContainerEvent event) {
  using State = ContainerState;
  switch (event) {
    case ContainerEvent::kRunnerReady:
      return state == State::kStarting ? std::optional(State::kReady) : std::nullopt;
    case ContainerEvent::kStopBegan:
      return state == State::kStarting || state == State::kReady ? std::optional(State::kStopping) : std::nullopt;
    case ContainerEvent::kEnded:
      return state != State::kStopped ? std::optional(State::kStopped) : std::nullopt;
  }
  return std::nullopt;
}

std::string_view StateName(ContainerState state) {
  switch (state) {
    case ContainerState::kStarting:
      return "starting";
    case ContainerState::kReady:
      return "ready";
    case ContainerState::kStopping:
      return "stopping";
    case ContainerState::kStopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace burrow::worker
