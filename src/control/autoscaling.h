// Starts and stops containers: asks the scheduler how many a function should have and where they go, at each event.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "control/containers.h"
#include "control/failures.h"
#include "control/functions.h"
#include "control/guests.h"
#include "control/limits.h"
#include "control/templates.h"
#include "control/workers.h"
#include "control/workspaces.h"
#include "scheduler/fair_share.h"

namespace burrow::control {

// Loop's thread only.
class Autoscaler {
 public:
  Autoscaler(const Clock& clock, const Timings& timings, const WorkspaceTable& workspaces, WorkerPool& workers,
             ContainerTable& containers, Guests& guests, Templates& templates)
      : clock_(clock),
        timings_(timings),
        workspaces_(workspaces),
        workers_(workers),
        containers_(containers),
        guests_(guests),
        templates_(templates) {}

  // Ends every call of the function that waits; set once by the dispatcher.
  std::function<void(Function&, const Failure&)> fail_waiting;
  // Fills in what goes with a start beside the specification. May be absent.
  std::function<void(const Function&, lpb::StartContainer&)> prepare_start;
  // Says why no container of the function may start now. May be absent.
  std::function<Status(const Function&)> check_start;

  // Starts what the function lacks, unless others that wait for room have fewer containers. To be called at every event
  // that may ask for more.
  void Adjust(const std::shared_ptr<Function>& function);
  // Sees to a container for calls to come: one that idles begins its window anew; where there is none, one is started
  // if a worker has room for it at once.
  void Warm(const std::shared_ptr<Function>& function);
  // A container has no call: it stops once its window has passed.
  void NoteIdle(Container& container);
  // Its container takes no further call where others that wait for its room have fewer containers.
  void YieldToOthers(Container& container);
  // Asks the worker to stop it; the container leaves when the worker says that it has stopped.
  void Stop(Container& container, const std::string& reason, Millis grace);
  // The function's bounds have changed: starts and idle times are looked at anew.
  void Reconsider(const std::shared_ptr<Function>& function);
  // The function's app stops: nothing is started for it any more.
  void Forget(Function& function);
  // Stops the containers that run an older spec, unless calls are in them.
  void Retire(Function& function);
  // A container could not be started, through no fault of the function's.
  void NoteFailedStart(const std::shared_ptr<Function>& function, const std::string& sentence);
  // Somebody left room, a guest asks for some, or a worker came: it is shared between those that wait for it.
  void NoteRoom();
  // Whether the workspace may have one container more, and nobody waits for memory of its or of a worker.
  bool HasSpareRoom(const std::string& workspace, const scheduler::Demand& demand) const;
  // What the workspace has of all that it may.
  scheduler::WorkspaceShare ShareOf(const std::string& workspace) const;
  // From now on nothing is started.
  void Close() { closed_ = true; }

 private:
  // Who wants room: a function or a guest.
  struct Seeker {
    std::shared_ptr<Function> function;
    std::shared_ptr<Guest> guest;
    std::pair<SteadyTime, size_t> since;  // and its place among those of one moment
  };
  bool MayStart(const Function& function) const;  // as far as its workspace is concerned
  Status CheckStart(const Function& function) const;
  uint32_t Wanted(const std::shared_ptr<Function>& function);
  void Share(const std::vector<std::shared_ptr<Function>>& functions);
  std::vector<Seeker> SeekersWith(const std::vector<std::shared_ptr<Function>>& functions) const;
  scheduler::StartClaim ClaimOf(const Seeker& seeker, size_t workspace);
  bool Serve(const Seeker& seeker);
  static void CountOne(const std::vector<Seeker>& seekers, std::vector<scheduler::StartClaim>& claims, size_t served);
  bool ShouldYield(Container& container, const Function& waiting) const;
  bool ShouldYieldToGuest(const Container& container) const;
  void WaitForWorkspace(const std::shared_ptr<Function>& function);
  void FreeInWorkspace(const std::string& workspace, const Function* but);
  bool StartOne(const std::shared_ptr<Function>& function);
  void StartOn(const std::shared_ptr<Function>& function, Worker& worker, SteadyTime decided);
  void SendStart(Container& container);
  Worker* FindRoom(const Function& function, const std::vector<Worker*>& connected, bool as_if_stopped) const;
  // Whether memory is what it lacks, where it lacks room: a template that ends frees no core.
  bool WaitsForMemory(const Function& function) const;
  bool MakeRoom(const Function& function, const std::vector<Worker*>& connected);
  bool Expendable(const Container& container) const;
  void Starve(const std::shared_ptr<Function>& function, Starvation why);
  void EndStarvation(Function& function);
  void OnStarved(const std::shared_ptr<Function>& function);
  void OnIdleTimer(Container& container);

  const Clock& clock_;
  const Timings& timings_;
  const WorkspaceTable& workspaces_;
  WorkerPool& workers_;
  ContainerTable& containers_;
  Guests& guests_;
  Templates& templates_;
  std::vector<std::shared_ptr<Function>> starved_;  // in the order in which they came to be
  bool closed_ = false;
};

}  // namespace burrow::control
