#include "control/builds.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "builder/step_limit.h"

namespace burrow::control {
namespace {

// More than one message of a worker has: followers miss none.
constexpr size_t kMaxLines = 50'000;
constexpr size_t kMaxLineBytes = 16u << 20;
constexpr unsigned kMaxAttempts = 3;
constexpr size_t kMaxWaitText = 1'000;

// A function's own, where it is one.
scheduler::Demand DemandOf(const lpb::BuildStep& work, const Guests& guests) {
  scheduler::Demand demand = guests.UsualDemand(work.workspace());
  const auto& resources = work.step().run_function().function().resources();
  if (resources.cpu() > 0) demand.cpus = resources.cpu();
  if (resources.memory_mib() > 0) demand.memory = uint64_t{resources.memory_mib()} << 20;
  return demand;
}

}  // namespace

std::shared_ptr<StepRun> Builds::Join(const std::string& key, lpb::BuildStep work, Sharing sharing) {
  auto running = by_key_.find(key);
  const bool is_joined = running != by_key_.end() && sharing == Sharing::kShared && MayJoin(*running->second, work);
  if (is_joined) return running->second;
  auto run = std::make_shared<StepRun>(io_, StepId::New(), key);
  run->work = std::move(work);
  run->work.set_step_id(run->id.str());
  by_id_[run->id.str()] = run;
  if (sharing == Sharing::kShared) by_key_[key] = run;
  EnterWorkspace(run);
  return run;
}

// Nobody waits for the room of another workspace.
bool Builds::MayJoin(const StepRun& running, const lpb::BuildStep& work) const {
  const bool has_room = !running.room || running.room->has_room;
  return (has_room || running.work.workspace() == work.workspace()) &&
         builder::StepLimit(running.work) >= builder::StepLimit(work);
}

// It goes to a worker as soon as its workspace may have one container more.
void Builds::EnterWorkspace(const std::shared_ptr<StepRun>& run) {
  if (!run->work.step().has_base()) {
    auto room = guests_.Enter(run->work.workspace(), DemandOf(run->work, guests_));
    if (!room) return End(run, Forward(room.error()));
    run->room = std::move(*room);
    if (!run->room->has_room) {
      run->deadline = clock_.Now() + timings_.no_room;
      run->waits_for = guests_.WaitsFor(*run->room);
      run->room->on_room = [builds = weak_from_this(), weak = std::weak_ptr(run)] {
        auto self = builds.lock();
        auto admitted = weak.lock();
        if (!self || !admitted || admitted->outcome) return;
        self->AwaitWorker(*admitted);
        admitted->changed.Notify();
        self->Assign(admitted);
      };
      return;
    }
  }
  AwaitWorker(*run);
  Assign(run);
}

void Builds::AwaitWorker(StepRun& run) const {
  run.deadline = clock_.Now() + timings_.no_worker;
  run.waits_for = "a worker";
}

// Without a worker the run waits for one, until its deadline. On a worker its time counts from its beginning: a worker
// that is lost before is seen by its link.
void Builds::Assign(const std::shared_ptr<StepRun>& run) {
  auto connected = workers_.Connected();
  if (connected.empty()) return;
  run->worker = *std::ranges::min_element(connected, {}, [](const Worker* worker) { return worker->builds; });
  run->worker->builds++;
  run->attempts++;
  run->deadline = SteadyTime::max();
  run->waits_for.clear();
  run->changed.Notify();
  SendBuild(*run);
}

void Builds::OnWait(Worker& worker, const lpb::StepWait& wait) {
  auto found = by_id_.find(wait.step_id());
  if (found == by_id_.end() || found->second->worker != &worker) return;
  StepRun& run = *found->second;
  run.waits_for = wait.waits_for().size() > kMaxWaitText ? "its worker" : wait.waits_for();
  if (run.waits_for.empty() && run.deadline == SteadyTime::max())
    run.deadline = clock_.Now() + builder::StepLimit(run.work) + timings_.overdue_step;
  run.changed.Notify();
}

std::vector<std::string> Builds::VolumeHeads() const {
  std::vector<std::string> heads;
  for (const auto& [id, run] : by_id_) {
    for (const auto& volume : run->work.volumes()) heads.push_back(volume.index_digest());
  }
  return heads;
}

void Builds::SendBuild(const StepRun& run) const {
  lpb::FromControl message;
  *message.mutable_build() = run.work;
  run.worker->Send(message);
}

void Builds::AnswerAgent(const StepRun& run, const std::string& connection, const std::string& message) const {
  if (!run.worker) return;
  lpb::FromControl answer;
  answer.mutable_agent_answer()->set_step_id(run.id.str());
  answer.mutable_agent_answer()->set_connection(connection);
  answer.mutable_agent_answer()->set_message(message);
  run.worker->Send(answer);
}

void Builds::OnAgent(const lpb::AgentRequest& request) {
  auto found = by_id_.find(request.step_id());
  if (found == by_id_.end()) return;
  StepRun& run = *found->second;
  if (run.on_agent) return run.on_agent(request);
  AnswerAgent(run, request.connection(), {});
}

void Builds::OnOutput(const lpb::StepOutput& output) {
  auto found = by_id_.find(output.step_id());
  if (found == by_id_.end()) return;
  StepRun& run = *found->second;
  for (const auto& line : output.lines()) {
    run.line_bytes += line.size();
    run.lines.push_back(line);
  }
  while (run.lines.size() > kMaxLines || run.line_bytes > kMaxLineBytes) {
    run.line_bytes -= run.lines.front().size();
    run.lines.pop_front();
    run.first_line++;
  }
  run.changed.Notify();
}

void Builds::OnDone(Worker& worker, const lpb::StepDone& done) {
  auto found = by_id_.find(done.step_id());
  if (found == by_id_.end() || found->second->worker != &worker) return;
  auto run = found->second;
  Leave(*run);
  run->recording = true;
  run->room.reset();
  if (done.error().empty()) return Record(run, done);
  if (done.has_image()) run->left = TreeOf(done);
  End(run, Fail(Code::kFailedPrecondition, "{}", done.error()));
}

BuiltTree Builds::TreeOf(const lpb::StepDone& done) const {
  return {.image = done.image(), .files = done.files(), .bytes = done.bytes(), .created_ms = clock_.UnixMillis()};
}

void Builds::Record(const std::shared_ptr<StepRun>& run, const lpb::StepDone& done) {
  BuiltTree built = TreeOf(done);
  cache_.Put(run->key, built, [this, run, built](const Status& status) {
    if (!status) return End(run, Forward(status.error()));
    End(run, built);
  });
}

void Builds::End(const std::shared_ptr<StepRun>& run, Result<BuiltTree> outcome) {
  Leave(*run);
  by_id_.erase(run->id.str());
  if (auto found = by_key_.find(run->key); found != by_key_.end() && found->second == run) by_key_.erase(found);
  run->work.clear_secret_environment();
  run->outcome = std::move(outcome);
  run->changed.Notify();
  run->room.reset();
}

void Builds::Leave(StepRun& run) {
  if (run.worker) run.worker->builds--;
  run.worker = nullptr;
}

void Builds::Abandon(StepRun& run) {
  if (run.outcome || run.recording) return;
  auto found = by_id_.find(run.id.str());
  if (found == by_id_.end()) return;
  auto kept = found->second;
  if (run.worker) CancelOnWorker(run);
  End(kept, Fail(Code::kCancelled, "the build was cancelled"));
}

void Builds::CancelOnWorker(const StepRun& run) const {
  lpb::FromControl message;
  message.mutable_cancel_step()->set_step_id(run.id.str());
  run.worker->Send(message);
}

void Builds::OnWorkerJoined() {
  auto runs = by_id_;
  for (const auto& [id, run] : runs) {
    const bool has_room = !run->room || run->room->has_room;
    if (has_room && !run->worker && !run->recording) Assign(run);
  }
}

void Builds::OnWorkerSettled(Worker& worker) {
  for (const auto& [id, run] : by_id_) {
    if (run->worker == &worker) SendBuild(*run);
  }
}

void Builds::OnWorkerLost(Worker& worker) {
  auto runs = by_id_;
  for (const auto& [id, run] : runs) {
    if (run->worker != &worker) continue;
    Leave(*run);
    if (run->attempts >= kMaxAttempts) {
      End(run, Fail(Code::kUnavailable, "its worker was lost {} times: look at the workers' logs", run->attempts));
      continue;
    }
    AwaitWorker(*run);
    run->changed.Notify();
    Assign(run);
  }
}

void Builds::Sweep() {
  auto runs = by_id_;
  for (const auto& [id, run] : runs) {
    if (clock_.Now() < run->deadline || run->recording) continue;
    if (run->worker) {
      CancelOnWorker(*run);
      End(run, Fail(Code::kDeadlineExceeded, "{}", builder::DescribeOverrun(run->work)));
    } else {
      End(run, std::unexpected(WhyNotBegun(*run)));
    }
  }
}

Error Builds::WhyNotBegun(const StepRun& run) const {
  if (run.room && !run.room->has_room) return guests_.Refusal(*run.room, timings_.no_room);
  return {Code::kUnavailable,
          fmt::format("no worker was connected for {:g} s: start one with `burrowd worker`, or `burrowd up` on this "
                      "machine",
                      Seconds(timings_.no_worker))};
}

}  // namespace burrow::control
