// Groups: calls whose outcomes are read together, as a log of outputs that readers resume by cursor.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/ids.h"
#include "control/messages.h"
#include "net/event.h"

namespace burrow::control {

// Of a call that was made without a group: a repeat of the request finds it again.
inline GroupId ImplicitGroup(const CallId& call) {
  return GroupId(GroupTag::kPrefix + call.str().substr(call.str().find('-')));
}

// One output in a group's log: an item that a generator yielded, or the end of a call.
struct GroupOutput {
  CallId call;
  uint32_t index = 0;
  uint32_t item_index = 0;
  std::shared_ptr<const pb::Payload> item;       // of a generator; null for an end
  std::shared_ptr<const pb::CallResult> result;  // null for an item, and for an end whose result is only in the store
  bool is_end() const { return item == nullptr; }
};

// Loop's thread only. Items that were written to a reader may be dropped, ends never are.
class Group {
 public:
  Group(net::IoContext& io, std::string of_workspace, GroupId group_id, FunctionId function_id)
      : workspace(std::move(of_workspace)), id(std::move(group_id)), function(std::move(function_id)), changed(io) {}

  const std::string workspace;  // its function's
  const GroupId id;
  const FunctionId function;
  bool stored = false;
  bool closed = false;
  bool loaded = true;  // the log holds the ends that an earlier life of control stored
  bool loading = false;
  uint32_t unfinished = 0;   // calls
  uint32_t uncommitted = 0;  // ends that are not in the store yet
  unsigned readers = 0;
  net::Event changed;

  bool complete() const { return closed && unfinished == 0; }

  // False when nobody reads and too many items wait: the generator must end.
  bool AppendItem(GroupOutput output);
  // Gives the end's position.
  uint64_t AppendEnd(GroupOutput output);
  // Puts the ends of an earlier life in front. Before anybody has read.
  void Prepend(std::deque<GroupOutput> outputs);
  // Forgets the result of an end; it is read from the store from now on.
  void DropResult(const CallId& call, uint64_t position);

  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + log_.size(); }
  const GroupOutput& At(uint64_t position) const { return log_[position - first_]; }
  // What lies before `position` has reached a reader.
  void NoteRead(uint64_t position);

 private:
  void TrimReadItems();

  std::deque<GroupOutput> log_;
  uint64_t first_ = 0;
  uint64_t read_ = 0;
  uint64_t item_bytes_ = 0;
};

// A cursor is a position in the log of this life of control: after a restart it starts anew, and clients drop what they
// have.
class CursorCodec {
 public:
  explicit CursorCodec(uint64_t epoch) : epoch_(epoch & kEpochMask) {}
  uint64_t Encode(uint64_t position) const { return epoch_ << kPositionBits | position; }
  // 0 for a cursor of another life.
  uint64_t Decode(uint64_t cursor) const { return cursor >> kPositionBits == epoch_ ? cursor & kPositionMask : 0; }

 private:
  static constexpr unsigned kPositionBits = 36;
  static constexpr uint64_t kPositionMask = (uint64_t{1} << kPositionBits) - 1;
  static constexpr uint64_t kEpochMask = 0xffff;  // keeps a cursor below 2^53, for clients whose numbers are doubles
  uint64_t epoch_;
};

}  // namespace burrow::control
