#include "store/sqlite_database.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/unique_fd.h"

namespace burrow::store {
namespace {

constexpr int kBusyTimeoutMs = 5000;
// The log is cut back to this size after a checkpoint, so that one large batch does not keep its space for ever.
constexpr const char* kSetUp = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA trusted_schema = OFF;
)";

// SQLite would create the file by the umask; it gives its -wal and -shm files the mode of the database.
Status MakePrivateFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return FailErrno(fmt::format("open the state database {}", path));
  if (::fchmod(fd.get(), 0600) != 0) return FailErrno(fmt::format("make the state database {} private", path));
  return {};
}

Error ErrorOf(int sqlite_code, const std::string& path, const char* detail, int os_errno) {
  switch (sqlite_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::kDataLoss,
              fmt::format("the state database {} is damaged ({}): restore it from a backup, or move it "
                          "and its -wal file away to start with empty state",
                          path, detail)};
    case SQLITE_FULL:
      return {Code::kResourceExhausted,
              fmt::format("no space left for the state database {}: free some disk space", path)};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable,
              fmt::format("the state database {} is held by another process: stop the other one", path)};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return {Code::kPermissionDenied,
              fmt::format("the state database {} cannot be written ({}): check the owner and mode of its directory",
                          path, detail),
              os_errno};
    default:
      return {Code::kInternal, fmt::format("the state database {} failed: {}", path, detail), os_errno};
  }
}

}  // namespace

Result<SqliteDatabase> SqliteDatabase::Open(const std::string& path) {
  BURROW_RETURN_IF_ERROR(MakePrivateFile(path));
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  SqliteDatabase database(path, handle);
  if (handle == nullptr) return Fail(Code::kResourceExhausted, "no memory to open the state database {}", path);
  if (code != SQLITE_OK) return std::unexpected(database.LastError());
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  BURROW_RETURN_IF_ERROR(database.Execute(kSetUp));
  return database;
}

Status SqliteDatabase::Execute(const char* sql) {
  if (sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return std::unexpected(LastError());
  return {};
}

Error SqliteDatabase::LastError() const {
  return ErrorOf(sqlite3_extended_errcode(handle()), path_, sqlite3_errmsg(handle()), sqlite3_system_errno(handle()));
}

}  // namespace burrow::store
