#include <fmt/format.h>

#include "store/sqlite_inserts.h"
#include "store/sqlite_query.h"
#include "store/sqlite_store.h"

namespace burrow::store {
namespace {

constexpr std::string_view kImageColumns = "id, image, description, files, bytes, created_ms, build, workspace";

ImageRecord ReadImage(const SqliteStatement& row) {
  return {.id = ImageId(row.Text(0)),
          .image = row.Text(1),
          .description = row.Text(2),
          .files = row.Number(3),
          .bytes = row.Number(4),
          .created_ms = row.Number(5),
          .build = row.Text(6),
          .workspace = row.Text(7)};
}

StepRecord ReadStep(const SqliteStatement& row) {
  return {.key = row.Text(0),
          .image = row.Text(1),
          .files = row.Number(2),
          .bytes = row.Number(3),
          .created_ms = row.Number(4)};
}

// Runs the statement for each value, as one transaction.
template <class Values, class Text>
Status ForEach(SqliteDatabase& database, std::string_view sql, const Values& values, Text text) {
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  BURROW_ASSIGN_OR_RETURN(auto statement, SqliteStatement::Prepare(database, sql));
  for (const auto& value : values) BURROW_RETURN_IF_ERROR(statement.Run(text(value)));
  return transaction.Commit();
}

}  // namespace

Status SqliteStore::PutImage(const ImageRecord& image) {
  const std::lock_guard lock(mutex_);
  return Change(database_,
                "INSERT INTO images (id, image, description, files, bytes, created_ms, build, workspace) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET image = excluded.image, description = "
                "excluded.description, "
                "files = excluded.files, bytes = excluded.bytes, created_ms = excluded.created_ms, "
                "build = excluded.build",
                image.id.str(), Bytes{image.image}, image.description, image.files, image.bytes, image.created_ms,
                image.build, image.workspace);
}

Result<std::vector<ImageRecord>> SqliteStore::Images() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, fmt::format("SELECT {} FROM images ORDER BY created_ms, seq", kImageColumns), ReadImage);
}

Status SqliteStore::DropImages(const std::vector<ImageId>& images) {
  const std::lock_guard lock(mutex_);
  return ForEach(database_, "DELETE FROM images WHERE id = ?", images, [](const ImageId& id) { return id.str(); });
}

Status SqliteStore::PutStep(const StepRecord& step) {
  const std::lock_guard lock(mutex_);
  return Change(database_, "INSERT OR REPLACE INTO steps (key, image, files, bytes, created_ms) VALUES (?, ?, ?, ?, ?)",
                step.key, Bytes{step.image}, step.files, step.bytes, step.created_ms);
}

Result<std::optional<StepRecord>> SqliteStore::FindStep(const std::string& key) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(
      auto rows,
      Rows(database_, "SELECT key, image, files, bytes, created_ms FROM steps WHERE key = ?", ReadStep, key));
  if (rows.empty()) return std::optional<StepRecord>();
  return std::optional<StepRecord>(std::move(rows.front()));
}

Result<std::vector<StepRecord>> SqliteStore::Steps() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT key, image, files, bytes, created_ms FROM steps", ReadStep);
}

Result<uint64_t> SqliteStore::DropSteps(const std::string& scope) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_RETURN_IF_ERROR(DropStepsOf(database_, scope));
  const auto dropped = static_cast<uint64_t>(database_.Changes());
  BURROW_RETURN_IF_ERROR(transaction.Commit());
  return dropped;
}

Status SqliteStore::NameImage(const ImageName& name) {
  const std::lock_guard lock(mutex_);
  return Change(database_, "INSERT OR REPLACE INTO image_names (workspace, name, image) VALUES (?, ?, ?)",
                name.workspace, name.name, name.image.str());
}

Status SqliteStore::DropImageNames(const std::string& workspace, const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database_));
  BURROW_ASSIGN_OR_RETURN(
      auto drop, SqliteStatement::Prepare(database_, "DELETE FROM image_names WHERE workspace = ? AND name = ?"));
  for (const auto& name : names) BURROW_RETURN_IF_ERROR(drop.Run(workspace, name));
  return transaction.Commit();
}

Result<std::vector<ImageName>> SqliteStore::ImageNames() {
  const std::lock_guard lock(mutex_);
  return Rows(database_, "SELECT workspace, name, image FROM image_names ORDER BY workspace, name",
              [](const SqliteStatement& row) { return ImageName{row.Text(0), row.Text(1), ImageId(row.Text(2))}; });
}

Status SqliteStore::PutImported(const std::string& key, const std::string& digest) {
  const std::lock_guard lock(mutex_);
  return Change(database_, "INSERT OR REPLACE INTO imported (key, digest) VALUES (?, ?)", key, digest);
}

Result<std::optional<std::string>> SqliteStore::FindImported(const std::string& key) {
  const std::lock_guard lock(mutex_);
  BURROW_ASSIGN_OR_RETURN(auto rows, Rows(
                                         database_, "SELECT digest FROM imported WHERE key = ?",
                                         [](const SqliteStatement& row) { return std::string(row.Text(0)); }, key));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(rows.front()));
}

}  // namespace burrow::store
