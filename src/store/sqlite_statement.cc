#include "store/sqlite_statement.h"

namespace burrow::store {

Result<SqliteStatement> SqliteStatement::Prepare(SqliteDatabase& database, std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr) != SQLITE_OK) {
    return std::unexpected(database.LastError());
  }
  return SqliteStatement(database, handle);
}

Result<bool> SqliteStatement::Next() {
  if (bind_code_ == SQLITE_TOOBIG) {
    return Fail(Code::kInvalidArgument, "a value is too large for the state database {}", database_->path());
  }
  if (bind_code_ != SQLITE_OK) {
    return Fail(Code::kInternal, "bind a value: {}", sqlite3_errstr(bind_code_));
  }
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = database_->LastError();
  sqlite3_reset(handle_.get());
  return std::unexpected(std::move(error));
}

std::string SqliteStatement::Text(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

// An empty view may have no address, which SQLite would take for NULL.
void SqliteStatement::BindOne(int index, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  Note(sqlite3_bind_text64(handle_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void SqliteStatement::BindOne(int index, Bytes bytes) {
  const char* data = bytes.data.data() == nullptr ? "" : bytes.data.data();
  Note(sqlite3_bind_blob64(handle_.get(), index, data, bytes.data.size(), SQLITE_STATIC));
}

void SqliteStatement::BindOne(int index, uint64_t number) {
  Note(sqlite3_bind_int64(handle_.get(), index, static_cast<int64_t>(number)));
}

Status SqliteStatement::Finish() {
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(const bool row, Next());
    if (!row) break;
  }
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  return {};
}

}  // namespace burrow::store
