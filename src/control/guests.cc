#include "control/guests.h"

#include <algorithm>
#include <utility>

#include "control/limits.h"

namespace burrow::control {

Guest::~Guest() {
  if (auto table = table_.lock()) table->Leave(*this);
}

scheduler::Demand Guests::UsualDemand(const std::string& workspace) const {
  return scheduler::Within({.cpus = kGuestCpus, .memory = kGuestMemory}, workspaces_.BoundsOf(workspace));
}

Result<std::shared_ptr<Guest>> Guests::Enter(const std::string& workspace, const scheduler::Demand& demand) {
  if (!scheduler::MayStart({.bounds = workspaces_.BoundsOf(workspace)}, demand)) {
    return Fail(Code::kResourceExhausted,
                "it reserves {:g} CPUs and {} MiB, and the workspace '{}' may have {}: ask for less, or have an admin "
                "raise it (`burrow workspace update`)",
                demand.cpus, demand.memory >> 20, workspace, DescribeBounds(workspace));
  }
  auto guest = Add(workspace, demand);
  if (share_room) share_room();
  return guest;
}

void Guests::Leave(const Guest& guest) {
  std::erase_if(guests_, [&](const auto& entry) { return entry.first == &guest; });
  if (share_room) share_room();
}

std::string Guests::WaitsFor(const Guest& guest) const {
  return fmt::format("room: the workspace '{}' has the {} that it may", guest.workspace,
                     DescribeBounds(guest.workspace));
}

Error Guests::Refusal(const Guest& guest, Millis waited) const {
  return Error(
      Code::kResourceExhausted,
      fmt::format("the workspace '{}' had no room for it for {:g} s, since it may have {}: stop apps, shells or "
                  "builds of it (`burrow ps`), or have an admin raise it (`burrow workspace update`)",
                  guest.workspace, Seconds(waited), DescribeBounds(guest.workspace)));
}

std::string Guests::DescribeBounds(const std::string& workspace) const {
  const auto bounds = workspaces_.BoundsOf(workspace);
  std::vector<std::string> parts;
  if (bounds.containers > 0)
    parts.push_back(fmt::format("{} container{}", bounds.containers, bounds.containers == 1 ? "" : "s"));
  if (bounds.cpus > 0) parts.push_back(fmt::format("{:g} CPUs", bounds.cpus));
  if (bounds.memory > 0) parts.push_back(fmt::format("{} MiB", bounds.memory >> 20));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::shared_ptr<Guest>> Guests::Waiting() const {
  std::vector<std::shared_ptr<Guest>> waiting;
  for (const auto& [guest, held] : guests_) {
    if (!guest->has_room) waiting.push_back(held.lock());
  }
  return waiting;
}

const Guest* Guests::FirstWaiting(const std::string& workspace) const {
  const auto waits = [&](const auto& entry) { return !entry.first->has_room && entry.first->workspace == workspace; };
  const auto found = std::ranges::find_if(guests_, waits);
  return found == guests_.end() ? nullptr : found->first;
}

bool Guests::anyone_waits() const {
  return std::ranges::any_of(guests_, [](const auto& entry) { return !entry.first->has_room; });
}

void Guests::AddTo(scheduler::WorkspaceShare& share, const std::string& workspace) const {
  for (const auto& [guest, held] : guests_) {
    if (guest->has_room && guest->workspace == workspace) share.Add(guest->demand);
  }
}

uint32_t Guests::CountIn(const std::string& workspace) const {
  return static_cast<uint32_t>(std::ranges::count_if(guests_, [&](const auto& entry) {
    const Guest& guest = *entry.first;
    return guest.has_room && !guest.is_template && guest.workspace == workspace;
  }));
}

std::shared_ptr<Guest> Guests::Admit(const std::string& workspace, const scheduler::Demand& demand) {
  auto guest = Add(workspace, demand);
  guest->has_room = true;
  return guest;
}

std::shared_ptr<Guest> Guests::Add(const std::string& workspace, const scheduler::Demand& demand) {
  auto guest = std::make_shared<Guest>(weak_from_this(), workspace, demand, clock_.Now());
  guests_.emplace_back(guest.get(), guest);
  return guest;
}

}  // namespace burrow::control
