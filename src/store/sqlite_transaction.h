// A write transaction that is undone unless it is committed.
#pragma once

#include "base/error.h"
#include "store/sqlite_database.h"

namespace burrow::store {

class SqliteTransaction {
 public:
  // Takes the write lock at once, so that no statement inside fails for it. `database` must outlive the transaction.
  static Result<SqliteTransaction> Begin(SqliteDatabase& database);

  SqliteTransaction(SqliteTransaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  // Durable when it returns. After a failure the transaction is undone. Fault points: store.commit.before,
  // store.commit.after.
  Status Commit();

 private:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) {}

  SqliteDatabase* database_;  // null once committed or moved from
};

}  // namespace burrow::store
