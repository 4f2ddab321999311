// Workspaces of the SQLite store.
#include "store/sqlite_inserts.h"
#include "store/sqlite_query.h"
#include "store/sqlite_store.h"

namespace burrow::store {
namespace {

WorkspaceRecord ReadWorkspace(const SqliteStatement& row) {
  return {.name = row.Text(0),
          .max_containers = static_cast<uint32_t>(row.Number(1)),
          .max_cpu_millis = static_cast<uint32_t>(row.Number(2)),
          .max_memory_mib = static_cast<uint32_t>(row.Number(3)),
          .max_queued_calls = static_cast<uint32_t>(row.Number(4)),
          .max_storage_mib = row.Number(5),
          .shares_cache = row.Bool(6),
          .created_ms = row.Number(7)};
}

// Each takes the workspace's name. Rows that others are found by go last.
constexpr const char* kDrops[] = {
    ("DELETE FROM schedules WHERE function IN "
     "(SELECT functions.id FROM functions JOIN apps ON apps.id = functions.app WHERE apps.workspace = ?)"),
    "DELETE FROM functions WHERE app IN (SELECT id FROM apps WHERE workspace = ?)",
    "DELETE FROM deployments WHERE app IN (SELECT id FROM apps WHERE workspace = ?)",
    "DELETE FROM apps WHERE workspace = ?",
    "DELETE FROM calls WHERE group_id IN (SELECT id FROM groups WHERE workspace = ?)",
    "DELETE FROM groups WHERE workspace = ?",
    "DELETE FROM image_names WHERE workspace = ?",
    "DELETE FROM images WHERE workspace = ?",
    "DELETE FROM hot_sets WHERE workspace = ?",
    "DELETE FROM secrets WHERE workspace = ?",
    "DELETE FROM volume_commits WHERE volume IN (SELECT id FROM volumes WHERE workspace = ?)",
    "DELETE FROM volumes WHERE workspace = ?",
    "DELETE FROM workspaces WHERE name = ?",
};

}  // namespace

Status SqliteStore::PutWorkspace(const WorkspaceRecord& workspace) {
  const std::lock_guard lock(mutex_);
  return Change(database_,
                "INSERT OR REPLACE INTO workspaces (name, max_containers, max_cpu_millis, max_memory_mib, "
                "max_queued_calls, max_storage_mib, shares_cache, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                workspace.name, uint64_t{workspace.max_containers}, uint64_t{workspace.max_cpu_millis},
                uint64_t{workspace.max_memory_mib}, uint64_t{workspace.max_queued_calls}, workspace.max_storage_mib,
                uint64_t{workspace.shares_cache}, workspace.created_ms);
}

Result<std::vector<WorkspaceRecord>> SqliteStore::Workspaces() {
  const std::lock_guard lock(mutex_);
  return Rows(
      database_,
      "SELECT name, max_containers, max_cpu_millis, max_memory_mib, max_queued_calls, max_storage_mib, shares_cache, "
      "created_ms FROM workspaces ORDER BY name",
      ReadWorkspace);
}

Status SqliteStore::DropWorkspace(const std::string& name) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  for (const char* sql : kDrops) BURROW_RETURN_IF_ERROR(RunOnce(database_, sql, name));
  BURROW_RETURN_IF_ERROR(DropStepsOf(database_, name));
  return transaction.Commit();
}

}  // namespace burrow::store
