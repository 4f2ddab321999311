#include "control/workers.h"

#include "base/log.h"

namespace burrow::control {

void WorkerPool::WorkerJoined(std::shared_ptr<link::WorkerConnection> connection, const lpb::Hello& hello) {
  auto& slot = workers_[connection->worker()];
  bool again = slot != nullptr;
  if (!slot) slot = std::make_unique<Worker>(io_, connection->worker());
  Worker& worker = *slot;
  worker.grace.Cancel();
  worker.connection = std::move(connection);
  worker.session++;
  worker.cpus = hello.cpus();
  worker.memory = hello.memory_bytes();
  LogInfo("worker {} {}: {:g} CPUs, {} MiB, {} containers", worker.id.str(), again ? "is back" : "joined", worker.cpus,
          worker.memory >> 20, hello.inventory_size());
  events_->OnWorkerJoined(worker, hello);
  if (again) worker.reconcile.Start(reconcile_, [this, &worker] { events_->OnWorkerSettled(worker); });
  joined_.Notify();
}

void WorkerPool::WorkerSaid(link::WorkerConnection& connection, lpb::FromWorker message) {
  Worker* worker = Find(connection.worker());
  if (worker && worker->connection.get() == &connection) events_->OnWorkerSaid(*worker, std::move(message));
}

void WorkerPool::WorkerGone(const WorkerId& id) {
  Worker* worker = Find(id);
  if (!worker || !worker->connected()) return;
  LogWarn("worker {} is gone; waiting for it to come back", id.str());
  worker->connection.reset();
  worker->reconcile.Cancel();
  worker->grace.Start(grace_, [this, worker] {
    LogWarn("worker {} did not come back: its containers are lost", worker->id.str());
    WorkerId lost = worker->id;
    events_->OnWorkerLost(*worker);
    workers_.erase(lost);
  });
}

std::vector<Worker*> WorkerPool::Connected() const {
  std::vector<Worker*> connected;
  for (const auto& [id, worker] : workers_) {
    if (worker->connected()) connected.push_back(worker.get());
  }
  return connected;
}

Worker* WorkerPool::Find(const WorkerId& id) const {
  auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : found->second.get();
}

void WorkerPool::Close() {
  for (auto& [id, worker] : workers_) {
    worker->grace.Cancel();
    worker->reconcile.Cancel();
    if (auto connection = std::move(worker->connection)) connection->Close();
  }
}

}  // namespace burrow::control
