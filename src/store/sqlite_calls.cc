// Calls and groups of the SQLite store: the part that sees batches.
#include <algorithm>
#include <limits>

#include "store/sqlite_inserts.h"
#include "store/sqlite_query.h"
#include "store/sqlite_store.h"

namespace burrow::store {
namespace {

constexpr const char* kSelectCall =
    "SELECT id, function, group_id, idx, arguments, finished, result, created_ms, finished_ms FROM calls ";

constexpr const char* kSelectCallAndSeq =
    "SELECT id, function, group_id, idx, arguments, finished, result, created_ms, finished_ms, seq FROM calls ";

CallRecord ReadCall(const SqliteStatement& row) {
  return {.id = CallId(row.Text(0)),
          .function = FunctionId(row.Text(1)),
          .group = GroupId(row.Text(2)),
          .index = static_cast<uint32_t>(row.Number(3)),
          .arguments = row.Text(4),
          .state = row.Bool(5) ? CallState::kFinished : CallState::kQueued,
          .result = row.Text(6),
          .created_ms = row.Number(7),
          .finished_ms = row.Number(8)};
}

GroupRecord ReadGroup(const SqliteStatement& row) {
  return {
      .id = GroupId(row.Text(0)), .function = FunctionId(row.Text(1)), .closed = row.Bool(2), .workspace = row.Text(3)};
}

template <class T>
std::optional<T> First(std::vector<T> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

Result<std::vector<CallId>> SqliteStore::AddCalls(const GroupRecord& group, const std::vector<CallRecord>& calls) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(InsertGroup(database_, group));
  BURROW_ASSIGN_OR_RETURN(auto added, InsertNewCalls(database_, calls));
  BURROW_RETURN_IF_ERROR(transaction.Commit());
  return added;
}

Status SqliteStore::FinishCalls(const std::vector<FinishedCall>& calls) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_ASSIGN_OR_RETURN(auto finish,
                          SqliteStatement::Prepare(database_,
                                                   "UPDATE calls SET finished = 1, result = ?2, finished_ms = ?3 "
                                                   "WHERE id = ?1 AND finished = 0"));
  for (const FinishedCall& call : calls) {
    BURROW_RETURN_IF_ERROR(finish.Run(call.id.str(), Bytes{call.result}, call.finished_ms));
  }
  return transaction.Commit();
}

Result<std::optional<CallRecord>> SqliteStore::FindCall(const std::string& workspace, const CallId& id) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(
      auto rows,
      Rows(database_,
           std::string(kSelectCall) +
               "WHERE id = ?1 AND EXISTS (SELECT 1 FROM groups WHERE id = calls.group_id AND workspace = ?2)",
           ReadCall, id.str(), workspace));
  return First(std::move(rows));
}

Result<std::optional<GroupRecord>> SqliteStore::FindGroup(const std::string& workspace, const GroupId& id) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(
      auto rows, Rows(database_, "SELECT id, function, closed, workspace FROM groups WHERE id = ? AND workspace = ?",
                      ReadGroup, id.str(), workspace));
  return First(std::move(rows));
}

Result<std::vector<CallRecord>> SqliteStore::GroupCalls(const GroupId& id) {
  const std::lock_guard lock(mutex_);
  return Rows(database_, std::string(kSelectCall) + "WHERE group_id = ? ORDER BY idx, seq", ReadCall, id.str());
}

Result<std::vector<CallRecord>> SqliteStore::QueuedCalls() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, std::string(kSelectCall) + "WHERE finished = 0 ORDER BY seq", ReadCall);
}

Status SqliteStore::VisitCalls(const std::function<Status(const CallRecord&)>& visit) {
  constexpr size_t kPiece = 50;  // each may have a megabyte of arguments
  for (uint64_t after = 0;;) {
    std::vector<std::pair<uint64_t, CallRecord>> piece;
    {
      const std::lock_guard lock(mutex_);
      auto read = [](const SqliteStatement& row) { return std::pair(row.Number(9), ReadCall(row)); };
      BURROW_ASSIGN_OR_RETURN(
          piece, Rows(database_, std::string(kSelectCallAndSeq) + "WHERE seq > ? ORDER BY seq LIMIT ?", read, after,
                      uint64_t{kPiece}));
    }
    for (const auto& [seq, call] : piece) {
      after = seq;
      BURROW_RETURN_IF_ERROR(visit(call));
    }
    if (piece.size() < kPiece) return {};
  }
}

Status SqliteStore::DropFinishedBefore(uint64_t unix_ms) {
  const uint64_t bound = std::min(unix_ms, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_ASSIGN_OR_RETURN(
      auto drop_calls, SqliteStatement::Prepare(database_, "DELETE FROM calls WHERE finished = 1 AND finished_ms < ?"));
  BURROW_RETURN_IF_ERROR(drop_calls.Run(bound));
  BURROW_ASSIGN_OR_RETURN(auto drop_groups,
                          SqliteStatement::Prepare(database_,
                                                   "DELETE FROM groups WHERE closed = 1 AND NOT EXISTS "
                                                   "(SELECT 1 FROM calls WHERE group_id = groups.id)"));
  BURROW_RETURN_IF_ERROR(drop_groups.Run());
  return transaction.Commit();
}

}  // namespace burrow::store
