// Reads a container's stdout and stderr and hands them on by line. Everything runs on the IoContext's one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "burrow/v1/common.pb.h"
#include "net/task.h"

namespace burrow::worker {

class OutputPump {
 public:
  using Sink = std::function<void(burrow::v1::LogStream stream, std::string text, bool partial)>;
  // The read ends of both pipes. A line without an end is handed on as partial after a pause of 200 ms.
  OutputPump(net::IoContext& io, UniqueFd out, UniqueFd err, Sink sink);
  ~OutputPump();

  void Start();
  // Reads what both pipes hold now (at most 1 MiB each, so that a writer who never stops cannot hold up its caller).
  void Drain();
  // Drain, and hand on unfinished lines.
  void DrainAndFlush();
  // The same, once and for all.
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
