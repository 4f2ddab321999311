#include "store/migrations.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "store/sqlite_statement.h"
#include "store/sqlite_transaction.h"

namespace burrow::store {
namespace {

// "Brrw": marks the file as ours.
constexpr uint64_t kApplicationId = 0x42727277;

// `seq` keeps the order of submission. Finished and queued calls have an index each, so that neither a start of the
// daemon nor a clean-up reads the other kind.
constexpr const char* kStep1 = R"(
CREATE TABLE tokens (
  id            TEXT PRIMARY KEY,
  secret_sha256 TEXT NOT NULL,
  role          INTEGER NOT NULL,
  created_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE apps (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  ephemeral  INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  stopped_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE functions (
  seq  INTEGER PRIMARY KEY,
  id   TEXT NOT NULL UNIQUE,
  app  TEXT NOT NULL,
  name TEXT NOT NULL,
  spec BLOB NOT NULL
) STRICT;

CREATE TABLE images (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  image       BLOB NOT NULL,
  description TEXT NOT NULL,
  files       INTEGER NOT NULL,
  bytes       INTEGER NOT NULL,
  created_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE steps (
  key   TEXT PRIMARY KEY,
  image TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
  id       TEXT PRIMARY KEY,
  function TEXT NOT NULL,
  closed   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  function    TEXT NOT NULL,
  group_id    TEXT NOT NULL,
  idx         INTEGER NOT NULL,
  finished    INTEGER NOT NULL,
  created_ms  INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL,
  result      BLOB NOT NULL,
  arguments   BLOB NOT NULL
) STRICT;
CREATE INDEX calls_of_group ON calls (group_id, idx);
CREATE INDEX calls_queued ON calls (seq) WHERE finished = 0;
CREATE INDEX calls_finished ON calls (finished_ms) WHERE finished = 1;
)";

constexpr const char* kStep2 = R"(
CREATE TABLE image_names (
  name  TEXT PRIMARY KEY,
  image TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE imported (
  key    TEXT PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)";

constexpr const char* kStep3 = R"(
CREATE TABLE hot_sets (
  id         INTEGER PRIMARY KEY,
  image      TEXT NOT NULL,
  function   TEXT NOT NULL,
  updated_ms INTEGER NOT NULL,
  hot_set    BLOB NOT NULL,
  UNIQUE (image, function)
) STRICT;
)";

// The cache of steps is kept by what each led to, so that steps need not be images.
constexpr const char* kStep4 = R"(
DROP TABLE steps;
CREATE TABLE steps (
  key        TEXT PRIMARY KEY,
  image      BLOB NOT NULL,
  files      INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE images ADD COLUMN build TEXT NOT NULL DEFAULT '';
)";

// `last_ms` of a schedule is the time for which its last call was made, or from which on it counts.
constexpr const char* kStep5 = R"(
CREATE TABLE secrets (
  workspace  TEXT NOT NULL,
  name       TEXT NOT NULL,
  sealed     BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
  function TEXT PRIMARY KEY,
  last_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deployments (
  app         TEXT NOT NULL,
  version     INTEGER NOT NULL,
  deployed_ms INTEGER NOT NULL,
  functions   TEXT NOT NULL,
  PRIMARY KEY (app, version)
) STRICT, WITHOUT ROWID;
)";

constexpr const char* kStep6 = R"(
ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
)";

// What was there before there were workspaces belongs to the default one. A call belongs to its group's.
constexpr const char* kStep7 = R"(
CREATE TABLE workspaces (
  name             TEXT PRIMARY KEY,
  max_containers   INTEGER NOT NULL,
  max_cpu_millis   INTEGER NOT NULL,
  max_memory_mib   INTEGER NOT NULL,
  max_queued_calls INTEGER NOT NULL,
  shares_cache     INTEGER NOT NULL,
  created_ms       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO workspaces VALUES ('default', 0, 0, 0, 0, 1, 0);

ALTER TABLE tokens ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';
ALTER TABLE apps ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';
ALTER TABLE images ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';
ALTER TABLE groups ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';

ALTER TABLE image_names RENAME TO old_image_names;
CREATE TABLE image_names (
  workspace TEXT NOT NULL,
  name      TEXT NOT NULL,
  image     TEXT NOT NULL,
  PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;
INSERT INTO image_names SELECT 'default', name, image FROM old_image_names;
DROP TABLE old_image_names;
)";

constexpr const char* kStep8 = R"(
CREATE TABLE volumes (
  id         TEXT PRIMARY KEY,
  workspace  TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  head       TEXT NOT NULL,
  version    INTEGER NOT NULL,
  files      INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  UNIQUE (workspace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE volume_commits (
  volume       TEXT NOT NULL,
  owner        TEXT NOT NULL,
  sequence     INTEGER NOT NULL,
  committed_ms INTEGER NOT NULL,
  PRIMARY KEY (volume, owner)
) STRICT, WITHOUT ROWID;

ALTER TABLE workspaces ADD COLUMN max_storage_mib INTEGER NOT NULL DEFAULT 0;
)";

// What was recorded before does not say of which app and workspace: it will be recorded again.
constexpr const char* kStep9 = R"(
DROP TABLE hot_sets;
CREATE TABLE hot_sets (
  id         INTEGER PRIMARY KEY,
  workspace  TEXT NOT NULL,
  app        TEXT NOT NULL,
  function   TEXT NOT NULL,
  image      TEXT NOT NULL,
  updated_ms INTEGER NOT NULL,
  hot_set    BLOB NOT NULL,
  UNIQUE (workspace, app, function, image)
) STRICT;
)";

constexpr std::array kSteps = {kStep1, kStep2, kStep3, kStep4, kStep5, kStep6, kStep7, kStep8, kStep9};

Result<uint64_t> Pragma(SqliteDatabase& database, std::string_view sql) {
  BURROW_ASSIGN_OR_RETURN(auto statement, SqliteStatement::Prepare(database, sql));
  BURROW_ASSIGN_OR_RETURN(const bool row, statement.Next());
  return row ? statement.Number(0) : 0;
}

Status CheckOwner(SqliteDatabase& database) {
  BURROW_ASSIGN_OR_RETURN(const uint64_t owner, Pragma(database, "PRAGMA application_id"));
  if (owner == kApplicationId) return {};
  BURROW_ASSIGN_OR_RETURN(const uint64_t objects, Pragma(database, "SELECT count(*) FROM sqlite_schema"));
  if (owner == 0 && objects == 0) return {};  // new
  return Fail(Code::kFailedPrecondition, "{} is a database of another program: use another --state-dir",
              database.path());
}

Status CheckNotNewer(const SqliteDatabase& database, uint64_t found, uint64_t known) {
  if (found <= known) return {};
  return Fail(
      Code::kFailedPrecondition,
      "the state database {} has schema version {}, written by a newer Burrow, and this one knows versions up to {}: "
      "install the newer Burrow again, or use another --state-dir",
      database.path(), found, known);
}

}  // namespace

std::span<const char* const> SqliteMigrations() { return kSteps; }

Result<uint64_t> SchemaVersion(SqliteDatabase& database) { return Pragma(database, "PRAGMA user_version"); }

Status Migrate(SqliteDatabase& database, std::span<const char* const> steps) {
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  BURROW_RETURN_IF_ERROR(CheckOwner(database));
  BURROW_ASSIGN_OR_RETURN(const uint64_t found, SchemaVersion(database));
  BURROW_RETURN_IF_ERROR(CheckNotNewer(database, found, steps.size()));
  if (found == steps.size()) return {};

  for (uint64_t version = found; version < steps.size(); ++version) {
    if (auto status = database.Execute(steps[version]); !status) {
      return Forward(std::move(status.error()).WithContext(fmt::format("migrate to schema version {}", version + 1)));
    }
  }
  const std::string marks =
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, steps.size());
  BURROW_RETURN_IF_ERROR(database.Execute(marks.c_str()));
  return transaction.Commit();
}

}  // namespace burrow::store
