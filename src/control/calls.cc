#include "control/calls.h"

#include <utility>

#include "control/limits.h"
#include "control/result_writer.h"

namespace burrow::control {

// Payload's fields first, so that whoever looks for blobs alone reads it as a Payload.
std::string StoredInputOf(const Call& call) {
  std::string bytes = call.arguments.SerializeAsString();
  if (call.method.empty()) return bytes;
  lpb::StoredInput rest;
  rest.set_method(call.method);
  return bytes + rest.SerializeAsString();
}

bool ReadStoredInput(const std::string& bytes, Call& call) {
  lpb::StoredInput input;
  if (!input.ParseFromString(bytes)) return false;
  call.method = std::move(*input.mutable_method());
  if (input.has_digest()) {
    call.arguments.set_digest(input.digest());
  } else {
    call.arguments.set_inline_(std::move(*input.mutable_inline_()));
  }
  return true;
}

std::shared_ptr<Call> CallTable::Find(const CallId& id) const {
  auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

std::shared_ptr<Call> CallTable::Find(const std::string& workspace, const CallId& id) const {
  auto call = Find(id);
  return call && call->function->workspace == workspace ? call : nullptr;
}

void CallTable::Add(const std::shared_ptr<Call>& call) {
  call->argument_bytes = call->arguments.inline_().size();
  argument_bytes_ += call->argument_bytes;
  unfinished_++;
  unfinished_in_[call->function->workspace]++;
  if (call->group) call->group->unfinished++;
  calls_.emplace(call->id, call);
}

void CallTable::Finish(const std::shared_ptr<Call>& call, pb::CallResult result) {
  if (call->done()) return;
  call->state = Call::State::kFinished;
  call->delay.reset();
  argument_bytes_ -= call->argument_bytes;
  unfinished_--;
  if (auto in = unfinished_in_.find(call->function->workspace); --in->second == 0) unfinished_in_.erase(in);
  call->arguments.Clear();
  call->result = std::make_shared<const pb::CallResult>(std::move(result));
  if (call->finished) call->finished->Notify();
  if (call->group) {
    call->group->unfinished--;
    call->end_position = call->group->AppendEnd({.call = call->id, .index = call->index, .result = call->result});
  }
  if (call->stored) {
    if (call->group) call->group->uncommitted++;
    writer->Write({call->id, call->result->SerializeAsString(), clock_.UnixMillis()}, [this, call] {
      if (call->group) call->group->uncommitted--;
      Retain(call);
    });
  } else {
    Retain(call);
  }
  if (on_finished) on_finished(*call);
}

net::Task<bool> CallTable::Wait(std::shared_ptr<Call> call, Millis deadline) {
  if (call->done()) co_return true;
  if (deadline <= Millis(0)) co_return false;
  if (!call->finished) call->finished = std::make_unique<net::Event>(io_);
  co_await call->finished->Wait(deadline);
  co_return call->done();
}

std::shared_ptr<Group> CallTable::FindGroup(const std::string& workspace, const GroupId& id) const {
  auto found = groups_.find(id);
  return found == groups_.end() || found->second->workspace != workspace ? nullptr : found->second;
}

std::shared_ptr<Group> CallTable::NewGroup(const std::string& workspace, const GroupId& id,
                                           const FunctionId& function) {
  auto& group = groups_[id];
  if (!group) group = std::make_shared<Group>(io_, workspace, id, function);
  return group;
}

std::vector<std::shared_ptr<Call>> CallTable::UnfinishedOf(const Group& group) const {
  std::vector<std::shared_ptr<Call>> calls;
  for (const auto& [id, call] : calls_) {
    if (call->group.get() == &group && !call->done()) calls.push_back(call);
  }
  return calls;
}

void CallTable::Retain(std::shared_ptr<Call> call) {
  constexpr uint64_t kOverhead = 512;
  uint64_t bytes = call->result->ByteSizeLong() + kOverhead;
  retained_bytes_ += bytes;
  retained_.push_back({std::move(call), bytes, clock_.Now() + retention_});
  while (retained_bytes_ > kMaxRetainedBytes && retained_.size() > 1) DropOldest();
}

void CallTable::DropOldest() {
  Retained oldest = std::move(retained_.front());
  retained_.pop_front();
  retained_bytes_ -= oldest.bytes;
  const Call& call = *oldest.call;
  if (call.group && call.stored) call.group->DropResult(call.id, call.end_position);
  calls_.erase(CallId(call.id));
}

size_t CallTable::UnfinishedIn(const std::string& workspace) const {
  auto found = unfinished_in_.find(workspace);
  return found == unfinished_in_.end() ? 0 : found->second;
}

void CallTable::ForEach(const std::function<void(const Call&)>& visit) const {
  for (const auto& [id, call] : calls_) visit(*call);
}

void CallTable::Sweep() {
  auto now = clock_.Now();
  while (!retained_.empty() && retained_.front().until <= now) DropOldest();
  // A group whose calls are still remembered goes with the last of them; a stored one is read again when it is asked
  // for.
  for (auto it = groups_.begin(); it != groups_.end();) {
    const Group& group = *it->second;
    bool in_use = group.readers > 0 || group.unfinished > 0 || group.uncommitted > 0 || it->second.use_count() > 1;
    it = in_use ? std::next(it) : groups_.erase(it);
  }
}

Error NoSuchCall(const std::string& id) {
  return {
      Code::kNotFound,
      fmt::format("there is no call {}: invoked calls are forgotten when burrowd restarts, results after a while", id)};
}

}  // namespace burrow::control
