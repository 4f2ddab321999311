// A worker's end of the link: dials control, says Hello, and dials again with back-off when the connection is lost.
// Everything runs on the IoContext's one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "burrow/link/v1/link.pb.h"
#include "net/task.h"

namespace burrow::link {

struct WorkerEndOptions {
  std::string host;
  uint16_t port = 0;
  std::string token;
  // Called at each connect for a fresh Hello with the inventory of that moment.
  std::function<burrow::link::v1::Hello()> hello;
  std::function<void(burrow::link::v1::FromControl)> on_message;
  std::function<void()> on_open;  // control has welcomed the worker; may be absent
  std::function<void()> on_lost;  // the connection that on_open told of has ended; may be absent
};

class WorkerEnd {
 public:
  virtual ~WorkerEnd() = default;
  // Messages said while control is away are kept in order up to a bound of 64 MiB and sent after the next Hello;
  // log lines are dropped first when the bound is reached.
  virtual void Send(burrow::link::v1::FromWorker message) = 0;
  virtual bool connected() const = 0;
  // Runs until Stop, or returns the error when control refuses the worker for good (wrong token, other protocol).
  virtual net::Task<Status> Run() = 0;
  virtual void Stop() = 0;
};

std::unique_ptr<WorkerEnd> NewWorkerEnd(net::IoContext& io, WorkerEndOptions options);

}  // namespace burrow::link
