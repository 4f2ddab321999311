// A container's lines on their way to control: stamped, bounded in rate, batched. Everything runs on the IoContext's
// one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "worker/log_limiter.h"

namespace burrow::worker {

struct ContainerLogOptions {
  std::string app_id, function, container_id;
  const Clock* clock = nullptr;  // not owned
  std::function<void(burrow::link::v1::FromWorker)> send;
};

class ContainerLog {
 public:
  ContainerLog(net::IoContext& io, ContainerLogOptions options);
  ~ContainerLog();

  // Whole lines, and perhaps last words, that one call printed.
  void AddText(burrow::v1::LogStream stream, const std::string& call_id, std::string_view text);
  // Sent within 5 ms, or with Flush, which whoever sends an update first calls so that lines come before it.
  void Add(burrow::v1::LogStream stream, const std::string& call_id, std::string text, bool partial);
  void Flush();
  // A line of the worker's own.
  void AddSystem(std::string text) { Add(burrow::v1::LOG_STREAM_SYSTEM, "", std::move(text), false); }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
