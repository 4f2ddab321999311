#include "store/sqlite_transaction.h"

#include "base/faults.h"
#include "base/log.h"

namespace burrow::store {

Result<SqliteTransaction> SqliteTransaction::Begin(SqliteDatabase& database) {
  BURROW_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(database);
}

SqliteTransaction::~SqliteTransaction() {
  // Some failures (disk full, I/O error) make SQLite roll back by itself; a second ROLLBACK would be an error.
  if (database_ == nullptr || sqlite3_get_autocommit(database_->handle()) != 0) return;
  if (auto status = database_->Execute("ROLLBACK"); !status) LogError("roll back: {}", status.error().message());
}

Status SqliteTransaction::Commit() {
  BURROW_RETURN_IF_ERROR(FaultPoint("store.commit.before"));
  BURROW_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return FaultPoint("store.commit.after");
}

}  // namespace burrow::store
