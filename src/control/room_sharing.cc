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
  guests_.AddTo(share, workspace);
  share.bounds = workspaces_.BoundsOf(workspace);
  return share;
}

bool Autoscaler::HasSpareRoom(const std::string& workspace, const scheduler::Demand& demand) const {
  const auto waits_for_it = [&](const std::shared_ptr<Function>& function) {
    const bool is_full = function->starvation == Starvation::kWorkspaceFull;
    return is_full ? function->workspace == workspace : WaitsForMemory(*function);
  };
  return std::ranges::none_of(starved_, waits_for_it) && !guests_.anyone_waits() &&
         scheduler::MayStart(ShareOf(workspace), demand);
}

bool Autoscaler::MayStart(const Function& function) const {
  return scheduler::MayStart(ShareOf(function.workspace), DemandOf(function));
}

std::vector<Autoscaler::Seeker> Autoscaler::SeekersWith(const std::vector<std::shared_ptr<Function>>& functions) const {
  std::vector<Seeker> seekers;
  for (const auto& function : functions) {
    const bool waits = function->starvation != Starvation::kNone;
    seekers.push_back({function, nullptr, {waits ? function->starved_since : clock_.Now(), seekers.size()}});
  }
  for (auto& guest : guests_.Waiting()) {
    const SteadyTime since = guest->since;
    seekers.push_back({nullptr, std::move(guest), {since, seekers.size()}});
  }
  std::ranges::sort(seekers, {}, &Seeker::since);
  return seekers;
}

// All guests of a workspace count as one function.
scheduler::StartClaim Autoscaler::ClaimOf(const Seeker& seeker, size_t workspace) {
  if (seeker.guest) {
    return {.workspace = workspace,
            .containers = guests_.CountIn(seeker.guest->workspace),
            .each = seeker.guest->demand,
            .wanted = closed_ ? 0u : 1u};
  }
  return {.workspace = workspace,
          .containers = static_cast<uint32_t>(seeker.function->containers.size()),
          .each = DemandOf(*seeker.function),
          .wanted = Wanted(seeker.function)};
}

bool Autoscaler::Serve(const Seeker& seeker) {
  if (!seeker.guest) return StartOne(seeker.function);
  seeker.guest->has_room = true;
  return true;
}

// All guests of a workspace count as one function, also for those of them that wait still.
void Autoscaler::CountOne(const std::vector<Seeker>& seekers, std::vector<scheduler::StartClaim>& claims,
                          size_t served) {
  if (!seekers[served].guest) {
    claims[served].containers++;
    return;
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    if (seekers[i].guest && claims[i].workspace == claims[served].workspace) claims[i].containers++;
  }
}

// Gives room to one after another, each time to whoever has the fairest claim to it.
void Autoscaler::Share(const std::vector<std::shared_ptr<Function>>& functions) {
  const auto seekers = SeekersWith(functions);
  std::vector<scheduler::StartClaim> claims;
  std::vector<scheduler::WorkspaceShare> shares;
  std::map<std::string, size_t> numbers;  // of workspaces
  for (const auto& seeker : seekers) {
    const auto& workspace = seeker.guest ? seeker.guest->workspace : seeker.function->workspace;
    const auto [number, is_new] = numbers.emplace(workspace, shares.size());
    if (is_new) shares.push_back(ShareOf(workspace));
    claims.push_back(ClaimOf(seeker, number->second));
  }
  std::vector<bool> is_served(claims.size());
  while (const auto next = scheduler::NextStart(claims, shares)) {
    auto& claim = claims[*next];
    if (!Serve(seekers[*next])) {
      claim.wanted = 0;
      continue;
    }
    claim.wanted--;
    is_served[*next] = claim.wanted == 0;
    CountOne(seekers, claims, *next);
    shares[claim.workspace].Add(claim.each);
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    const auto& [function, guest, since] = seekers[i];
    if (claims[i].wanted > 0) function ? WaitForWorkspace(function) : FreeInWorkspace(guest->workspace, nullptr);
    if (is_served[i] && function) EndStarvation(*function);
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    if (is_served[i] && seekers[i].guest && seekers[i].guest->on_room) seekers[i].guest->on_room();
  }
}

void Autoscaler::YieldToOthers(Container& container) {
  const Function& owner = *container.function;
  const bool is_asked = !starved_.empty() || guests_.FirstWaiting(owner.workspace);
  if (!is_asked || container.state != Container::State::kReady) return;
  if (LoadOf(owner, clock_.Now()).ready <= owner.spec.function().min_containers()) return;
  container.yielded = std::ranges::any_of(starved_, [&](const auto& waiting) {
    return waiting.get() != &owner && waiting->queued > 0 && ShouldYield(container, *waiting);
  });
  if (!container.yielded) container.yielded = ShouldYieldToGuest(container);
}

bool Autoscaler::ShouldYieldToGuest(const Container& container) const {
  const Function& owner = *container.function;
  if (!guests_.FirstWaiting(owner.workspace)) return false;
  scheduler::Holding mine{.of_function = templates_.InUseOf(owner)};
  scheduler::Holding theirs{.of_function = guests_.CountIn(owner.workspace)};
  for (const Container* other : containers_.In(owner.workspace)) {
    const bool leaves = other->yielded || other->state == Container::State::kStopping;
    mine.of_function += !leaves && other->function.get() == &owner ? 1 : 0;
    theirs.of_function += leaves ? 1 : 0;
  }
  return scheduler::ShouldYield(mine, theirs, true);
}

bool Autoscaler::ShouldYield(Container& container, const Function& waiting) const {
  const Function& owner = *container.function;
  const bool same_workspace = waiting.workspace == owner.workspace;
  const bool is_full = waiting.starvation == Starvation::kWorkspaceFull;
  if (waiting.starvation == Starvation::kNoWorker || (is_full && !same_workspace)) return false;
  // A template that containers come from takes the room of one, and its function's with them.
  const uint32_t in_use = is_full ? templates_.InUseOf(owner) : 0;
  scheduler::Holding mine{.of_workspace = in_use, .of_function = in_use}, theirs;
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

void Autoscaler::WaitForWorkspace(const std::shared_ptr<Function>& function) {
  Starve(function, Starvation::kWorkspaceFull);
  FreeInWorkspace(function->workspace, function.get());
}

// The workspace has as much as it may. A template makes room, or else an idle container of another function, unless one
// does already.
void Autoscaler::FreeInWorkspace(const std::string& workspace, const Function* but) {
  const auto containers = containers_.In(workspace);
  const auto stops = [](const Container* container) { return container->state == Container::State::kStopping; };
  if (std::ranges::any_of(containers, stops) || templates_.AnyLeaves(workspace)) return;
  if (templates_.GiveUpIn(workspace)) return;
  Container* idle = nullptr;
  for (Container* container : containers) {
    if (container->function.get() == but || !Expendable(*container)) continue;
    if (!idle || container->idle_since < idle->idle_since) idle = container;
  }
  if (idle) Stop(*idle, "its workspace needed the room for something else", timings_.stop_grace);
}

}  // namespace burrow::control
