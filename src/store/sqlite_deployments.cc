// Deployed apps, their schedules, and secrets, in the SQLite store.
#include <set>

#include "store/sqlite_inserts.h"
#include "store/sqlite_query.h"
#include "store/sqlite_store.h"

namespace burrow::store {
namespace {

SecretRecord ReadSecret(const SqliteStatement& row) {
  return {.workspace = row.Text(0),
          .name = row.Text(1),
          .sealed = row.Text(2),
          .created_ms = row.Number(3),
          .updated_ms = row.Number(4)};
}

ScheduleRecord ReadSchedule(const SqliteStatement& row) {
  return {.function = FunctionId(row.Text(0)), .last_ms = row.Number(1)};
}

DeploymentRecord ReadDeployment(const SqliteStatement& row) {
  return {.version = static_cast<uint32_t>(row.Number(0)), .deployed_ms = row.Number(1), .functions = row.Text(2)};
}

Status DropOtherFunctions(SqliteDatabase& database, const Deployment& deployment) {
  std::set<std::string> kept;
  for (const FunctionRecord& function : deployment.functions) kept.insert(function.id.str());
  BURROW_ASSIGN_OR_RETURN(auto known,
                          Rows(
                              database, "SELECT id FROM functions WHERE app = ?",
                              [](const SqliteStatement& row) { return row.Text(0); }, deployment.app.id.str()));
  for (const std::string& id : known) {
    if (kept.contains(id)) continue;
    BURROW_RETURN_IF_ERROR(DropFunction(database, FunctionId(id)));
  }
  return {};
}

// Those that have none any more lose it; the others go on from the later one of both times.
Status PutSchedules(SqliteDatabase& database, const Deployment& deployment) {
  std::set<std::string> scheduled;
  for (const ScheduleRecord& schedule : deployment.schedules) {
    scheduled.insert(schedule.function.str());
    BURROW_RETURN_IF_ERROR(RunOnce(database,
                                   "INSERT INTO schedules (function, last_ms) VALUES (?, ?) ON CONFLICT (function) "
                                   "DO UPDATE SET last_ms = max(last_ms, excluded.last_ms)",
                                   schedule.function.str(), schedule.last_ms));
  }
  for (const FunctionRecord& function : deployment.functions) {
    if (scheduled.contains(function.id.str())) continue;
    BURROW_RETURN_IF_ERROR(RunOnce(database, "DELETE FROM schedules WHERE function = ?", function.id.str()));
  }
  return {};
}

// Gives the number of the new version.
Result<uint32_t> AddVersion(SqliteDatabase& database, const Deployment& deployment) {
  std::string names;
  // Variants, which have a # in their name, are nobody's own.
  for (const FunctionRecord& function : deployment.functions)
    if (function.name.find('#') == std::string::npos) names += function.name + "\n";
  const std::string& app = deployment.app.id.str();
  BURROW_ASSIGN_OR_RETURN(auto last, Rows(
                                         database, "SELECT ifnull(max(version), 0) FROM deployments WHERE app = ?",
                                         [](const SqliteStatement& row) { return row.Number(0); }, app));
  const uint64_t version = last.front() + 1;
  BURROW_RETURN_IF_ERROR(RunOnce(database,
                                 "INSERT INTO deployments (app, version, deployed_ms, functions) VALUES (?, ?, ?, ?)",
                                 app, version, deployment.deployed_ms, names));
  const uint64_t oldest = version > kMaxDeployments ? version - kMaxDeployments : 0;
  BURROW_RETURN_IF_ERROR(RunOnce(database, "DELETE FROM deployments WHERE app = ? AND version <= ?", app, oldest));
  return static_cast<uint32_t>(version);
}

}  // namespace

Result<uint32_t> SqliteStore::PutDeployment(const Deployment& deployment) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(InsertApp(database_, deployment.app));
  BURROW_RETURN_IF_ERROR(DropOtherFunctions(database_, deployment));
  BURROW_RETURN_IF_ERROR(InsertFunctions(database_, deployment.functions));
  BURROW_RETURN_IF_ERROR(PutSchedules(database_, deployment));
  BURROW_ASSIGN_OR_RETURN(const uint32_t version, AddVersion(database_, deployment));
  BURROW_RETURN_IF_ERROR(transaction.Commit());
  return version;
}

Result<std::vector<DeploymentRecord>> SqliteStore::Deployments(const AppId& app) {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT version, deployed_ms, functions FROM deployments WHERE app = ? ORDER BY version DESC",
              ReadDeployment, app.str());
}

Status SqliteStore::PutSecret(const SecretRecord& secret) {
  const std::lock_guard lock(mutex_);
  return Change(database_,
                "INSERT INTO secrets (workspace, name, sealed, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?) ON "
                "CONFLICT (workspace, name) DO UPDATE SET sealed = excluded.sealed, updated_ms = excluded.updated_ms",
                secret.workspace, secret.name, Bytes{secret.sealed}, secret.created_ms, secret.updated_ms);
}

Result<std::vector<SecretRecord>> SqliteStore::Secrets() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT workspace, name, sealed, created_ms, updated_ms FROM secrets ORDER BY workspace, name",
              ReadSecret);
}

Status SqliteStore::DropSecret(const std::string& workspace, const std::string& name) {
  const std::lock_guard lock(mutex_);
  return Change(database_, "DELETE FROM secrets WHERE workspace = ? AND name = ?", workspace, name);
}

Result<std::vector<ScheduleRecord>> SqliteStore::Schedules() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT function, last_ms FROM schedules ORDER BY function", ReadSchedule);
}

Result<bool> SqliteStore::FireSchedule(const ScheduleRecord& schedule, const GroupRecord& group,
                                       const CallRecord& call) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(RunOnce(database_, "UPDATE schedules SET last_ms = ?2 WHERE function = ?1 AND last_ms < ?2",
                                 schedule.function.str(), schedule.last_ms));
  if (database_.Changes() == 0) return false;
  BURROW_RETURN_IF_ERROR(InsertGroup(database_, group));
  BURROW_RETURN_IF_ERROR(InsertNewCalls(database_, {call}));
  BURROW_RETURN_IF_ERROR(transaction.Commit());
  return true;
}

}  // namespace burrow::store
