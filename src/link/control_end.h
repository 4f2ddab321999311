// Control's end of the link. Everything runs on the IoContext's one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/ids.h"
#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "net/websocket.h"

namespace burrow::link {

// One connected worker, as control speaks to it.
class WorkerConnection {
 public:
  virtual ~WorkerConnection() = default;
  virtual const WorkerId& worker() const = 0;
  // Queues the message; dropped when the worker has gone (WorkerGone tells). A worker that leaves more than 256 MiB
  // unread is cut off.
  virtual void Send(const burrow::link::v1::FromControl& message) = 0;
  virtual void Close() = 0;
};

// Who reacts to workers. A worker that dials in again while its old connection still stands replaces it: WorkerGone
// comes first. What a method throws is logged and costs the worker its connection.
class WorkerListener {
 public:
  WorkerListener() = default;
  virtual ~WorkerListener() = default;
  WorkerListener(const WorkerListener&) = delete;
  WorkerListener& operator=(const WorkerListener&) = delete;
  virtual void WorkerJoined(std::shared_ptr<WorkerConnection> worker, const burrow::link::v1::Hello& hello) = 0;
  virtual void WorkerSaid(WorkerConnection& worker, burrow::link::v1::FromWorker message) = 0;
  virtual void WorkerGone(const WorkerId& worker) = 0;

 private:
  friend class WorkerSession;
  std::map<WorkerId, WorkerConnection*> current_;  // the connection that speaks for each worker
};

// Serves one link until it ends: reads Hello (deadline 10 s, protocol checked), answers Welcome, hands messages on in
// order. A worker of another protocol is told ours by Welcome and dismissed without the listener hearing of it.
// `lasts` is asked before each message whether the worker's token still counts: if not, the link ends. `listener` must
// outlive the coroutine.
net::Task<void> ServeWorker(std::unique_ptr<net::WebSocket> socket, WorkerListener& listener,
                            std::function<bool()> lasts);

}  // namespace burrow::link
