// The way from a step's agent sockets to the agent on the user's machine, and back. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "burrow/link/v1/link.pb.h"

namespace burrow::builder {

class AgentLink {
 public:
  using Send = std::function<void(burrow::link::v1::AgentRequest)>;
  // `send` is called by the thread that serves the step's sockets.
  static Result<std::shared_ptr<AgentLink>> Create(std::string step_id, Send send);

  // What the agent answered; of a connection that is not there any more: no error.
  void Deliver(burrow::link::v1::AgentAnswer answer);

  // For AgentSockets. An empty message: the connection has gone.
  void Ask(const std::string& connection, const std::string& agent, std::string message) const;
  int fd() const { return event_.get(); }  // readable while Take has something
  std::vector<burrow::link::v1::AgentAnswer> Take();
  const std::string& step_id() const { return step_id_; }

 private:
  AgentLink(UniqueFd event, std::string step_id, Send send)
      : event_(std::move(event)), step_id_(std::move(step_id)), send_(std::move(send)) {}

  UniqueFd event_;
  std::string step_id_;
  Send send_;
  std::mutex mutex_;
  std::vector<burrow::link::v1::AgentAnswer> answers_;  // guarded by mutex_
};

}  // namespace burrow::builder
