// Build steps that run on workers. Each step runs once however many builds wait for it, and ends when none does.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "control/guests.h"
#include "control/limits.h"
#include "control/step_cache.h"
#include "control/workers.h"
#include "net/event.h"

namespace burrow::control {

// One step while it runs, and its outcome.
struct StepRun {
  StepRun(net::IoContext& io, StepId step_id, std::string step_key)
      : id(std::move(step_id)), key(std::move(step_key)), changed(io) {}

  const StepId id;
  const std::string key;  // of the cache
  lpb::BuildStep work;
  unsigned waiters = 0;
  unsigned attempts = 0;
  std::shared_ptr<Guest> room;  // of its workspace, until it has ended; a base needs none, since it is everybody's
  Worker* worker = nullptr;     // that it runs on now
  SteadyTime deadline{};        // none while it waits for its turn there
  std::string waits_for;        // empty while it runs
  bool recording = false;       // done; its image is being stored

  std::deque<std::string> lines;  // the last ones that it printed
  uint64_t first_line = 0;        // number of lines.front()
  size_t line_bytes = 0;
  std::optional<Result<BuiltTree>> outcome;
  std::optional<BuiltTree> left;  // of a step that failed: its filesystem as it was then
  // A process of the step speaks to its ssh agent. Whoever set this takes it away when it leaves.
  std::function<void(const lpb::AgentRequest&)> on_agent;
  net::Event changed;  // lines, waits_for or outcome
};

// Loop's thread only. Held by a shared_ptr, so that a request that is destroyed after it does not ask for it.
class Builds : public std::enable_shared_from_this<Builds> {
 public:
  Builds(net::IoContext& io, const Clock& clock, const Timings& timings, WorkerPool& workers, Guests& guests,
         StepCache& cache)
      : io_(io), clock_(clock), timings_(timings), workers_(workers), guests_(guests), cache_(cache) {}

  // A wait for one step. While one of these lives, the step goes on.
  class Wait {
   public:
    Wait(Builds& builds, std::shared_ptr<StepRun> run) : builds_(builds.weak_from_this()), run_(std::move(run)) {
      run_->waiters++;
    }
    ~Wait() {
      auto builds = builds_.lock();
      if (--run_->waiters == 0 && builds) builds->Abandon(*run_);
    }
    Wait(const Wait&) = delete;
    StepRun& run() { return *run_; }

   private:
    std::weak_ptr<Builds> builds_;
    std::shared_ptr<StepRun> run_;
  };

  enum class Sharing {
    kShared,  // with who waits for the same key already
    kOwn,     // a run of its own
  };
  // Joins the run of the same key that may take as long as this step or longer, or begins one, which those who come
  // later join: nobody's step ends before its own bound, and who asked for less time may wait for longer. `work` lacks
  // its id.
  std::shared_ptr<StepRun> Join(const std::string& key, lpb::BuildStep work, Sharing sharing);
  // Heads of volumes that steps may have mounted: digests of indexes, hex.
  std::vector<std::string> VolumeHeads() const;
  // What the client's agent says to a process of the step.
  void AnswerAgent(const StepRun& run, const std::string& connection, const std::string& message) const;

  void OnAgent(const lpb::AgentRequest& request);
  void OnOutput(const lpb::StepOutput& output);
  void OnWait(Worker& worker, const lpb::StepWait& wait);
  void OnDone(Worker& worker, const lpb::StepDone& done);
  void OnWorkerJoined();
  // After a reconnect: what may have been lost on the way is said again.
  void OnWorkerSettled(Worker& worker);
  void OnWorkerLost(Worker& worker);
  void Sweep();

 private:
  bool MayJoin(const StepRun& running, const lpb::BuildStep& work) const;
  void EnterWorkspace(const std::shared_ptr<StepRun>& run);
  Error WhyNotBegun(const StepRun& run) const;
  void Assign(const std::shared_ptr<StepRun>& run);
  void AwaitWorker(StepRun& run) const;
  void SendBuild(const StepRun& run) const;
  void CancelOnWorker(const StepRun& run) const;
  void Abandon(StepRun& run);
  void Leave(StepRun& run);
  void End(const std::shared_ptr<StepRun>& run, Result<BuiltTree> outcome);
  void Record(const std::shared_ptr<StepRun>& run, const lpb::StepDone& done);
  BuiltTree TreeOf(const lpb::StepDone& done) const;

  net::IoContext& io_;
  const Clock& clock_;
  const Timings& timings_;
  WorkerPool& workers_;
  Guests& guests_;
  StepCache& cache_;
  std::map<std::string, std::shared_ptr<StepRun>> by_id_;   // those that run
  std::map<std::string, std::shared_ptr<StepRun>> by_key_;  // those that others may join
};

}  // namespace burrow::control
