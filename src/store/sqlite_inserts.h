// Inserts and removals that several functions of the store have in common, each for a transaction of its caller's.
#pragma once

#include <string>
#include <vector>

#include "store/sqlite_database.h"
#include "store/store.h"

namespace burrow::store {

// Inserts or replaces by id.
Status InsertApp(SqliteDatabase& database, const AppRecord& app);
Status InsertFunctions(SqliteDatabase& database, const std::vector<FunctionRecord>& functions);
// With its schedule.
Status DropFunction(SqliteDatabase& database, const FunctionId& id);
// Inserts the group, or closes it: a closed one stays closed. kInvalidArgument where it is of another function.
Status InsertGroup(SqliteDatabase& database, const GroupRecord& group);
// Inserts those that are not there yet, and gives their ids.
Result<std::vector<CallId>> InsertNewCalls(SqliteDatabase& database, const std::vector<CallRecord>& calls);

// Of one workspace's own cache, or of the common one where `scope` is empty.
Status DropStepsOf(SqliteDatabase& database, const std::string& scope);

}  // namespace burrow::store
