// What has room of a workspace beside the containers of functions: shells, build steps and templates. Each counts as a
// container.
// Those that their workspace may not have yet wait, and get their turn between its functions (`autoscaling.h`).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "control/workspaces.h"
#include "scheduler/fair_share.h"

namespace burrow::control {

class Guests;

// One of them, from when it asks for room until it leaves. Loop's thread only; may outlive the table.
class Guest {
 public:
  Guest(std::weak_ptr<Guests> table, std::string of_workspace, const scheduler::Demand& reserved, SteadyTime asked)
      : workspace(std::move(of_workspace)), demand(reserved), since(asked), table_(std::move(table)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest();

  const std::string workspace;
  const scheduler::Demand demand;
  const SteadyTime since;
  bool has_room = false;
  bool is_template = false;
  std::function<void()> on_room;  // called once when it gets room later than at once

 private:
  std::weak_ptr<Guests> table_;
};

// Loop's thread only. Held by a shared_ptr, so that a request that is destroyed after it does not ask for it.
class Guests : public std::enable_shared_from_this<Guests> {
 public:
  Guests(const Clock& clock, const WorkspaceTable& workspaces) : clock_(clock), workspaces_(workspaces) {}

  // Room is to be shared anew: somebody asks for some, or left.
  std::function<void()> share_room;

  // What one reserves that asks for nothing itself: a core and a GiB, or all of the workspace where that is less.
  scheduler::Demand UsualDemand(const std::string& workspace) const;
  // Asks for room, which it may have at once. kResourceExhausted where the workspace could never have as much.
  Result<std::shared_ptr<Guest>> Enter(const std::string& workspace, const scheduler::Demand& demand);
  // With room: it has it, whatever the workspace may have.
  std::shared_ptr<Guest> Admit(const std::string& workspace, const scheduler::Demand& demand);
  // What one waits for, and why it has not got it within `waited`.
  std::string WaitsFor(const Guest& guest) const;
  Error Refusal(const Guest& guest, Millis waited) const;

  // Those that wait, longest first.
  std::vector<std::shared_ptr<Guest>> Waiting() const;
  const Guest* FirstWaiting(const std::string& workspace) const;  // null: none
  bool anyone_waits() const;
  // Adds those that have room.
  void AddTo(scheduler::WorkspaceShare& share, const std::string& workspace) const;
  uint32_t CountIn(const std::string& workspace) const;  // shells and build steps with room

 private:
  friend class Guest;
  std::shared_ptr<Guest> Add(const std::string& workspace, const scheduler::Demand& demand);
  void Leave(const Guest& guest);
  std::string DescribeBounds(const std::string& workspace) const;

  const Clock& clock_;
  const WorkspaceTable& workspaces_;
  std::vector<std::pair<const Guest*, std::weak_ptr<Guest>>> guests_;  // in the order in which they came
};

}  // namespace burrow::control
