// From a container's specification to what the runtime starts. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "burrow/link/v1/link.pb.h"
#include "runtime/container.h"

namespace burrow::worker {

inline constexpr uint32_t kDefaultMemoryMib = 1024;
inline constexpr uint32_t kDefaultPids = 1024;
// The runner's socket: its stdin under runsc, which hands on the first three descriptors alone.
int RunnerFd(const burrow::v1::FunctionSpec& function);
// Of a template: the socket on which it is asked for forks, and the variable that says so.
inline constexpr int kForkRequestsFd = 4;
inline constexpr const char* kForkRequestsVariable = "BURROW_TEMPLATE_FD";

// What the worker found or made for one container.
struct LaunchPaths {
  std::string directory;              // of the container
  os::OverlayLower lower;             // the image's tree
  std::string library;                // holds the package `burrow`
  std::string source;                 // the user's files; empty: none
  std::string api_socket;             // empty: none
  std::vector<std::string> attached;  // directories of the function's attached files, in their order
};

// The limit of memory.
uint32_t MemoryMib(const burrow::v1::Resources& resources);
// From StartContainer to ready: what the function asks for, else as long as a call may take, but at least `least`.
std::chrono::milliseconds StartDeadline(const burrow::v1::FunctionSpec& function, std::chrono::milliseconds least);
// What the function is to be run by; nullopt: the worker's own engine. kFailedPrecondition where this worker cannot.
Result<std::optional<runtime::Engine>> ChooseEngine(const burrow::v1::FunctionSpec& function);

// Where its function begins.
std::string WorkingDirectory(const burrow::link::v1::ContainerSpec& spec);

// Everything but the descriptors.
runtime::ContainerOptions PlanLaunch(const std::string& container_id, const burrow::link::v1::ContainerSpec& spec,
                                     const LaunchPaths& paths);

// The image's variables, then the function's, then the runner's own: the last wins. PATH, HOME and LANG have defaults.
std::vector<std::string> MergeEnvironment(const std::string& container_id, const burrow::link::v1::ContainerSpec& spec);

}  // namespace burrow::worker
