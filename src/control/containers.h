// Containers by id: where each runs, what it is doing, and which calls are in it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "control/functions.h"
#include "control/messages.h"
#include "control/volume_mounts.h"
#include "scheduler/fair_share.h"

namespace burrow::control {

struct Worker;

struct Container {
  enum class State { kStarting, kReady, kStopping };

  Container(net::IoContext& io, ContainerId container_id) : id(std::move(container_id)), idle_timer(io) {}

  const ContainerId id;
  std::shared_ptr<Function> function;
  uint32_t generation = 0;   // of the function's spec that it runs
  Worker* worker = nullptr;  // outlives its containers
  scheduler::Demand demand;  // what it reserves there until it has stopped

  State state = State::kStarting;
  bool was_ready = false;
  bool fresh = false;                       // while its first calls are handed over
  bool reported = false;                    // in the inventory of the worker's last Hello
  std::deque<std::shared_ptr<Call>> calls;  // in order of dispatch: the first not done is the one that runs
  uint64_t calls_done = 0;
  bool used = false;     // a call was dispatched to it
  bool yielded = false;  // it goes when its calls have ended, since others have less
  std::vector<pb::Phase> phases;
  GivenHeads heads;  // of the volumes that it has
  double place_ms = 0;

  SteadyTime decided{}, ready_at{}, idle_since{};
  SteadyTime head_since{};  // when the first call came to be the first
  SteadyTime stop_by{};     // when a stopping one is given up
  uint64_t started_ms = 0;  // Unix time
  std::string stop_reason;
  Timer idle_timer;

  // Its call runs for so long that nobody knows when the ones behind it would get their turn.
  // Never where several calls run at once, since none is behind another.
  bool overdue(SteadyTime now) const {
    return !calls.empty() && now - head_since >= scheduler::kOverdueAfter && CallsAtOnce(*function) == 1;
  }
  // It takes one call and has had it, or is given up.
  bool spent() const { return yielded || (used && function->spec.function().single_use_containers()); }
  bool takes_calls() const { return state == State::kReady && generation == function->generation && !spent(); }
};

// Loop's thread only.
class ContainerTable {
 public:
  explicit ContainerTable(net::IoContext& io) : io_(io) {}

  // A starting container, entered with its function and its worker.
  Container& Add(const std::shared_ptr<Function>& function, Worker& worker);
  Container* Find(const std::string& workspace, const std::string& id) const;
  Container* Find(const std::string& id) const;  // of any workspace
  // Leaves its function and worker, and is destroyed.
  void Remove(Container& container);
  void ForEach(const std::function<void(const Container&)>& visit) const;  // in no order
  std::vector<Container*> All() const;                                     // in the order of their starts, as in In
  std::vector<Container*> In(const std::string& workspace) const;
  // What it has, until it has stopped; without bounds.
  scheduler::WorkspaceShare ShareOf(const std::string& workspace) const;
  size_t size() const { return containers_.size(); }

 private:
  net::IoContext& io_;
  std::unordered_map<std::string, std::unique_ptr<Container>> containers_;
};

pb::ContainerInfo Describe(const Container& container);

}  // namespace burrow::control
