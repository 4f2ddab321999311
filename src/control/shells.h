// Shells that are open: what their workers say, kept for who follows them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "control/guests.h"
#include "control/workers.h"
#include "net/event.h"

namespace burrow::control {

// One shell, from StartShell until its stream has ended.
struct OpenShell {
  OpenShell(net::IoContext& io, std::string of_workspace, Worker* on)
      : id(ShellId::New()), workspace(std::move(of_workspace)), worker(on), changed(io) {}

  const ShellId id;
  const std::string workspace;        // of who opened it
  std::vector<std::string> heads;     // of the volumes that it has mounted: digests of indexes, hex
  Worker* worker;                     // null once it has ended
  scheduler::Demand demand;           // what it reserves there
  std::shared_ptr<Guest> room;        // of its workspace, until it has ended
  std::deque<pb::ShellEvent> events;  // output that the stream has not taken
  uint64_t sent = 0;                  // bytes of output that came
  uint64_t received = 0;              // bytes of input, from the client
  uint64_t taken = 0;                 // and those of them that the command has
  bool input_ended = false;
  std::optional<Result<pb::ShellExit>> outcome;
  net::Event changed;  // events, outcome, or room for input
};

// Loop's thread only. Held by a shared_ptr, so that a request that is destroyed after it does not ask for it.
class Shells : public std::enable_shared_from_this<Shells> {
 public:
  Shells(net::IoContext& io, WorkerPool& workers) : io_(io), workers_(workers) {}

  // On the connected worker with room that has the least to do, or the one with the most memory left where none has:
  // a shell is never refused for what is only promised to others. kUnavailable where none is connected,
  // kResourceExhausted where too many are open. `start` lacks its id and its memory; `room` is the shell's.
  Result<std::shared_ptr<OpenShell>> Start(std::shared_ptr<Guest> room, lpb::StartShell start);
  // On the worker of the container that it names, whose room it shares.
  Result<std::shared_ptr<OpenShell>> StartIn(Worker& worker, const std::string& workspace, lpb::StartShell start);
  std::shared_ptr<OpenShell> Find(const std::string& workspace, const std::string& id) const;
  // Takes what there is room for; `input` has its id.
  void SendInput(OpenShell& shell, lpb::ShellInput input) const;
  // Forgets it, and ends it where it runs.
  void Close(OpenShell& shell);

  std::vector<std::string> VolumeHeads() const;  // of all that are open

  void OnOutput(Worker& worker, lpb::ShellOutput output);
  void OnEnded(Worker& worker, const lpb::ShellEnded& ended);
  // No shell outlives its worker's connection.
  void OnConnectionLost(Worker& worker);

 private:
  Result<std::shared_ptr<OpenShell>> StartOn(Worker& worker, const std::string& workspace, lpb::StartShell start,
                                             std::shared_ptr<Guest> room);
  OpenShell* FindAt(Worker& worker, const std::string& id) const;
  void End(OpenShell& shell, Result<pb::ShellExit> outcome) const;
  void SayClose(Worker& worker, const std::string& id) const;

  net::IoContext& io_;
  WorkerPool& workers_;
  std::map<std::string, std::shared_ptr<OpenShell>> shells_;  // by id
};

}  // namespace burrow::control
