// The schema as numbered steps. A step that was released is never edited: a change is a further step.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "store/sqlite_database.h"

namespace burrow::store {

// The steps of this Burrow as SQL; the one at [i] leads from version i to version i + 1.
std::span<const char* const> SqliteMigrations();

// Brings the database to version steps.size() in one transaction, or leaves it as it was. kFailedPrecondition when it
// is of a newer version (both are named) or belongs to another program.
Status Migrate(SqliteDatabase& database, std::span<const char* const> steps);

// Version of the schema in the file; 0 for a new one.
Result<uint64_t> SchemaVersion(SqliteDatabase& database);

}  // namespace burrow::store
