#include "control/group_reader.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

namespace burrow::control {
namespace {

constexpr int kMaxOutputs = 512;  // of one message
constexpr size_t kMaxBytes = 1 << 20;

void AppendTo(pb::OutputsResponse& response, const GroupOutput& output, const pb::CallResult* result) {
  auto& added = *response.add_outputs();
  added.set_index(output.index);
  added.set_call_id(output.call.str());
  if (result) {
    *added.mutable_result() = *result;
  } else {
    *added.mutable_item() = *output.item;
    added.set_item_index(output.item_index);
  }
}

// A reader of the group, or its loader: kept right however the coroutine ends.
struct Reading {
  explicit Reading(Group& read) : group(read) { group.readers++; }
  ~Reading() { group.readers--; }
  Group& group;
};
struct Loading {
  explicit Loading(Group& loaded) : group(loaded) { group.loading = true; }
  ~Loading() {
    group.loading = false;
    group.changed.Notify();
  }
  Group& group;
};

}  // namespace

net::Task<Result<std::shared_ptr<Group>>> GroupReader::Find(std::string workspace, GroupId id) {
  if (auto group = calls_.FindGroup(workspace, id)) co_return group;
  auto found = co_await store_thread_.Ask([&store = store_, workspace, id] { return store.FindGroup(workspace, id); });
  std::optional<store::GroupRecord> record;
  BURROW_CO_ASSIGN_OR_RETURN(record, std::move(found));
  if (auto group = calls_.FindGroup(workspace, id)) co_return group;
  if (!record) co_return Fail(Code::kNotFound, "there is no group {}: submit its calls first", id.str());
  auto group = calls_.NewGroup(workspace, id, record->function);
  group->stored = true;
  group->closed = record->closed;
  group->loaded = false;
  co_return group;
}

// Puts what the store knows as finished, and the log does not, in front of the log.
net::Task<Status> GroupReader::Load(std::shared_ptr<Group> group) {
  while (group->loading) co_await group->changed.Wait(Millis(1'000));
  if (group->loaded) co_return Status();
  Loading loading(*group);
  auto found = co_await store_thread_.Ask([&store = store_, id = group->id] { return store.GroupCalls(id); });
  std::vector<store::CallRecord> records;
  BURROW_CO_ASSIGN_OR_RETURN(records, std::move(found));
  std::unordered_set<CallId> known;
  for (uint64_t i = group->first(); i < group->end(); ++i) {
    if (group->At(i).is_end()) known.insert(group->At(i).call);
  }
  std::ranges::sort(records, {}, [](const auto& record) { return std::pair(record.finished_ms, record.index); });
  std::deque<GroupOutput> ends;
  for (const auto& record : records) {
    if (record.state != store::CallState::kFinished || known.contains(record.id)) continue;
    ends.push_back({.call = record.id, .index = record.index});  // its result is read when it is its turn
  }
  group->Prepend(std::move(ends));
  group->loaded = true;
  co_return Status();
}

net::Task<Result<std::shared_ptr<const pb::CallResult>>> GroupReader::ResultOf(const Group& group,
                                                                               const GroupOutput& output) {
  if (output.result) co_return output.result;
  auto found = co_await store_thread_.Ask(
      [&store = store_, workspace = group.workspace, id = output.call] { return store.FindCall(workspace, id); });
  std::optional<store::CallRecord> record;
  BURROW_CO_ASSIGN_OR_RETURN(record, std::move(found));
  auto result = std::make_shared<pb::CallResult>();
  if (!record || record->state != store::CallState::kFinished || !result->ParseFromString(record->result)) {
    co_return Fail(Code::kNotFound, "the result of call {} has expired", output.call.str());
  }
  co_return result;
}

net::Task<Result<uint64_t>> GroupReader::Fill(Group& group, const std::optional<CallId>& only, uint64_t position,
                                              pb::OutputsResponse& response) {
  size_t bytes = 0;
  while (position < group.end() && response.outputs_size() < kMaxOutputs && bytes < kMaxBytes) {
    if (position < group.first())
      co_return Fail(Code::kOutOfRange, "items of the group {} were taken already and are gone", group.id.str());
    // A reference would dangle: the group goes on while the store is asked.
    GroupOutput output = group.At(position++);  // NOLINT(performance-unnecessary-copy-initialization)
    if (only && output.call != *only) continue;
    if (output.is_end()) {
      auto result = co_await ResultOf(group, output);
      if (!result) co_return Forward(std::move(result.error()));
      AppendTo(response, output, result->get());
    } else {
      AppendTo(response, output, nullptr);
    }
    bytes += response.outputs(response.outputs_size() - 1).ByteSizeLong();
  }
  co_return position;
}

bool GroupReader::AllSaid(const Group& group, const std::optional<CallId>& only) const {
  if (!only) return group.complete();
  auto call = calls_.Find(*only);
  return !call || call->done();
}

net::Task<Status> GroupReader::Stream(std::shared_ptr<Group> group, std::optional<CallId> only, uint64_t cursor,
                                      Writer& writer) {
  Reading reading(*group);
  auto loaded = co_await Load(group);
  BURROW_CO_RETURN_IF_ERROR(loaded);
  uint64_t position = cursors_.Decode(cursor);
  bool due = false;
  for (;;) {
    pb::OutputsResponse response;
    auto filled = co_await Fill(*group, only, position, response);
    BURROW_CO_ASSIGN_OR_RETURN(position, std::move(filled));
    if (response.outputs_size() > 0 || due) {
      response.set_cursor(cursors_.Encode(position));
      auto written = co_await writer.Write(response);
      BURROW_CO_RETURN_IF_ERROR(written);
      group->NoteRead(position);
      due = false;
    } else if (position >= group->end()) {
      if (AllSaid(*group, only)) co_return Status();
      due = !co_await group->changed.Wait(timings_.heartbeat);
    }
  }
}

net::Task<Status> GroupReader::StreamSingle(std::shared_ptr<Call> call, Writer& writer) {
  while (!co_await calls_.Wait(call, timings_.heartbeat)) {
    pb::OutputsResponse heartbeat;
    auto written = co_await writer.Write(heartbeat);
    BURROW_CO_RETURN_IF_ERROR(written);
  }
  pb::OutputsResponse response;
  AppendTo(response, {.call = call->id, .index = call->index}, call->result.get());
  response.set_cursor(cursors_.Encode(1));
  co_return co_await writer.Write(response);
}

}  // namespace burrow::control
