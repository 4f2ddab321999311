#include "scheduler/fair_share.h"

#include <utility>

namespace burrow::scheduler {

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
    if (claims[i].wanted == 0 || IsFull(workspaces[claims[i].workspace])) continue;
    if (!next || is_before(claims[i], claims[*next])) next = i;
  }
  return next;
}

bool ShouldYield(const Holding& owner, const Holding& claim, bool same_workspace) {
  if (same_workspace) return owner.of_function > uint64_t{claim.of_function} + 1;
  return owner.of_workspace > uint64_t{claim.of_workspace} + 1;
}

}  // namespace burrow::scheduler
