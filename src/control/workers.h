// The machines that containers run on: connected workers, what they have, and what becomes of one that goes away.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "control/limits.h"
#include "control/messages.h"
#include "control/timer.h"
#include "link/control_end.h"
#include "net/event.h"

namespace burrow::control {

struct Container;

struct Worker {
  Worker(net::IoContext& io, WorkerId worker_id) : id(std::move(worker_id)), grace(io), reconcile(io) {}

  const WorkerId id;
  std::shared_ptr<link::WorkerConnection> connection;  // null while it is away
  uint64_t session = 0;                                // counts its connections
  double cpus = 0;
  uint64_t memory = 0;       // bytes
  double reserved_cpus = 0;  // of containers
  uint64_t reserved_memory = 0;
  lpb::Usage usage;  // as it said last
  std::vector<Container*> containers;
  unsigned builds = 0;
  unsigned shells = 0;
  double shell_cpus = 0;  // that shells reserve
  uint64_t shell_memory = 0;
  uint64_t template_memory = 0;          // that templates reserve
  uint64_t leaving_template_memory = 0;  // and of these those that were given up
  Timer grace;                           // armed while it is away
  Timer reconcile;                       // armed after it came back

  bool connected() const { return connection != nullptr; }
  // Promised to containers, shells and templates.
  double promised_cpus() const { return reserved_cpus + shell_cpus; }
  uint64_t promised_memory() const { return reserved_memory + shell_memory + template_memory; }
  void Send(const lpb::FromControl& message) {
    if (connection) connection->Send(message);
  }
};

// Who reacts to what workers say. Called in the order in which messages come.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  virtual void OnWorkerJoined(Worker& worker, const lpb::Hello& hello) = 0;
  // Some time after a worker came back: whatever it had buffered has been handled.
  virtual void OnWorkerSettled(Worker& worker) = 0;
  virtual void OnWorkerSaid(Worker& worker, lpb::FromWorker message) = 0;
  // It stayed away too long. Its containers must be removed; afterwards it is destroyed.
  virtual void OnWorkerLost(Worker& worker) = 0;
};

// Loop's thread only.
class WorkerPool final : public link::WorkerListener {
 public:
  WorkerPool(net::IoContext& io, Millis grace, Millis reconcile)
      : io_(io), grace_(grace), reconcile_(reconcile), joined_(io) {}
  void SetEvents(WorkerEvents* events) { events_ = events; }

  void WorkerJoined(std::shared_ptr<link::WorkerConnection> connection, const lpb::Hello& hello) override;
  void WorkerSaid(link::WorkerConnection& connection, lpb::FromWorker message) override;
  void WorkerGone(const WorkerId& id) override;

  std::vector<Worker*> Connected() const;
  Worker* Find(const WorkerId& id) const;
  net::Event& joined() { return joined_; }
  // Ends every connection and forgets every worker, without events.
  void Close();

 private:
  net::IoContext& io_;
  Millis grace_, reconcile_;
  WorkerEvents* events_ = nullptr;
  std::map<WorkerId, std::unique_ptr<Worker>> workers_;
  net::Event joined_;
};

}  // namespace burrow::control
