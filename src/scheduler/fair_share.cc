#include "scheduler/fair_share.h"

#include <algorithm>
#include <utility>

namespace burrow::scheduler {
namespace {

constexpr double kCpuSlack = 1e-6;  // ten times 0.1 is less than 1

}  // namespace

void WorkspaceShare::Add(const Demand& container) {
  ++containers;
  reserved.cpus += container.cpus;
  reserved.memory += container.memory;
}

Demand Within(const Demand& usual, const WorkspaceBounds& bounds) {
  return {.cpus = bounds.cpus > 0 ? std::min(usual.cpus, bounds.cpus) : usual.cpus,
          .memory = bounds.memory > 0 ? std::min(usual.memory, bounds.memory) : usual.memory};
}

bool MayStart(const WorkspaceShare& workspace, const Demand& container) {
  const auto& bounds = workspace.bounds;
  return (bounds.containers == 0 || workspace.containers < bounds.containers) &&
         (bounds.cpus == 0 || workspace.reserved.cpus + container.cpus <= bounds.cpus + kCpuSlack) &&
         (bounds.memory == 0 || workspace.reserved.memory + container.memory <= bounds.memory);
}

std::optional<size_t> NextStart(std::span<const StartClaim> claims, std::span<const WorkspaceShare> workspaces) {
  const auto rank = [&](const StartClaim& claim) {
    return std::pair(workspaces[claim.workspace].containers, claim.containers);
  };
  // Of two workspaces that have as many containers, the one that waits longer.
  const auto is_before = [&](const StartClaim& claim, const StartClaim& best) {
    if (claim.workspace == best.workspace) return claim.containers < best.containers;
    return rank(claim).first < rank(best).first;
  };
  std::optional<size_t> next;
  for (size_t i = 0; i < claims.size(); ++i) {
    if (claims[i].wanted == 0 || !MayStart(workspaces[claims[i].workspace], claims[i].each)) continue;
    if (!next || is_before(claims[i], claims[*next])) next = i;
  }
  return next;
}

bool ShouldYield(const Holding& owner, const Holding& claim, bool same_workspace) {
  if (same_workspace) return owner.of_function > uint64_t{claim.of_function} + 1;
  return owner.of_workspace > uint64_t{claim.of_workspace} + 1;
}

}  // namespace burrow::scheduler
