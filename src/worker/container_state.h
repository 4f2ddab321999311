// The life of a container as a table. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace burrow::worker {

enum class ContainerState { kStarting, kReady, kStopping, kStopped };
enum class ContainerEvent {
  kRunnerReady,  // the user's function is loaded
  kStopBegan,    // control asked, a deadline passed, or a call would not end
  kEnded,        // the process is gone, or was never started
};

// The state after the event; nullopt where the event means nothing in that state and is to be ignored.
std::optional<ContainerState> NextState(ContainerState state, ContainerEvent event);

std::string_view StateName(ContainerState state);

}  // namespace burrow::worker
