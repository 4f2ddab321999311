#include "imagefs/access_log.h"

#include <gtest/gtest.h>

namespace burrow::imagefs {
namespace {

constexpr char kFirst[] = "0123456789abcdef";
constexpr char kSecond[] = "fedcba9876543210";

Access D(const std::string& name) { return {.blob = cas::Digest::Of(name)}; }

TEST(AccessLog, GivesEachBlobOnceInTheOrderOfFirstReads) {
  auto worker = AccessLog::Create().value();
  auto server = AccessLog::Attach(worker->fd()).value();
  server->Note(D("before"));
  ASSERT_TRUE(worker->Begin(kFirst));
  for (const char* name : {"b", "a", "b", "c", "a"}) server->Note(D(name));
  EXPECT_EQ(worker->Finish(kFirst), (std::vector{D("b"), D("a"), D("c")}));
  EXPECT_TRUE(worker->Finish(kFirst).empty());
}

TEST(AccessLog, GivesEachFrameOnceBesideItsBlob) {
  auto log = AccessLog::Create().value();
  ASSERT_TRUE(log->Begin(kFirst));
  const cas::Digest blob = cas::Digest::Of("large");
  for (uint32_t frame : {kNoFrame, 7u, 3u, 7u, kNoFrame}) log->Note({.blob = blob, .frame = frame});
  EXPECT_EQ(log->Finish(kFirst), (std::vector<Access>{{blob, kNoFrame}, {blob, 7}, {blob, 3}}));
}

TEST(AccessLog, KeepsNamedNotesApart) {
  auto log = AccessLog::Create().value();
  ASSERT_TRUE(log->Begin(kFirst));
  ASSERT_TRUE(log->Begin(kSecond));
  EXPECT_FALSE(log->Begin(kFirst));
  EXPECT_FALSE(log->Begin("short"));
  log->Note(D("first's"), kFirst);
  log->Note(D("everybody's"));
  log->Note(D("second's"), kSecond);
  EXPECT_EQ(log->Finish(kFirst), (std::vector{D("first's"), D("everybody's")}));
  EXPECT_EQ(log->Finish(kSecond), (std::vector{D("everybody's"), D("second's")}));
}

TEST(AccessLog, GoesOnWhereAKilledProcessStopped) {
  auto worker = AccessLog::Create().value();
  ASSERT_TRUE(worker->Begin(kFirst));
  AccessLog::Attach(worker->fd()).value()->Note(D("a"));
  auto next = AccessLog::Attach(worker->fd()).value();
  next->Note(D("a"));
  next->Note(D("b"));
  EXPECT_EQ(worker->Finish(kFirst), (std::vector{D("a"), D("b")}));
  ASSERT_TRUE(worker->Begin(kSecond));
  next->Note(D("a"));
  EXPECT_EQ(worker->Finish(kSecond), std::vector{D("a")});
}

TEST(AccessLog, BoundsRecordingsAndTheirLength) {
  auto log = AccessLog::Create().value();
  for (size_t i = 0; i < kMaxRecordings; ++i) EXPECT_TRUE(log->Begin(fmt::format("{:016}", i)));
  EXPECT_FALSE(log->Begin(kFirst));
  for (size_t i = 0; i < kMaxTrace + 10; ++i) log->Note(D(std::to_string(i)), fmt::format("{:016}", 3));
  EXPECT_EQ(log->Finish(fmt::format("{:016}", 3)).size(), kMaxTrace);
  EXPECT_TRUE(log->Begin(kFirst));
}

}  // namespace
}  // namespace burrow::imagefs
