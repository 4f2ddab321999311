#include "store/sqlite_inserts.h"

#include "store/sqlite_query.h"
#include "store/sqlite_statement.h"

namespace burrow::store {

Status InsertApp(SqliteDatabase& database, const AppRecord& app) {
  BURROW_ASSIGN_OR_RETURN(
      auto insert, SqliteStatement::Prepare(database,
                                            "INSERT INTO apps (id, name, ephemeral, created_ms, stopped_ms, workspace) "
                                            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = "
                                            "excluded.name, ephemeral = excluded.ephemeral, "
                                            "created_ms = excluded.created_ms, stopped_ms = excluded.stopped_ms"));
  return insert.Run(app.id.str(), app.name, uint64_t{app.ephemeral}, app.created_ms, app.stopped_ms, app.workspace);
}

Status InsertFunctions(SqliteDatabase& database, const std::vector<FunctionRecord>& functions) {
  BURROW_ASSIGN_OR_RETURN(
      auto insert,
      SqliteStatement::Prepare(database,
                               "INSERT INTO functions (id, app, name, spec) VALUES (?, ?, ?, ?) ON CONFLICT (id) "
                               "DO UPDATE SET app = excluded.app, name = excluded.name, spec = excluded.spec"));
  for (const FunctionRecord& function : functions) {
    BURROW_RETURN_IF_ERROR(insert.Run(function.id.str(), function.app.str(), function.name, Bytes{function.spec}));
  }
  return {};
}

Status DropFunction(SqliteDatabase& database, const FunctionId& id) {
  BURROW_RETURN_IF_ERROR(RunOnce(database, "DELETE FROM functions WHERE id = ?", id.str()));
  return RunOnce(database, "DELETE FROM schedules WHERE function = ?", id.str());
}

// A late repetition of an earlier request must not open a group again: its readers would wait for ever.
Status InsertGroup(SqliteDatabase& database, const GroupRecord& group) {
  BURROW_ASSIGN_OR_RETURN(
      auto put, SqliteStatement::Prepare(database,
                                         "INSERT INTO groups (id, function, closed, workspace) VALUES (?, ?, ?, ?) "
                                         "ON CONFLICT (id) DO UPDATE SET closed = max(closed, excluded.closed) "
                                         "WHERE function = excluded.function"));
  BURROW_RETURN_IF_ERROR(put.Run(group.id.str(), group.function.str(), uint64_t{group.closed}, group.workspace));
  if (database.Changes() > 0) return {};
  return Fail(Code::kInvalidArgument, "the group {} is of another function", group.id.str());
}

Result<std::vector<CallId>> InsertNewCalls(SqliteDatabase& database, const std::vector<CallRecord>& calls) {
  BURROW_ASSIGN_OR_RETURN(
      auto insert, SqliteStatement::Prepare(
                       database,
                       "INSERT INTO calls (id, function, group_id, idx, arguments, finished, result, created_ms, "
                       "finished_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"));
  std::vector<CallId> added;
  added.reserve(calls.size());
  for (const CallRecord& call : calls) {
    const bool finished = call.state == CallState::kFinished;
    BURROW_RETURN_IF_ERROR(insert.Run(call.id.str(), call.function.str(), call.group.str(), uint64_t{call.index},
                                      Bytes{call.arguments}, uint64_t{finished}, Bytes{call.result}, call.created_ms,
                                      call.finished_ms));
    if (database.Changes() > 0) added.push_back(call.id);
  }
  return added;
}

Status DropStepsOf(SqliteDatabase& database, const std::string& scope) {
  if (scope.empty()) return RunOnce(database, "DELETE FROM steps WHERE instr(key, '/') = 0");
  // Keys that begin with "SCOPE/": '0' is the character after '/'.
  return RunOnce(database, "DELETE FROM steps WHERE key >= ?1 || '/' AND key < ?1 || '0'", scope);
}

}  // namespace burrow::store
