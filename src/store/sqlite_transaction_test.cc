#include "store/sqlite_transaction.h"

#include <gtest/gtest.h>

#include "store/sqlite_statement.h"
#include "store/testing/temporary_directory.h"

namespace burrow::store {
namespace {

class Transaction : public ::testing::Test {
 protected:
  Transaction() { EXPECT_TRUE(database_.Execute("CREATE TABLE numbers (n INTEGER)")); }
  uint64_t Count() {
    auto count = *SqliteStatement::Prepare(database_, "SELECT count(*) FROM numbers");
    EXPECT_TRUE(*count.Next());
    return count.Number(0);
  }

  testing::TemporaryDirectory directory_;
  SqliteDatabase database_ = *SqliteDatabase::Open(directory_.File("state.db"));
};

TEST_F(Transaction, IsUndoneUnlessItIsCommitted) {
  {
    auto transaction = *SqliteTransaction::Begin(database_);
    ASSERT_TRUE(database_.Execute("INSERT INTO numbers VALUES (1)"));
  }
  EXPECT_EQ(Count(), 0u);
  {
    auto transaction = *SqliteTransaction::Begin(database_);
    ASSERT_TRUE(database_.Execute("INSERT INTO numbers VALUES (1)"));
    ASSERT_TRUE(transaction.Commit());
  }
  EXPECT_EQ(Count(), 1u);
}

TEST_F(Transaction, LeavesTheDatabaseUsableAfterAStatementFailedInIt) {
  {
    auto transaction = *SqliteTransaction::Begin(database_);
    ASSERT_TRUE(database_.Execute("INSERT INTO numbers VALUES (1)"));
    ASSERT_FALSE(database_.Execute("INSERT INTO nowhere VALUES (1)"));
  }
  auto next = SqliteTransaction::Begin(database_);
  ASSERT_TRUE(next) << next.error().message();
  EXPECT_EQ(Count(), 0u);
}

}  // namespace
}  // namespace burrow::store
