#include "store/migrations.h"

#include <gtest/gtest.h>

#include <array>

#include "store/sqlite_statement.h"
#include "store/store.h"
#include "store/testing/temporary_directory.h"

namespace burrow::store {
namespace {

constexpr std::array kOne = {"CREATE TABLE notes (text TEXT NOT NULL)"};
constexpr std::array kTwo = {
    kOne[0], "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'; CREATE TABLE authors (a)"};
constexpr std::array kBroken = {kOne[0], "CREATE TABLE half (a); CREATE TABLE notes (again)"};

class Migrations : public ::testing::Test {
 protected:
  SqliteDatabase Open() { return *SqliteDatabase::Open(path_); }
  std::string Read(SqliteDatabase& database, const char* sql) {
    auto statement = SqliteStatement::Prepare(database, sql);
    if (!statement) return statement.error().message();
    return *statement->Next() ? statement->Text(0) : "no row";
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.File("state.db");
};

TEST_F(Migrations, BringAnOldVersionUpAndKeepItsData) {
  {
    auto database = Open();
    ASSERT_TRUE(Migrate(database, kOne));
    EXPECT_EQ(*SchemaVersion(database), 1u);
    ASSERT_TRUE(database.Execute("INSERT INTO notes VALUES ('kept')"));
  }
  auto database = Open();
  ASSERT_TRUE(Migrate(database, kTwo));
  EXPECT_EQ(*SchemaVersion(database), 2u);
  EXPECT_EQ(Read(database, "SELECT text || ' by ' || author FROM notes"), "kept by nobody");
  EXPECT_TRUE(Migrate(database, kTwo)) << "a second time changes nothing";
}

TEST_F(Migrations, LeaveTheDatabaseAsItWasWhenAStepFails) {
  auto database = Open();
  ASSERT_TRUE(Migrate(database, kOne));
  const auto status = Migrate(database, kBroken);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("migrate to schema version 2"), std::string::npos)
      << status.error().message();
  EXPECT_EQ(*SchemaVersion(database), 1u);
  EXPECT_EQ(Read(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), "0");
}

TEST_F(Migrations, GiveWhatWasThereBeforeWorkspacesToTheDefaultOne) {
  {
    auto database = Open();
    ASSERT_TRUE(Migrate(database, SqliteMigrations().first(6)));
    ASSERT_TRUE(
        database.Execute("INSERT INTO apps (id, name, ephemeral, created_ms, stopped_ms) "
                         "VALUES ('ap-1', 'shop', 0, 1, 0); INSERT INTO image_names VALUES ('tools', 'im-1'); "
                         "INSERT INTO groups VALUES ('fg-1', 'fu-1', 0)"));
  }
  const auto store = *OpenSqliteStore(path_);
  EXPECT_EQ(store->Apps()->front().workspace, kDefaultWorkspace);
  EXPECT_EQ(store->ImageNames()->front().workspace, kDefaultWorkspace);
  EXPECT_EQ(store->ImageNames()->front().name, "tools");
  EXPECT_TRUE(store->FindGroup(kDefaultWorkspace, GroupId("fg-1"))->has_value());
}

TEST_F(Migrations, RefuseANewerVersionAndNameBoth) {
  {
    ASSERT_TRUE(OpenSqliteStore(path_));
  }
  {
    auto database = Open();
    ASSERT_TRUE(database.Execute("PRAGMA user_version = 97"));
  }
  const auto store = OpenSqliteStore(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::kFailedPrecondition);
  const std::string& message = store.error().message();
  EXPECT_NE(message.find("schema version 97"), std::string::npos) << message;
  EXPECT_NE(message.find("up to " + std::to_string(SqliteMigrations().size())), std::string::npos) << message;
  EXPECT_NE(message.find("install the newer Burrow"), std::string::npos) << message;
}

TEST_F(Migrations, RefuseTheDatabaseOfAnotherProgram) {
  {
    auto database = Open();
    ASSERT_TRUE(database.Execute("CREATE TABLE bookmarks (url TEXT)"));
  }
  const auto store = OpenSqliteStore(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(store.error().message().find("another program"), std::string::npos) << store.error().message();
}

}  // namespace
}  // namespace burrow::store
