// The autoscaler's part on sharing: who gets room that several functions wait for, and who makes some for whom.
#include <algorithm>
#include <map>
#include <utility>

#include "control/apps.h"
#include "control/autoscaling.h"
#include "scheduler/autoscaler.h"

namespace burrow::control {

scheduler::WorkspaceShare Autoscaler::ShareOf(const std::string& workspace) const {
  scheduler::WorkspaceShare share = containers_.ShareOf(workspace);
  share.bounds = workspaces_.BoundsOf(workspace);
  return share;
}

bool Autoscaler::MayStart(const Function& function) const {
  return scheduler::MayStart(ShareOf(function.workspace), DemandOf(function));
}

// Starts containers one after another, each for whoever has the fairest claim to it.
void Autoscaler::Share(const std::vector<std::shared_ptr<Function>>& functions) {
  std::vector<scheduler::StartClaim> claims;
  std::vector<scheduler::WorkspaceShare> shares;
  std::map<std::string, size_t> numbers;  // of workspaces
  for (const auto& function : functions) {
    const auto [number, is_new] = numbers.emplace(function->workspace, shares.size());
    if (is_new) shares.push_back(ShareOf(function->workspace));
    claims.push_back({.workspace = number->second,
                      .containers = static_cast<uint32_t>(function->containers.size()),
                      .each = DemandOf(*function),
                      .wanted = Wanted(function)});
  }
  std::vector<bool> is_served(claims.size());
  while (const auto next = scheduler::NextStart(claims, shares)) {
    auto& claim = claims[*next];
    if (!StartOne(functions[*next])) {
      claim.wanted = 0;
      continue;
    }
    claim.wanted--;
    is_served[*next] = claim.wanted == 0;
    claim.containers++;
    shares[claim.workspace].Add(claim.each);
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    if (claims[i].wanted > 0) WaitForWorkspace(functions[i]);
    if (is_served[i]) EndStarvation(*functions[i]);
  }
}

void Autoscaler::YieldToOthers(Container& container) {
  if (starved_.empty() || container.state != Container::State::kReady) return;
  const Function& owner = *container.function;
  if (LoadOf(owner, clock_.Now()).ready <= owner.spec.function().min_containers()) return;
  container.yielded = std::ranges::any_of(starved_, [&](const auto& waiting) {
    return waiting.get() != &owner && waiting->queued > 0 && ShouldYield(container, *waiting);
  });
}

bool Autoscaler::ShouldYield(Container& container, const Function& waiting) const {
  const Function& owner = *container.function;
  const bool same_workspace = waiting.workspace == owner.workspace;
  const bool is_full = waiting.starvation == Starvation::kWorkspaceFull;
  if (waiting.starvation == Starvation::kNoWorker || (is_full && !same_workspace)) return false;
  scheduler::Holding mine, theirs;
  containers_.ForEach([&](const Container& other) {
    const bool leaves = other.yielded || other.state == Container::State::kStopping;
    const bool comes = leaves && (!is_full || other.function->workspace == waiting.workspace);
    mine.of_workspace += !leaves && other.function->workspace == owner.workspace ? 1 : 0;
    mine.of_function += !leaves && other.function.get() == &owner ? 1 : 0;
    theirs.of_workspace += comes || other.function->workspace == waiting.workspace ? 1 : 0;
    theirs.of_function += comes || other.function.get() == &waiting ? 1 : 0;
  });
  if (!scheduler::ShouldYield(mine, theirs, same_workspace)) return false;
  const auto state = std::exchange(container.state, Container::State::kStopping);
  const bool fits = FindRoom(waiting, workers_.Connected(), true) != nullptr;
  container.state = state;
  return fits;
}

// Its workspace has as much as it may. An idle container of another function makes room, unless one stops already.
void Autoscaler::WaitForWorkspace(const std::shared_ptr<Function>& function) {
  Starve(function, Starvation::kWorkspaceFull);
  const auto containers = containers_.In(function->workspace);
  const auto stops = [](const Container* container) { return container->state == Container::State::kStopping; };
  if (std::ranges::any_of(containers, stops)) return;
  Container* idle = nullptr;
  for (Container* container : containers) {
    if (container->function == function || !Expendable(*container)) continue;
    if (!idle || container->idle_since < idle->idle_since) idle = container;
  }
  if (idle) Stop(*idle, "its workspace needed the room for another function", timings_.stop_grace);
}

}  // namespace burrow::control
