// The two shapes of use that every function of the store has: one change in a transaction, and rows read into records.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "store/sqlite_statement.h"
#include "store/sqlite_transaction.h"

namespace burrow::store {

// Runs a statement without rows inside the caller's transaction.
template <class... Values>
Status RunOnce(SqliteDatabase& database, std::string_view sql, const Values&... values) {
  BURROW_ASSIGN_OR_RETURN(auto statement, SqliteStatement::Prepare(database, sql));
  return statement.Run(values...);
}

// Runs one statement as one durable transaction.
template <class... Values>
Status Change(SqliteDatabase& database, std::string_view sql, const Values&... values) {
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  BURROW_RETURN_IF_ERROR(RunOnce(database, sql, values...));
  return transaction.Commit();
}

// `read(statement)` makes a record of each row.
template <class Read, class... Values>
auto Rows(SqliteDatabase& database, std::string_view sql, Read read, const Values&... values)
    -> Result<std::vector<decltype(read(std::declval<const SqliteStatement&>()))>> {
  BURROW_ASSIGN_OR_RETURN(auto statement, SqliteStatement::Prepare(database, sql));
  statement.Bind(values...);
  std::vector<decltype(read(std::as_const(statement)))> rows;
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(const bool row, statement.Next());
    if (!row) return rows;
    rows.push_back(read(std::as_const(statement)));
  }
}

}  // namespace burrow::store
