// One prepared statement, finalised with its owner. Used by the thread that uses its database, which must outlive it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/sqlite_database.h"

namespace burrow::store {

// Bytes that are no text: bound as a BLOB.
struct Bytes {
  std::string_view data;
};

class SqliteStatement {
 public:
  static Result<SqliteStatement> Prepare(SqliteDatabase& database, std::string_view sql);

  // Binds the parameters from the first on and runs to the end; rows are dropped. May be repeated with other values.
  // The values need to live only until it returns.
  template <class... Values>
  Status Run(const Values&... values) {
    Bind(values...);
    return Finish();
  }
  // Binds the parameters; Next() then gives the rows. Text and bytes are not copied: they must live until the last
  // Next().
  template <class... Values>
  void Bind(const Values&... values) {
    sqlite3_reset(handle_.get());
    bind_code_ = SQLITE_OK;
    int index = 0;
    (BindOne(++index, values), ...);
  }
  // True: a row is there to be read; false: the end.
  Result<bool> Next();

  // Columns of the present row, from 0.
  std::string Text(int column) const;
  uint64_t Number(int column) const { return static_cast<uint64_t>(sqlite3_column_int64(handle_.get(), column)); }
  bool Bool(int column) const { return Number(column) != 0; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };

  SqliteStatement(SqliteDatabase& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}

  void BindOne(int index, std::string_view text);
  void BindOne(int index, Bytes bytes);
  void BindOne(int index, uint64_t number);
  void Note(int code) {
    if (bind_code_ == SQLITE_OK) bind_code_ = code;
  }
  Status Finish();

  SqliteDatabase* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int bind_code_ = SQLITE_OK;
};

}  // namespace burrow::store
