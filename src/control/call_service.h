// burrow.v1.Calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "control/app_lifecycle.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/calls.h"
#include "control/dispatcher.h"
#include "control/group_reader.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct CallServiceParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  AppTable& apps;
  CallTable& calls;
  Dispatcher& dispatcher;
  AppLifecycle& lifecycle;
  store::Store& store;
  Background& store_thread;
  CursorCodec cursors;
};

class CallService {
 public:
  explicit CallService(CallServiceParts parts)
      : p_(parts), reader_(parts.timings, parts.calls, parts.store, parts.store_thread, parts.cursors) {}
  void Register(api::Gateway& gateway);

 private:
  struct Submission;
  net::Task<Result<pb::CallResult>> Invoke(const pb::InvokeRequest& request);
  net::Task<Result<pb::SubmitResponse>> Submit(const pb::SubmitRequest& request);
  net::Task<Result<pb::CallResult>> Wait(const pb::WaitRequest& request);
  net::Task<Status> Outputs(const pb::OutputsRequest& request, api::Writer<pb::OutputsResponse> writer);
  net::Task<Result<pb::CancelResponse>> Cancel(const pb::CancelRequest& request);

  Result<std::shared_ptr<Function>> FindFunction(const std::string& id) const;
  // kResourceExhausted where that many more calls may not wait.
  Status CheckRoom(const Function& function, size_t inputs, uint64_t bytes) const;
  // How long until there may be room for what was refused for want of it.
  std::optional<Millis> WaitForRoom(const std::string& function_id, int inputs, const Error& error) const;
  Status CheckSubmit(const pb::SubmitRequest& request) const;
  net::Task<Result<std::shared_ptr<Group>>> GroupFor(const Function& function, const pb::SubmitRequest& request);
  void Accept(const std::shared_ptr<Submission>& submission, const std::vector<CallId>& fresh);
  void StoreSubmission(const std::shared_ptr<Submission>& submission, const pb::SubmitRequest& request);

  CallServiceParts p_;
  GroupReader reader_;
};

}  // namespace burrow::control
