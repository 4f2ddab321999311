#include "builder/agent_link.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace burrow::builder {
namespace {

// Every connection has one question at a time, so that more than this is not asked for.
constexpr size_t kMaxWaitingAnswers = 256;

}  // namespace

Result<std::shared_ptr<AgentLink>> AgentLink::Create(std::string step_id, Send send) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return FailErrno("make an eventfd");
  return std::shared_ptr<AgentLink>(new AgentLink(std::move(event), std::move(step_id), std::move(send)));
}

void AgentLink::Deliver(burrow::link::v1::AgentAnswer answer) {
  std::lock_guard lock(mutex_);
  if (answers_.size() >= kMaxWaitingAnswers) return;
  answers_.push_back(std::move(answer));
  uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

void AgentLink::Ask(const std::string& connection, const std::string& agent, std::string message) const {
  burrow::link::v1::AgentRequest request;
  request.set_step_id(step_id_);
  request.set_connection(connection);
  request.set_agent(agent);
  request.set_message(std::move(message));
  send_(std::move(request));
}

std::vector<burrow::link::v1::AgentAnswer> AgentLink::Take() {
  std::lock_guard lock(mutex_);
  uint64_t count;
  (void)!::read(event_.get(), &count, sizeof count);
  return std::exchange(answers_, {});
}

}  // namespace burrow::builder
