// The templates of workers: processes of functions that containers are forked from. Each counts as a container of its
// workspace, and with its function's memory on its worker, which asks before it makes one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/apps.h"
#include "control/guests.h"
#include "control/messages.h"
#include "control/workers.h"

namespace burrow::control {

// Loop's thread only.
class Templates {
 public:
  Templates(const AppTable& apps, Guests& guests) : apps_(apps), guests_(guests) {}

  // Whether the workspace may have one more, and nobody waits for the room. Set once.
  std::function<bool(const std::string& workspace, const scheduler::Demand& demand)> may_have;

  void OnUpdate(Worker& worker, const lpb::TemplateUpdate& update);
  void OnWorkerJoined(Worker& worker, const lpb::Hello& hello);
  void OnWorkerLost(Worker& worker);

  // Has one given up that no container comes from; false: there is none. Its room is free once its worker says so.
  bool GiveUpIn(const std::string& workspace);
  bool GiveUpOn(const std::vector<Worker*>& workers);
  // Of the function, those that containers come from: they cannot be given up.
  uint32_t InUseOf(const Function& function) const;
  // Whether room of the workspace comes from one that was given up.
  bool AnyLeaves(const std::string& workspace) const;

 private:
  struct Held {
    Worker* worker = nullptr;
    FunctionId function;
    std::shared_ptr<Guest> room;
    bool in_use = false;
    bool leaves = false;
    // Whether its room comes soon: one that was given up while a container came from it ends with that one.
    bool frees() const { return leaves && !in_use; }
  };
  void SetUse(Held& held, bool in_use, bool leaves);
  bool MayWarm(const Worker& worker, const Function& function) const;
  void Hold(Worker& worker, const Function& function, const lpb::TemplateUpdate& update);
  void Drop(const std::string& id);
  bool GiveUpFirst(const std::function<bool(const Held&)>& wanted);

  const AppTable& apps_;
  Guests& guests_;
  std::map<std::string, Held> held_;  // by id
};

}  // namespace burrow::control
