#include "store/sqlite_store.h"

#include "store/migrations.h"
#include "store/sqlite_inserts.h"
#include "store/sqlite_query.h"

namespace burrow::store {
namespace {

// A role of a number that nobody knows may do least.
TokenRole RoleOf(uint64_t number) {
  return number <= static_cast<uint64_t>(TokenRole::kCaller) ? static_cast<TokenRole>(number) : TokenRole::kCaller;
}

TokenRecord ReadToken(const SqliteStatement& row) {
  return {.id = row.Text(0),
          .name = row.Text(1),
          .secret_sha256 = row.Text(2),
          .role = RoleOf(row.Number(3)),
          .created_ms = row.Number(4),
          .workspace = row.Text(5)};
}

AppRecord ReadApp(const SqliteStatement& row) {
  return {.id = AppId(row.Text(0)),
          .name = row.Text(1),
          .ephemeral = row.Bool(2),
          .created_ms = row.Number(3),
          .stopped_ms = row.Number(4),
          .workspace = row.Text(5)};
}

FunctionRecord ReadFunction(const SqliteStatement& row) {
  return {.id = FunctionId(row.Text(0)), .app = AppId(row.Text(1)), .name = row.Text(2), .spec = row.Text(3)};
}

HotSetRecord ReadHotSet(const SqliteStatement& row) {
  return {.workspace = row.Text(0),
          .app = row.Text(1),
          .function = row.Text(2),
          .image = row.Text(3),
          .updated_ms = row.Number(4),
          .hot_set = row.Text(5)};
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  BURROW_ASSIGN_OR_RETURN(auto database, SqliteDatabase::Open(path));
  BURROW_RETURN_IF_ERROR(Migrate(database, SqliteMigrations()));
  return std::make_unique<SqliteStore>(std::move(database));
}

Status SqliteStore::PutToken(const TokenRecord& token) {
  const std::lock_guard lock(mutex_);
  return Change(database_,
                "INSERT OR REPLACE INTO tokens (id, name, secret_sha256, role, created_ms, workspace) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                token.id, token.name, token.secret_sha256, static_cast<uint64_t>(token.role), token.created_ms,
                token.workspace);
}

Result<std::vector<TokenRecord>> SqliteStore::Tokens() {
  const std::lock_guard lock(mutex_);
  return Rows(database_,
              "SELECT id, name, secret_sha256, role, created_ms, workspace FROM tokens ORDER BY created_ms, id",
              ReadToken);
}

Status SqliteStore::DropToken(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return Change(database_, "DELETE FROM tokens WHERE id = ?", id);
}

Status SqliteStore::PutApp(const AppRecord& app) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(InsertApp(database_, app));
  return transaction.Commit();
}

Result<std::vector<AppRecord>> SqliteStore::Apps() {
  const std::lock_guard lock(mutex_);
  return Rows(database_,
              "SELECT id, name, ephemeral, created_ms, stopped_ms, workspace FROM apps ORDER BY created_ms, seq",
              ReadApp);
}

Status SqliteStore::PutFunctions(const std::vector<FunctionRecord>& functions, const std::vector<FunctionId>& dropped) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(InsertFunctions(database_, functions));
  for (const FunctionId& id : dropped) BURROW_RETURN_IF_ERROR(DropFunction(database_, id));
  return transaction.Commit();
}

Result<std::vector<FunctionRecord>> SqliteStore::Functions() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT id, app, name, spec FROM functions ORDER BY seq", ReadFunction);
}

Status SqliteStore::DropApps(const std::vector<AppId>& apps) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  for (const char* sql : {"DELETE FROM schedules WHERE function IN (SELECT id FROM functions WHERE app = ?)",
                          "DELETE FROM deployments WHERE app = ?", "DELETE FROM functions WHERE app = ?",
                          "DELETE FROM apps WHERE id = ?"}) {
    BURROW_ASSIGN_OR_RETURN(auto drop, SqliteStatement::Prepare(database_, sql));
    for (const AppId& app : apps) BURROW_RETURN_IF_ERROR(drop.Run(app.str()));
  }
  return transaction.Commit();
}

Status SqliteStore::PutHotSet(const HotSetRecord& record) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(
      RunOnce(database_,
              "INSERT OR REPLACE INTO hot_sets (workspace, app, function, image, updated_ms, hot_set) "
              "VALUES (?, ?, ?, ?, ?, ?)",
              record.workspace, record.app, record.function, record.image, record.updated_ms, Bytes{record.hot_set}));
  BURROW_RETURN_IF_ERROR(RunOnce(database_,
                                 "DELETE FROM hot_sets WHERE id IN (SELECT id FROM hot_sets WHERE workspace = ? "
                                 "ORDER BY updated_ms DESC, id DESC LIMIT -1 OFFSET ?)",
                                 record.workspace, uint64_t{kMaxHotSets}));
  return transaction.Commit();
}

Result<std::vector<HotSetRecord>> SqliteStore::HotSets() {
  const std::lock_guard lock(mutex_);
  return Rows(database_,
              "SELECT workspace, app, function, image, updated_ms, hot_set FROM hot_sets "
              "ORDER BY updated_ms DESC, id DESC",
              ReadHotSet);
}

}  // namespace burrow::store
