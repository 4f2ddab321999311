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
#include "control/workspaces.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct CallServiceParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  const WorkspaceTable& workspaces;
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
  net::Task<Result<pb::CallResult>> Invoke(const api::Caller& by, const pb::InvokeRequest& request);
  net::Task<Result<pb::SubmitResponse>> Submit(const api::Caller& by, const pb::SubmitRequest& request);
  net::Task<Result<pb::CallResult>> Wait(const std::string& workspace, const pb::WaitRequest& request);
  net::Task<Status> Outputs(const std::string& workspace, const pb::OutputsRequest& request,
                            api::Writer<pb::OutputsResponse> writer);
  net::Task<Result<pb::CancelResponse>> Cancel(const std::string& workspace, const pb::CancelRequest& request);

  Result<std::shared_ptr<Function>> FindFunction(const std::string& workspace, const std::string& id) const;
  // kUnavailable to clients once control is being stopped; what runs may still call.
  Status CheckTaking(const api::Caller& by) const;
  // kResourceExhausted where that many more calls may not wait.
  Status CheckRoom(const Function& function, size_t inputs, uint64_t bytes) const;
  Status CheckWorkspaceRoom(const std::string& workspace, size_t inputs) const;
  // How long until there may be room for what was refused for want of it.
  std::optional<Millis> WaitForRoom(const std::string& workspace, const std::string& function_id, int inputs,
                                    const Error& error) const;
  Status CheckSubmit(const std::string& workspace, const pb::SubmitRequest& request) const;
  // The client chose the id: no call of another workspace may have it.
  Status CheckFree(const std::string& workspace, const CallId& id) const;
  net::Task<Result<std::shared_ptr<Group>>> GroupFor(const Function& function, const pb::SubmitRequest& request);
  void Accept(const std::shared_ptr<Submission>& submission, const std::vector<CallId>& fresh);
  void StoreSubmission(const std::shared_ptr<Submission>& submission, const pb::SubmitRequest& request, bool nested);

  CallServiceParts p_;
  GroupReader reader_;
};

}  // namespace burrow::control
