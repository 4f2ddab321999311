// Calls by id: their states, who waits for them, and how long their results are remembered.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "control/functions.h"
#include "control/groups.h"
#include "control/messages.h"
#include "net/event.h"
#include "scheduler/retry.h"

namespace burrow::control {

struct Container;
class ResultWriter;

struct Call {
  enum class State { kQueued, kDelayed, kDispatched, kFinished };

  CallId id;
  std::shared_ptr<Function> function;
  std::shared_ptr<Group> group;  // null for an invoked call that is no generator
  uint32_t index = 0;
  std::string method;     // of a class
  pb::Payload arguments;  // cleared at the end
  bool stored = false;
  bool nested = false;  // a function made it, which may wait for it

  State state = State::kQueued;
  bool cancelling = false;
  bool recalled = false;  // asked back from its container, unless it has begun there
  uint32_t attempt = 0;
  scheduler::RetryBudget budget;
  SteadyTime submitted{};
  Container* container = nullptr;  // while dispatched
  uint64_t session = 0;            // of its worker's connection, when it was dispatched
  bool cold = false;
  double queue_ms = 0;
  std::unique_ptr<Timer> delay;
  uint32_t next_item = 0;
  uint64_t argument_bytes = 0;

  std::shared_ptr<const pb::CallResult> result;  // once finished
  uint64_t end_position = 0;                     // in the group's log
  std::unique_ptr<net::Event> finished;          // made by the first waiter

  bool done() const { return state == State::kFinished; }
};

// What the store keeps of a call's input: a link.v1.StoredInput.
std::string StoredInputOf(const Call& call);
// Its opposite; false where the bytes are none.
bool ReadStoredInput(const std::string& bytes, Call& call);

// Loop's thread only.
class CallTable {
 public:
  CallTable(net::IoContext& io, const Clock& clock, Millis retention) : io_(io), clock_(clock), retention_(retention) {}

  // What happens after every end: for the app that counts its unfinished calls.
  std::function<void(Call&)> on_finished;
  // Writes ends of stored calls; set once, before the first.
  ResultWriter* writer = nullptr;

  std::shared_ptr<Call> Find(const std::string& workspace, const CallId& id) const;
  std::shared_ptr<Call> Find(const CallId& id) const;  // of any workspace
  void Add(const std::shared_ptr<Call>& call);
  // Ends the call with `result`, wakes its waiters, tells its group and the store.
  void Finish(const std::shared_ptr<Call>& call, pb::CallResult result);
  // True once finished, false at the deadline.
  net::Task<bool> Wait(std::shared_ptr<Call> call, Millis deadline);

  std::shared_ptr<Group> FindGroup(const std::string& workspace, const GroupId& id) const;
  std::shared_ptr<Group> NewGroup(const std::string& workspace, const GroupId& id, const FunctionId& function);
  std::vector<std::shared_ptr<Call>> UnfinishedOf(const Group& group) const;
  void ForEach(const std::function<void(const Call&)>& visit) const;  // in no order
  // Drops results that were kept long enough, and groups that nobody reads.
  void Sweep();

  // Of calls that have not ended.
  uint64_t argument_bytes() const { return argument_bytes_; }
  size_t unfinished() const { return unfinished_; }
  size_t UnfinishedIn(const std::string& workspace) const;

 private:
  struct Retained {
    std::shared_ptr<Call> call;
    uint64_t bytes;
    SteadyTime until;
  };
  void Retain(std::shared_ptr<Call> call);
  void DropOldest();

  net::IoContext& io_;
  const Clock& clock_;
  Millis retention_;
  std::unordered_map<CallId, std::shared_ptr<Call>> calls_;
  std::unordered_map<GroupId, std::shared_ptr<Group>> groups_;
  std::deque<Retained> retained_;  // finished calls, oldest first
  uint64_t retained_bytes_ = 0;
  uint64_t argument_bytes_ = 0;
  size_t unfinished_ = 0;
  std::unordered_map<std::string, size_t> unfinished_in_;  // by workspace; none where there are none
};

// kNotFound, with why it may be so.
Error NoSuchCall(const std::string& id);

}  // namespace burrow::control
