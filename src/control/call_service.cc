#include "control/call_service.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/faults.h"
#include "control/limits.h"
#include "control/validation.h"
#include "net/event.h"
#include "scheduler/backlog.h"

namespace burrow::control {
namespace {

pb::CallResult PendingResult(const std::string& call_id) {
  pb::CallResult result;
  result.set_call_id(call_id);
  result.set_status(pb::CALL_STATUS_PENDING);
  return result;
}

size_t MaxQueuedOf(const Function& function) {
  const size_t asked = function.spec.function().max_queued();
  return asked == 0 ? kMaxQueuedCalls : std::min(asked, kMaxQueuedCalls);
}

// More than ever fit at once are taken where nobody waits: else they never were.
bool ExceedsQueue(size_t waiting, size_t inputs, size_t bound) {
  return inputs > 0 && waiting > 0 && waiting + inputs > bound;
}

// Of a request's inputs, those that are not known already: a repeated request needs no room again.
struct FreshInputs {
  size_t count = 0;
  uint64_t bytes = 0;
};
FreshInputs FreshOf(const pb::SubmitRequest& request, const CallTable& calls) {
  FreshInputs fresh;
  for (const auto& input : request.inputs()) {
    if (calls.Find(CallId(input.call_id()))) continue;
    fresh.count++;
    fresh.bytes += input.arguments().inline_().size();
  }
  return fresh;
}

}  // namespace

// Calls on their way into the store. Lives on when the client that sent them has left.
struct CallService::Submission {
  explicit Submission(net::IoContext& io) : done(io) {}
  std::shared_ptr<Function> function;
  std::shared_ptr<App> app;
  std::shared_ptr<Group> group;
  bool close_group = false;
  std::vector<store::CallRecord> records;
  std::unordered_map<CallId, std::shared_ptr<Call>> calls;
  std::optional<Result<uint32_t>> outcome;
  net::Event done;
};

void CallService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::InvokeRequest, pb::CallResult>(
      "burrow.v1.Calls/Invoke", [this](const auto& by, const auto& r) { return Invoke(by, r); },
      [this](const auto& by, const auto& r, const Error& error) {
        return WaitForRoom(by.workspace, r.function_id(), 1, error);
      });
  gateway.AddUnary<pb::SubmitRequest, pb::SubmitResponse>(
      "burrow.v1.Calls/Submit", [this](const auto& by, const auto& r) { return Submit(by, r); },
      [this](const auto& by, const auto& r, const Error& error) {
        return WaitForRoom(by.workspace, r.function_id(), r.inputs_size(), error);
      });
  gateway.AddUnary<pb::WaitRequest, pb::CallResult>(
      "burrow.v1.Calls/Wait", [this](const auto& by, const auto& r) { return Wait(by.workspace, r); });
  gateway.AddServerStream<pb::OutputsRequest, pb::OutputsResponse>(
      "burrow.v1.Calls/Outputs",
      [this](const auto& by, const auto& r, auto writer) { return Outputs(by.workspace, r, writer); });
  gateway.AddUnary<pb::CancelRequest, pb::CancelResponse>(
      "burrow.v1.Calls/Cancel", [this](const auto& by, const auto& r) { return Cancel(by.workspace, r); });
}

Result<std::shared_ptr<Function>> CallService::FindFunction(const std::string& workspace, const std::string& id) const {
  auto function = p_.apps.FindFunction(workspace, FunctionId(id));
  if (!function) {
    return Fail(Code::kNotFound,
                "there is no function '{}': its app has been stopped, or was never published; run the app again",
                id.substr(0, kMaxNameBytes));
  }
  if (!function->app->live()) {
    return Fail(Code::kFailedPrecondition, "the app {} has been stopped: run it again", function->app->record.name);
  }
  if (function->removed) {
    return Fail(Code::kNotFound, "the newest version of the app {} has no {}: look it up again",
                function->app->record.name, Label(*function));
  }
  return function;
}

Status CallService::CheckWorkspaceRoom(const std::string& workspace, size_t inputs) const {
  const size_t bound = p_.workspaces.MaxQueuedCalls(workspace);
  if (p_.calls.UnfinishedIn(workspace) + inputs <= bound) return {};  // few run or wait: nothing is counted
  const size_t waiting = p_.apps.WaitingIn(workspace);
  if (!ExceedsQueue(waiting, inputs, bound)) return {};
  return Fail(Code::kResourceExhausted,
              "the workspace '{}' has {} calls waiting, and at most {} may wait: send more once some have finished",
              workspace, waiting, bound);
}

Status CallService::CheckRoom(const Function& function, size_t inputs, uint64_t bytes) const {
  if (ExceedsQueue(function.waiting(), inputs, MaxQueuedOf(function))) {
    return Fail(Code::kResourceExhausted,
                "{} has {} calls waiting, and at most {} may wait: send more once some have finished", Label(function),
                function.waiting(), MaxQueuedOf(function));
  }
  BURROW_RETURN_IF_ERROR(CheckWorkspaceRoom(function.workspace, inputs));
  if (p_.calls.unfinished() + inputs > kMaxUnfinishedCalls) {
    return Fail(Code::kResourceExhausted,
                "{} calls have not finished, and more are not taken: send more once some have", p_.calls.unfinished());
  }
  if (inputs > 0 && p_.calls.argument_bytes() + bytes > kMaxArgumentBytes) {
    return Fail(Code::kResourceExhausted,
                "the arguments of all waiting calls take more than {} MiB: send more once some have finished",
                kMaxArgumentBytes >> 20);
  }
  return {};
}

std::optional<Millis> CallService::WaitForRoom(const std::string& workspace, const std::string& function_id, int inputs,
                                               const Error& error) const {
  if (error.code() != Code::kResourceExhausted) return std::nullopt;
  const auto function = p_.apps.FindFunction(workspace, FunctionId(function_id));
  if (!function) return std::nullopt;
  const auto calls = static_cast<uint32_t>(inputs);
  const auto now = p_.clock.Now();
  if (ExceedsQueue(function->waiting(), calls, MaxQueuedOf(*function)))
    return scheduler::WaitForRoom(LoadOf(*function, now), calls);
  std::vector<scheduler::FunctionLoad> loads;
  for (const App* app : p_.apps.In(workspace)) {
    for (const auto& [key, other] : app->functions) loads.push_back(LoadOf(*other, now));
  }
  return scheduler::WaitForSharedRoom(loads, calls);
}

Status CallService::CheckTaking(const api::Caller& by) const {
  if (!p_.dispatcher.draining() || !by.container.empty()) return {};
  return Fail(Code::kUnavailable, "burrowd is being stopped: call again when it is back");
}

net::Task<Result<pb::CallResult>> CallService::Invoke(const api::Caller& by, const pb::InvokeRequest& request) {
  const std::string& workspace = by.workspace;
  BURROW_CO_RETURN_IF_ERROR(CheckCallId(request.input().call_id()));
  BURROW_CO_RETURN_IF_ERROR(CheckWait(request.wait_ms()));
  CallId id(request.input().call_id());
  auto call = p_.calls.Find(workspace, id);
  if (!call) {
    BURROW_CO_RETURN_IF_ERROR(CheckTaking(by));
    BURROW_CO_RETURN_IF_ERROR(CheckFree(workspace, id));
    BURROW_CO_RETURN_IF_ERROR(CheckPayload(request.input().arguments()));
    auto function = FindFunction(workspace, request.function_id());
    if (!function) co_return Forward(std::move(function.error()));
    BURROW_CO_RETURN_IF_ERROR(CheckMethod((*function)->spec.function(), request.input().method()));
    BURROW_CO_RETURN_IF_ERROR(CheckRoom(**function, 1, request.input().arguments().inline_().size()));
    call = std::make_shared<Call>();
    call->id = std::move(id);
    call->function = std::move(*function);
    call->method = request.input().method();
    call->arguments = request.input().arguments();
    call->nested = !by.container.empty();
    if (Yields(call->function->spec.function(), call->method)) {
      call->group = p_.calls.NewGroup(workspace, ImplicitGroup(call->id), call->function->id);
      call->group->closed = true;
    }
    p_.calls.Add(call);
    p_.dispatcher.Submit(call);
  }
  bool done = co_await p_.calls.Wait(call, Millis(request.wait_ms()));
  co_return done ? *call->result : PendingResult(call->id.str());
}

Status CallService::CheckFree(const std::string& workspace, const CallId& id) const {
  const auto known = p_.calls.Find(id);
  if (!known || known->function->workspace == workspace) return {};
  return Fail(Code::kAlreadyExists, "the id {} is taken: choose another one", id.str());
}

Status CallService::CheckSubmit(const std::string& workspace, const pb::SubmitRequest& request) const {
  if (static_cast<size_t>(request.inputs_size()) > kMaxInputs) {
    return Fail(Code::kInvalidArgument, "one Submit takes at most {} inputs: send them in several", kMaxInputs);
  }
  if (request.group_id().empty() && request.inputs().empty())
    return Fail(Code::kInvalidArgument, "Submit names neither inputs nor a group");
  if (!request.group_id().empty()) BURROW_RETURN_IF_ERROR(CheckGroupId(request.group_id()));
  for (const auto& input : request.inputs()) {
    BURROW_RETURN_IF_ERROR(CheckCallId(input.call_id()));
    BURROW_RETURN_IF_ERROR(CheckFree(workspace, CallId(input.call_id())));
    BURROW_RETURN_IF_ERROR(CheckPayload(input.arguments()));
  }
  return {};
}

// The group that the request names, from memory, from the store, or new.
net::Task<Result<std::shared_ptr<Group>>> CallService::GroupFor(const Function& function,
                                                                const pb::SubmitRequest& request) {
  bool implicit = request.group_id().empty();
  const GroupId id = implicit ? ImplicitGroup(CallId(request.inputs(0).call_id())) : GroupId(request.group_id());
  auto group = p_.calls.FindGroup(function.workspace, id);
  if (!group) {
    std::optional<store::GroupRecord> known;
    if (!implicit) {
      auto found = co_await p_.store_thread.Ask(
          [&store = p_.store, workspace = function.workspace, id] { return store.FindGroup(workspace, id); });
      BURROW_CO_ASSIGN_OR_RETURN(known, std::move(found));
    }
    group = p_.calls.NewGroup(function.workspace, id, known ? known->function : function.id);
    group->stored = true;
    if (known) {
      group->closed = known->closed;
      group->loaded = false;
    }
  }
  if (group->function != function.id)
    co_return Fail(Code::kInvalidArgument, "the group {} is of another function", id.str());
  co_return group;
}

net::Task<Result<pb::SubmitResponse>> CallService::Submit(const api::Caller& by, const pb::SubmitRequest& request) {
  const std::string& workspace = by.workspace;
  BURROW_CO_RETURN_IF_ERROR(CheckTaking(by));
  BURROW_CO_RETURN_IF_ERROR(CheckSubmit(workspace, request));
  auto function = FindFunction(workspace, request.function_id());
  if (!function) co_return Forward(std::move(function.error()));
  for (const auto& input : request.inputs())
    BURROW_CO_RETURN_IF_ERROR(CheckMethod((*function)->spec.function(), input.method()));
  const FreshInputs fresh = FreshOf(request, p_.calls);
  BURROW_CO_RETURN_IF_ERROR(CheckRoom(**function, fresh.count, fresh.bytes));
  auto submission = std::make_shared<Submission>(p_.io);
  submission->function = std::move(*function);
  submission->app = submission->function->app->shared_from_this();
  auto group = co_await GroupFor(*submission->function, request);
  BURROW_CO_ASSIGN_OR_RETURN(submission->group, std::move(group));
  StoreSubmission(submission, request, !by.container.empty());
  while (!submission->outcome) co_await submission->done.Wait(Millis(60'000));
  if (!*submission->outcome) co_return Forward(submission->outcome->error());
  pb::SubmitResponse response;
  response.set_accepted(**submission->outcome);
  co_return response;
}

void CallService::StoreSubmission(const std::shared_ptr<Submission>& submission, const pb::SubmitRequest& request,
                                  bool nested) {
  submission->close_group = request.close_group() || request.group_id().empty();
  for (const auto& input : request.inputs()) {
    CallId id(input.call_id());
    if (p_.calls.Find(id) || submission->calls.contains(id)) continue;
    auto call = std::make_shared<Call>();
    call->id = id;
    call->function = submission->function;
    call->group = submission->group;
    call->index = input.index();
    call->method = input.method();
    call->arguments = input.arguments();
    call->stored = true;
    call->nested = nested;
    submission->calls.emplace(id, call);
    submission->records.push_back({.id = id,
                                   .function = call->function->id,
                                   .group = submission->group->id,
                                   .index = call->index,
                                   .arguments = StoredInputOf(*call),
                                   .created_ms = p_.clock.UnixMillis()});
  }
  store::GroupRecord group{.id = submission->group->id,
                           .function = submission->function->id,
                           .closed = submission->group->closed || submission->close_group,
                           .workspace = submission->group->workspace};
  p_.store_thread.Run([&store = p_.store, submission, group] { return store.AddCalls(group, submission->records); },
                      [this, submission](Result<std::vector<CallId>> fresh) {
                        if (fresh) {
                          Accept(submission, *fresh);
                        } else {
                          submission->outcome = Forward(std::move(fresh.error()));
                        }
                        submission->done.Notify();
                      });
}

void CallService::Accept(const std::shared_ptr<Submission>& submission, const std::vector<CallId>& fresh) {
  KillPoint("control.submit.stored");
  auto& group = *submission->group;
  // Calls of an earlier life are in the store alone.
  if (fresh.size() < submission->records.size()) group.loaded = false;
  for (const CallId& id : fresh) {
    const auto& call = submission->calls.at(id);
    p_.lifecycle.CallStored(*submission->app);
    p_.calls.Add(call);
    p_.dispatcher.Submit(call);
  }
  group.closed = group.closed || submission->close_group;
  group.changed.Notify();
  submission->outcome = static_cast<uint32_t>(fresh.size());
}

net::Task<Result<pb::CallResult>> CallService::Wait(const std::string& workspace, const pb::WaitRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckCallId(request.call_id()));
  BURROW_CO_RETURN_IF_ERROR(CheckWait(request.wait_ms()));
  CallId id(request.call_id());
  auto call = p_.calls.Find(workspace, id);
  if (!call) {
    auto record =
        co_await p_.store_thread.Ask([&store = p_.store, workspace, id] { return store.FindCall(workspace, id); });
    if (!record) co_return Forward(std::move(record.error()));
    if (!*record) co_return Forward(NoSuchCall(request.call_id()));
    pb::CallResult result;
    if ((*record)->state == store::CallState::kFinished && result.ParseFromString((*record)->result)) co_return result;
    call = p_.calls.Find(workspace, id);
    if (!call) co_return PendingResult(request.call_id());
  }
  bool done = co_await p_.calls.Wait(call, Millis(request.wait_ms()));
  co_return done ? *call->result : PendingResult(request.call_id());
}

net::Task<Status> CallService::Outputs(const std::string& workspace, const pb::OutputsRequest& request,
                                       api::Writer<pb::OutputsResponse> writer) {
  if (request.has_group_id()) {
    BURROW_CO_RETURN_IF_ERROR(CheckGroupId(request.group_id()));
    auto group = co_await reader_.Find(workspace, GroupId(request.group_id()));
    if (!group) co_return Forward(std::move(group.error()));
    co_return co_await reader_.Stream(*group, std::nullopt, request.cursor(), writer);
  }
  BURROW_CO_RETURN_IF_ERROR(CheckCallId(request.call_id()));
  CallId id(request.call_id());
  auto call = p_.calls.Find(workspace, id);
  if (call && !call->group) co_return co_await reader_.StreamSingle(call, writer);
  GroupId group_id;
  if (call) {
    group_id = call->group->id;
  } else {
    auto record =
        co_await p_.store_thread.Ask([&store = p_.store, workspace, id] { return store.FindCall(workspace, id); });
    if (!record) co_return Forward(std::move(record.error()));
    if (!*record) co_return Forward(NoSuchCall(request.call_id()));
    group_id = (*record)->group;
  }
  auto group = co_await reader_.Find(workspace, group_id);
  if (!group) co_return Forward(std::move(group.error()));
  co_return co_await reader_.Stream(*group, id, request.cursor(), writer);
}

net::Task<Result<pb::CancelResponse>> CallService::Cancel(const std::string& workspace,
                                                          const pb::CancelRequest& request) {
  std::vector<std::shared_ptr<Call>> calls;
  if (request.has_group_id()) {
    BURROW_CO_RETURN_IF_ERROR(CheckGroupId(request.group_id()));
    if (auto group = p_.calls.FindGroup(workspace, GroupId(request.group_id()))) calls = p_.calls.UnfinishedOf(*group);
  } else {
    BURROW_CO_RETURN_IF_ERROR(CheckCallId(request.call_id()));
    if (auto call = p_.calls.Find(workspace, CallId(request.call_id()))) calls.push_back(call);
  }
  pb::CancelResponse response;
  for (const auto& call : calls) {
    if (p_.dispatcher.Cancel(call, "the call was cancelled")) response.set_cancelled(response.cancelled() + 1);
  }
  co_return response;
}

}  // namespace burrow::control
