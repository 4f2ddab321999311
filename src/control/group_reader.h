// Streams the outputs of groups, from memory and, for what an earlier life of control finished, from the store.
#pragma once

#include <memory>
#include <optional>

#include "api/gateway.h"
#include "base/error.h"
#include "control/background.h"
#include "control/calls.h"
#include "control/groups.h"
#include "control/limits.h"
#include "store/store.h"

namespace burrow::control {

class GroupReader {
 public:
  using Writer = api::Writer<pb::OutputsResponse>;

  GroupReader(const Timings& timings, CallTable& calls, store::Store& store, Background& store_thread,
              CursorCodec cursors)
      : timings_(timings), calls_(calls), store_(store), store_thread_(store_thread), cursors_(cursors) {}

  net::Task<Result<std::shared_ptr<Group>>> Find(std::string workspace, GroupId id);
  // Until the group is complete, or the `only` call has ended.
  net::Task<Status> Stream(std::shared_ptr<Group> group, std::optional<CallId> only, uint64_t cursor, Writer& writer);
  // The outcome of a call that is in no group.
  net::Task<Status> StreamSingle(std::shared_ptr<Call> call, Writer& writer);

 private:
  net::Task<Status> Load(std::shared_ptr<Group> group);
  net::Task<Result<uint64_t>> Fill(Group& group, const std::optional<CallId>& only, uint64_t position,
                                   pb::OutputsResponse& response);
  net::Task<Result<std::shared_ptr<const pb::CallResult>>> ResultOf(const Group& group, const GroupOutput& output);
  bool AllSaid(const Group& group, const std::optional<CallId>& only) const;

  const Timings& timings_;
  CallTable& calls_;
  store::Store& store_;
  Background& store_thread_;
  CursorCodec cursors_;
};

}  // namespace burrow::control
