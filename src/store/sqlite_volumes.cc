// Volumes of the SQLite store.
#include "store/sqlite_query.h"
#include "store/sqlite_store.h"

namespace burrow::store {
namespace {

VolumeRecord ReadVolume(const SqliteStatement& row) {
  return {.id = VolumeId(row.Text(0)),
          .workspace = row.Text(1),
          .name = row.Text(2),
          .created_ms = row.Number(3),
          .head = {.index_digest = row.Text(4),
                   .version = row.Number(5),
                   .files = row.Number(6),
                   .bytes = row.Number(7),
                   .changed_ms = row.Number(8)}};
}

VolumeCommit ReadCommit(const SqliteStatement& row) {
  return {
      .volume = VolumeId(row.Text(0)), .owner = row.Text(1), .sequence = row.Number(2), .committed_ms = row.Number(3)};
}

// Whether another volume of the workspace of `id` has the name.
Result<bool> IsTaken(SqliteDatabase& database, const VolumeId& id, const std::string& name) {
  BURROW_ASSIGN_OR_RETURN(auto statement,
                          SqliteStatement::Prepare(database,
                                                   "SELECT 1 FROM volumes WHERE name = ? AND id <> ? AND workspace = "
                                                   "(SELECT workspace FROM volumes WHERE id = ?)"));
  statement.Bind(name, id.str(), id.str());
  return statement.Next();
}

// Only of a volume that is there.
Status PutCommit(SqliteDatabase& database, const VolumeCommit& commit) {
  BURROW_RETURN_IF_ERROR(RunOnce(database, "DELETE FROM volume_commits WHERE volume = ? AND committed_ms + ? < ?",
                                 commit.volume.str(), kVolumeCommitsKeptMs, commit.committed_ms));
  return RunOnce(database,
                 "INSERT OR REPLACE INTO volume_commits (volume, owner, sequence, committed_ms) "
                 "SELECT id, ?, ?, ? FROM volumes WHERE id = ?",
                 commit.owner, commit.sequence, commit.committed_ms, commit.volume.str());
}

}  // namespace

Status SqliteStore::AddVolume(const VolumeRecord& volume) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_ASSIGN_OR_RETURN(
      auto known,
      SqliteStatement::Prepare(database_, "SELECT 1 FROM volumes WHERE id = ? OR (workspace = ? AND name = ?)"));
  known.Bind(volume.id.str(), volume.workspace, volume.name);
  BURROW_ASSIGN_OR_RETURN(const bool taken, known.Next());
  if (taken) return Fail(Code::kAlreadyExists, "there is a volume '{}' already", volume.name);
  const VolumeHead& head = volume.head;
  BURROW_RETURN_IF_ERROR(
      RunOnce(database_,
              "INSERT INTO volumes (id, workspace, name, created_ms, head, version, files, bytes, changed_ms) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
              volume.id.str(), volume.workspace, volume.name, volume.created_ms, head.index_digest, head.version,
              head.files, head.bytes, head.changed_ms));
  return transaction.Commit();
}

Result<std::vector<VolumeRecord>> SqliteStore::Volumes() {
  const std::lock_guard lock(mutex_);
  return Rows(database_,
              "SELECT id, workspace, name, created_ms, head, version, files, bytes, changed_ms FROM volumes "
              "ORDER BY workspace, name",
              ReadVolume);
}

Result<std::vector<VolumeCommit>> SqliteStore::VolumeCommits() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT volume, owner, sequence, committed_ms FROM volume_commits", ReadCommit);
}

Status SqliteStore::MoveVolumeHead(const VolumeId& id, const VolumeHead& head,
                                   const std::optional<VolumeCommit>& commit) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(
      RunOnce(database_, "UPDATE volumes SET head = ?, version = ?, files = ?, bytes = ?, changed_ms = ? WHERE id = ?",
              head.index_digest, head.version, head.files, head.bytes, head.changed_ms, id.str()));
  if (commit) BURROW_RETURN_IF_ERROR(PutCommit(database_, *commit));
  return transaction.Commit();
}

Status SqliteStore::RenameVolume(const VolumeId& id, const std::string& name) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_ASSIGN_OR_RETURN(const bool taken, IsTaken(database_, id, name));
  if (taken) return Fail(Code::kAlreadyExists, "there is a volume '{}' already", name);
  BURROW_RETURN_IF_ERROR(RunOnce(database_, "UPDATE volumes SET name = ? WHERE id = ?", name, id.str()));
  return transaction.Commit();
}

Status SqliteStore::DropVolume(const VolumeId& id) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(RunOnce(database_, "DELETE FROM volume_commits WHERE volume = ?", id.str()));
  BURROW_RETURN_IF_ERROR(RunOnce(database_, "DELETE FROM volumes WHERE id = ?", id.str()));
  return transaction.Commit();
}

}  // namespace burrow::store
