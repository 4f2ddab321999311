// Who gets the next container where several wait for one. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "scheduler/placement.h"

namespace burrow::scheduler {

// How much a workspace may have; 0: no bound.
struct WorkspaceBounds {
  uint32_t containers = 0;
  double cpus = 0;
  uint64_t memory = 0;  // bytes
};
struct WorkspaceShare {
  uint32_t containers = 0;  // that it has
  Demand reserved;          // by these
  WorkspaceBounds bounds;

  void Add(const Demand& container);
};

// What a container that asks for nothing itself reserves: `usual`, or all that the workspace may have where that is
// less.
Demand Within(const Demand& usual, const WorkspaceBounds& bounds);

// Whether it may have one container more.
bool MayStart(const WorkspaceShare& workspace, const Demand& container);

// A function that wants containers.
struct StartClaim {
  size_t workspace = 0;     // index
  uint32_t containers = 0;  // that the function has
  Demand each;              // what one reserves
  uint32_t wanted = 0;      // further ones; 0: the claim counts no more
};

// Index of the claim that is served next, so that room is shared between workspaces, and inside each between functions:
// of the workspaces that want a container and may have one, that with the fewest; of its functions, that with the
// fewest. Of equal ones the first: claims are in the order in which they wait. None where nobody may have one.
std::optional<size_t> NextStart(std::span<const StartClaim> claims, std::span<const WorkspaceShare> workspaces);

// What a function and its workspace have.
struct Holding {
  uint32_t of_workspace = 0, of_function = 0;  // containers
};

// Whether a busy container goes, once its calls have ended, so that its room may go to a claim that waits: where its
// owner still has as many as the other afterwards, so that no room goes to and fro. `claim` counts room that is on its
// way. In one workspace functions are compared, else workspaces.
bool ShouldYield(const Holding& owner, const Holding& claim, bool same_workspace);

}  // namespace burrow::scheduler
