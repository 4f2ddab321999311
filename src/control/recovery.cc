#include "control/recovery.h"

#include <utility>

#include "base/log.h"
#include "control/failures.h"
#include "control/schedule_loading.h"

namespace burrow::control {
namespace {

Status RecoverImages(const RecoveryParts& p) {
  BURROW_ASSIGN_OR_RETURN(auto records, p.store.Images());
  for (auto& record : records) {
    ImageEntry entry;
    if (!entry.image.ParseFromString(record.image))
      return Fail(Code::kDataLoss, "the stored image {} is damaged", record.id.str());
    entry.record = std::move(record);
    p.images.Add(std::move(entry));
  }
  BURROW_ASSIGN_OR_RETURN(auto names, p.store.ImageNames());
  for (const auto& name : names) p.images.Name(name.workspace, name.name, name.image);
  return {};
}

Status RecoverApps(const RecoveryParts& p) {
  BURROW_ASSIGN_OR_RETURN(auto apps, p.store.Apps());
  for (auto& record : apps) {
    App& app = p.apps.Add(std::make_shared<App>(p.io, std::move(record)));
    if (app.stopped()) app.feed.Close();
  }
  BURROW_ASSIGN_OR_RETURN(auto functions, p.store.Functions());
  for (const auto& record : functions) {
    App* app = p.apps.Find(record.app);
    if (!app || !app->live()) continue;
    auto function = std::make_shared<Function>(p.io, record.id, app);
    if (!function->spec.ParseFromString(record.spec))
      return Fail(Code::kDataLoss, "the stored function {} is damaged", record.id.str());
    p.apps.Enter(function);
  }
  return {};
}

Result<std::shared_ptr<Group>> RecoverGroup(const RecoveryParts& p, const store::CallRecord& record,
                                            const std::string& workspace) {
  auto group = p.calls.FindGroup(workspace, record.group);
  if (group) return group;
  BURROW_ASSIGN_OR_RETURN(auto known, p.store.FindGroup(workspace, record.group));
  group = p.calls.NewGroup(workspace, record.group, record.function);
  group->stored = true;
  group->closed = !known || known->closed;
  group->loaded = false;
  return group;
}

void EndOrphan(const RecoveryParts& p, const store::CallRecord& record) {
  auto failure = Cancelled("the app was stopped");
  pb::CallResult result;
  result.set_call_id(record.id.str());
  result.set_status(failure.status);
  *result.mutable_error() = std::move(failure.error);
  p.writer.Write({record.id, result.SerializeAsString(), p.clock.UnixMillis()}, [] {});
}

Status RecoverCalls(const RecoveryParts& p) {
  BURROW_ASSIGN_OR_RETURN(auto records, p.store.QueuedCalls());
  size_t found = 0;
  for (const auto& record : records) {
    auto function = p.apps.FindFunction(record.function);
    if (!function) {
      EndOrphan(p, record);
      continue;
    }
    BURROW_ASSIGN_OR_RETURN(auto group, RecoverGroup(p, record, function->workspace));
    BURROW_RETURN_IF_ERROR(QueueStoredCall({record, function, std::move(group)}, p.calls, p.lifecycle, p.dispatcher));
    found++;
  }
  if (found > 0) LogInfo("{} unfinished calls were found again", found);
  return {};
}

// A schedule whose time zone has gone from this machine keeps its function from nothing but that.
Status RecoverSchedules(const RecoveryParts& p) {
  BURROW_ASSIGN_OR_RETURN(const auto records, p.store.Schedules());
  for (const auto& record : records) {
    const auto function = p.apps.FindFunction(record.function);
    if (!function || function->app->record.ephemeral || !function->spec.function().has_schedule()) continue;
    auto schedule = LoadSchedule(function->spec.function().schedule());
    if (schedule) {
      p.schedules.Set(function, std::move(*schedule), record.last_ms);
    } else {
      LogError("{} is not called by its schedule: {}", Label(*function), schedule.error().message());
    }
  }
  return {};
}

}  // namespace

Status QueueStoredCall(const StoredCall& stored, CallTable& calls, AppLifecycle& lifecycle, Dispatcher& dispatcher) {
  auto call = std::make_shared<Call>();
  call->id = stored.record.id;
  call->function = stored.function;
  call->group = stored.group;
  call->index = stored.record.index;
  call->stored = true;
  if (!ReadStoredInput(stored.record.arguments, *call))
    return Fail(Code::kDataLoss, "the stored call {} is damaged", stored.record.id.str());
  lifecycle.CallStored(*stored.function->app);
  calls.Add(call);
  dispatcher.Submit(call);
  return {};
}

Status Recover(const RecoveryParts& p) {
  BURROW_RETURN_IF_ERROR(RecoverImages(p));
  BURROW_RETURN_IF_ERROR(RecoverApps(p));
  BURROW_RETURN_IF_ERROR(RecoverCalls(p));
  BURROW_RETURN_IF_ERROR(RecoverSchedules(p));
  for (App* app : p.apps.All()) {
    if (!app->live()) continue;
    p.lifecycle.Begin(*app, true);
    for (const auto& [name, function] : app->functions) p.dispatcher.Pump(function);
  }
  return {};
}

}  // namespace burrow::control
