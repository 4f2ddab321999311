#include "control/shells.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "control/limits.h"
#include "scheduler/placement.h"

namespace burrow::control {
namespace {

bool HasRoom(const Worker& worker, const scheduler::Demand& demand) {
  const scheduler::WorkerCapacity capacity{.cpus = worker.cpus,
                                           .reserved_cpus = worker.promised_cpus(),
                                           .memory = worker.memory,
                                           .reserved_memory = worker.promised_memory()};
  return scheduler::Place(demand, {&capacity, 1}).has_value();
}

// Smaller is better.
auto Score(const Worker* worker, const scheduler::Demand& demand) {
  const bool has_room = HasRoom(*worker, demand);
  const auto memory_left = static_cast<int64_t>(worker->memory) - static_cast<int64_t>(worker->promised_memory());
  const size_t load = worker->containers.size() + worker->builds + worker->shells;
  return std::tuple(!has_room, has_room ? load : 0, -memory_left);
}

}  // namespace

Result<std::shared_ptr<OpenShell>> Shells::Start(std::shared_ptr<Guest> room, lpb::StartShell start) {
  auto connected = workers_.Connected();
  if (connected.empty())
    return Fail(Code::kUnavailable,
                "no worker is connected: start one with `burrowd worker`, or `burrowd up` on this machine");
  const auto score = [&](const Worker* worker) { return Score(worker, room->demand); };
  Worker& worker = **std::ranges::min_element(connected, {}, score);
  const std::string workspace = room->workspace;
  return StartOn(worker, workspace, std::move(start), std::move(room));
}

Result<std::shared_ptr<OpenShell>> Shells::StartIn(Worker& worker, const std::string& workspace,
                                                   lpb::StartShell start) {
  return StartOn(worker, workspace, std::move(start), nullptr);
}

Result<std::shared_ptr<OpenShell>> Shells::StartOn(Worker& worker, const std::string& workspace, lpb::StartShell start,
                                                   std::shared_ptr<Guest> room) {
  if (shells_.size() >= kMaxShells)
    return Fail(Code::kResourceExhausted, "{} shells are open already: close one first", kMaxShells);
  auto shell = std::make_shared<OpenShell>(io_, workspace, &worker);
  for (const auto& volume : start.volumes()) shell->heads.push_back(volume.index_digest());
  shell->room = std::move(room);
  if (shell->room) shell->demand = shell->room->demand;
  worker.shells++;
  worker.shell_cpus += shell->demand.cpus;
  worker.shell_memory += shell->demand.memory;
  start.set_shell_id(shell->id.str());
  start.set_memory_bytes(shell->demand.memory);
  lpb::FromControl message;
  *message.mutable_start_shell() = std::move(start);
  shell->worker->Send(message);
  shells_[shell->id.str()] = shell;
  return shell;
}

std::shared_ptr<OpenShell> Shells::Find(const std::string& workspace, const std::string& id) const {
  auto found = shells_.find(id);
  return found == shells_.end() || found->second->workspace != workspace ? nullptr : found->second;
}

std::vector<std::string> Shells::VolumeHeads() const {
  std::vector<std::string> heads;
  for (const auto& [id, shell] : shells_) heads.insert(heads.end(), shell->heads.begin(), shell->heads.end());
  return heads;
}

void Shells::SendInput(OpenShell& shell, lpb::ShellInput input) const {
  if (!shell.worker) return;
  lpb::FromControl message;
  *message.mutable_shell_input() = std::move(input);
  shell.worker->Send(message);
}

void Shells::SayClose(Worker& worker, const std::string& id) const {
  lpb::FromControl message;
  message.mutable_close_shell()->set_shell_id(id);
  worker.Send(message);
}

void Shells::Close(OpenShell& shell) {
  if (shell.worker) SayClose(*shell.worker, shell.id.str());
  End(shell, Fail(Code::kCancelled, "the shell was closed"));
  shells_.erase(shell.id.str());
}

OpenShell* Shells::FindAt(Worker& worker, const std::string& id) const {
  auto found = shells_.find(id);
  return found != shells_.end() && found->second->worker == &worker ? found->second.get() : nullptr;
}

void Shells::OnOutput(Worker& worker, lpb::ShellOutput output) {
  OpenShell* shell = FindAt(worker, output.shell_id());
  if (!shell) return;
  shell->taken = std::clamp(output.input_taken(), shell->taken, shell->received);
  for (auto* bytes : {output.mutable_output(), output.mutable_error_output()}) {
    if (bytes->empty()) continue;
    shell->sent += bytes->size();
    pb::ShellEvent event;
    (bytes == output.mutable_output() ? event.mutable_output() : event.mutable_error_output())->swap(*bytes);
    shell->events.push_back(std::move(event));
  }
  shell->changed.Notify();
}

void Shells::OnEnded(Worker& worker, const lpb::ShellEnded& ended) {
  OpenShell* shell = FindAt(worker, ended.shell_id());
  if (!shell) return;
  if (!ended.error().empty()) return End(*shell, Fail(Code::kFailedPrecondition, "{}", ended.error()));
  End(*shell, ended.exit());
}

void Shells::OnConnectionLost(Worker& worker) {
  for (const auto& [id, shell] : shells_) {
    if (shell->worker != &worker) continue;
    End(*shell, Fail(Code::kUnavailable, "the connection to the shell's worker was lost, and the shell with it"));
  }
}

void Shells::End(OpenShell& shell, Result<pb::ShellExit> outcome) const {
  if (Worker* worker = std::exchange(shell.worker, nullptr)) {
    worker->shells--;
    worker->shell_cpus = worker->shells == 0 ? 0 : worker->shell_cpus - shell.demand.cpus;
    worker->shell_memory -= shell.demand.memory;
  }
  if (!shell.outcome) shell.outcome = std::move(outcome);
  shell.changed.Notify();
  shell.room.reset();
}

}  // namespace burrow::control
