#include "store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "store/sqlite_statement.h"
#include "store/testing/store_contract.h"
#include "store/testing/temporary_directory.h"

namespace burrow::store {
namespace {

using testing::StoreContract;
using testing::TemporaryDirectory;

testing::StoreKind Sqlite() {
  return {.name = "Sqlite", .make_state = [] {
            return [directory = std::make_shared<TemporaryDirectory>()]() -> std::unique_ptr<Store> {
              auto store = OpenSqliteStore(directory->File("state.db"));
              if (!store) ADD_FAILURE() << store.error().message();
              return store ? std::move(*store) : nullptr;
            };
          }};
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, ::testing::Values(Sqlite()),
                         [](const auto& info) { return info.param.name; });

Error OpenError(const std::string& path) {
  auto store = OpenSqliteStore(path);
  return store ? Error(Code::kUnknown, "it opened") : store.error();
}

class SqliteFile : public ::testing::Test {
 protected:
  void WriteManyCalls() {
    auto store = *OpenSqliteStore(path_);
    const GroupRecord group{.id = GroupId::New()};
    std::vector<CallRecord> calls(2000);
    for (CallRecord& call : calls) call = {.id = CallId::New(), .group = group.id, .arguments = std::string(100, 'x')};
    ASSERT_TRUE(store->AddCalls(group, calls));
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("state.db");
};

TEST_F(SqliteFile, IsReadableByItsOwnerAlone) {
  std::ofstream(path_).close();
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  auto store = *OpenSqliteStore(path_);
  ASSERT_TRUE(store->PutToken({.id = "a"}));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat stat{};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &stat), 0) << suffix;
    EXPECT_EQ(stat.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteFile, IsWrittenThroughToTheDiskAtEachCommit) {
  auto database = *SqliteDatabase::Open(path_);
  auto synchronous = *SqliteStatement::Prepare(database, "PRAGMA synchronous");
  ASSERT_TRUE(*synchronous.Next());
  EXPECT_EQ(synchronous.Number(0), 2u);  // FULL
  auto journal = *SqliteStatement::Prepare(database, "PRAGMA journal_mode");
  ASSERT_TRUE(*journal.Next());
  EXPECT_EQ(journal.Text(0), "wal");
}

TEST_F(SqliteFile, IsRefusedWhenItIsNoDatabase) {
  std::ofstream(path_) << std::string(5000, 'x');
  const Error error = OpenError(path_);
  EXPECT_EQ(error.code(), Code::kDataLoss);
  EXPECT_NE(error.message().find(path_), std::string::npos) << error.message();
  EXPECT_NE(error.message().find("is damaged"), std::string::npos) << error.message();
}

TEST_F(SqliteFile, FailsClearlyWhenItWasCutShort) {
  WriteManyCalls();
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  auto store = OpenSqliteStore(path_);
  const Error error = store ? (*store)->QueuedCalls().error() : store.error();
  EXPECT_EQ(error.code(), Code::kDataLoss);
  EXPECT_NE(error.message().find("restore it from a backup"), std::string::npos) << error.message();
}

TEST_F(SqliteFile, SaysWhichDirectoryIsMissing) {
  const Error error = OpenError(directory_.File("nowhere/state.db"));
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_NE(error.message().find("nowhere/state.db"), std::string::npos) << error.message();
}

TEST_F(SqliteFile, FindsQueuedCallsWithoutReadingFinishedOnes) {
  {
    ASSERT_TRUE(OpenSqliteStore(path_));
  }
  auto database = *SqliteDatabase::Open(path_);
  for (const char* sql : {"SELECT id FROM calls WHERE finished = 0 ORDER BY seq",
                          "DELETE FROM calls WHERE finished = 1 AND finished_ms < 5",
                          "SELECT id FROM calls WHERE group_id = 'x' ORDER BY idx, seq"}) {
    auto plan = *SqliteStatement::Prepare(database, std::string("EXPLAIN QUERY PLAN ") + sql);
    ASSERT_TRUE(*plan.Next());
    EXPECT_NE(plan.Text(3).find("INDEX"), std::string::npos) << sql << ": " << plan.Text(3);
    EXPECT_FALSE(*plan.Next()) << sql << " sorts: " << plan.Text(3);
  }
}

}  // namespace
}  // namespace burrow::store
