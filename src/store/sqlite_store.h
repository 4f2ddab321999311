// The Store in one SQLite file. Thread-safe: one connection, one mutex, since SQLite has one writer anyway.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite_database.h"
#include "store/store.h"

namespace burrow::store {

class SqliteStore final : public Store {
 public:
  // Takes a database that has been migrated.
  explicit SqliteStore(SqliteDatabase database) : database_(std::move(database)) {}

  Status PutWorkspace(const WorkspaceRecord& workspace) override;
  Result<std::vector<WorkspaceRecord>> Workspaces() override;
  Status DropWorkspace(const std::string& name) override;
  Status PutToken(const TokenRecord& token) override;
  Result<std::vector<TokenRecord>> Tokens() override;
  Status DropToken(const std::string& id) override;

  Status PutApp(const AppRecord& app) override;
  Result<std::vector<AppRecord>> Apps() override;
  using Store::PutFunctions;
  Status PutFunctions(const std::vector<FunctionRecord>& functions, const std::vector<FunctionId>& dropped) override;
  Result<std::vector<FunctionRecord>> Functions() override;
  Status DropApps(const std::vector<AppId>& apps) override;

  Result<uint32_t> PutDeployment(const Deployment& deployment) override;
  Result<std::vector<DeploymentRecord>> Deployments(const AppId& app) override;
  Status PutSecret(const SecretRecord& secret) override;
  Result<std::vector<SecretRecord>> Secrets() override;
  Status DropSecret(const std::string& workspace, const std::string& name) override;
  Status AddVolume(const VolumeRecord& volume) override;
  Result<std::vector<VolumeRecord>> Volumes() override;
  Result<std::vector<VolumeCommit>> VolumeCommits() override;
  Status MoveVolumeHead(const VolumeId& id, const VolumeHead& head, const std::optional<VolumeCommit>& commit) override;
  Status RenameVolume(const VolumeId& id, const std::string& name) override;
  Status DropVolume(const VolumeId& id) override;
  Result<std::vector<ScheduleRecord>> Schedules() override;
  Result<bool> FireSchedule(const ScheduleRecord& schedule, const GroupRecord& group, const CallRecord& call) override;

  Status PutImage(const ImageRecord& image) override;
  Result<std::vector<ImageRecord>> Images() override;
  Status PutHotSet(const HotSetRecord& record) override;
  Result<std::vector<HotSetRecord>> HotSets() override;
  Status DropImages(const std::vector<ImageId>& images) override;
  Status PutStep(const StepRecord& step) override;
  Result<std::optional<StepRecord>> FindStep(const std::string& key) override;
  Result<std::vector<StepRecord>> Steps() override;
  Result<uint64_t> DropSteps(const std::string& scope) override;
  Status NameImage(const ImageName& name) override;
  Status DropImageNames(const std::string& workspace, const std::vector<std::string>& names) override;
  Result<std::vector<ImageName>> ImageNames() override;
  Status PutImported(const std::string& key, const std::string& digest) override;
  Result<std::optional<std::string>> FindImported(const std::string& key) override;

  Result<std::vector<CallId>> AddCalls(const GroupRecord& group, const std::vector<CallRecord>& calls) override;
  Status FinishCalls(const std::vector<FinishedCall>& calls) override;
  Result<std::optional<CallRecord>> FindCall(const std::string& workspace, const CallId& id) override;
  Result<std::optional<GroupRecord>> FindGroup(const std::string& workspace, const GroupId& id) override;
  Result<std::vector<CallRecord>> GroupCalls(const GroupId& id) override;
  Result<std::vector<CallRecord>> QueuedCalls() override;
  Status VisitCalls(const std::function<Status(const CallRecord&)>& visit) override;
  Status DropFinishedBefore(uint64_t unix_ms) override;

 private:
  std::mutex mutex_;
  SqliteDatabase database_;  // guarded by mutex_
};

}  // namespace burrow::store
