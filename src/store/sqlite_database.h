// One connection to a SQLite database, set up for durability: WAL, synchronous=FULL, foreign programs' files refused
// later by the migrations. Not thread-safe: its owner serialises.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace burrow::store {

class SqliteDatabase {
 public:
  // Opens or creates the file with mode 0600. kDataLoss when it is no database or damaged.
  static Result<SqliteDatabase> Open(const std::string& path);

  // Runs statements without parameters and without rows.
  Status Execute(const char* sql);
  // The connection's last error as ours, naming the file and what to do.
  Error LastError() const;
  // Rows that the last statement inserted, changed or deleted.
  int64_t Changes() const { return sqlite3_changes64(handle_.get()); }

  sqlite3* handle() const { return handle_.get(); }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  SqliteDatabase(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace burrow::store
