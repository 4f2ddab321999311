#include "control/log_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "control/log_file.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Of a container.
std::string IdOf(char letter) { return "ct-" + std::string(26, letter); }

class LogDirectoryTest : public ::testing::Test {
 protected:
  LogDirectoryTest() {
    std::string pattern = ::testing::TempDir() + "/burrow-logs-XXXXXX";
    top_ = ::mkdtemp(pattern.data());
  }
  ~LogDirectoryTest() override { (void)os::RemoveTree(top_); }

  LogDirectory Logs(LogQuota quota = {}) const { return LogDirectory(top_ + "/ap-1", "ap-1", quota); }
  static std::string Line(const std::string& container, uint64_t time_ms, const std::string& text) {
    pb::LogLine line;
    line.set_text(text);
    line.set_time_ms(time_ms);
    line.set_container_id(container);
    return EncodeLogLine(line);
  }
  void Add(const std::string& container, uint64_t time_ms, const std::string& text, LogQuota quota = {}) {
    const Status added = Logs(quota).Append({{container, Line(container, time_ms, text)}});
    ASSERT_TRUE(added) << added.error().message();
  }
  std::vector<std::string> Read(uint32_t tail = 0, const LogFilter& filter = {}) const {
    std::vector<std::string> texts;
    const auto lines = Logs().Read(tail, filter);
    EXPECT_TRUE(lines) << (lines ? "" : lines.error().message());
    if (lines) {
      for (const auto& line : *lines) texts.push_back(line.text());
    }
    return texts;
  }

  std::string top_;
};

TEST_F(LogDirectoryTest, PutsTheLinesOfAllContainersAndItsOwnInOrder) {
  EXPECT_THAT(Read(), IsEmpty());
  Add(IdOf('b'), 10, "one");
  Add(IdOf('a'), 20, "two");
  Add("", 25, "burrow says");
  Add(IdOf('b'), 30, "three");
  EXPECT_THAT(Read(), ElementsAre("one", "two", "burrow says", "three"));
  EXPECT_THAT(Read(2), ElementsAre("burrow says", "three"));
  EXPECT_THAT(Read(0, {.container_id = IdOf('b')}), ElementsAre("one", "three"));
}

TEST_F(LogDirectoryTest, KeepsTheOrderOfAContainerWhoseClockWentBack) {
  Add(IdOf('a'), 100, "one");
  Add(IdOf('a'), 50, "two");
  Add(IdOf('b'), 120, "three");
  EXPECT_THAT(Read(), ElementsAre("one", "two", "three"));
}

TEST_F(LogDirectoryTest, AContainerThatSaysMuchCostsOthersNothing) {
  const LogQuota quota{.container_bytes = 4'000, .app_bytes = 1 << 20};
  Add(IdOf('q'), 1, "kept", quota);
  for (uint64_t i = 0; i < 200; ++i) Add(IdOf('l'), 10 + i, "line " + std::to_string(i), quota);
  const auto lines = Read();
  EXPECT_THAT(lines, AllOf(Contains("kept"), Contains("line 199"), Not(Contains("line 0"))));
  EXPECT_LT(lines.size(), 150u);
}

TEST_F(LogDirectoryTest, TheContainersThatWereQuietLongestGoFirst) {
  const LogQuota few{.containers = 3};
  for (uint64_t i = 0; i < 5; ++i) Add(IdOf(static_cast<char>('0' + i)), i, "of " + std::to_string(i), few);
  EXPECT_THAT(Read(), ElementsAre("of 2", "of 3", "of 4"));
  const LogQuota small{.app_bytes = 150};
  Add(IdOf('9'), 9, "of 9", small);
  EXPECT_THAT(Read(), Contains("of 9"));
  EXPECT_THAT(Read(), SizeIs(::testing::Le(2u)));
}

TEST_F(LogDirectoryTest, TakesNoIdForAPath) {
  Add("../../outside", 1, "said");
  EXPECT_THAT(Read(), ElementsAre("said"));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(top_)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("ap-1.jsonl"));
}

TEST_F(LogDirectoryTest, LeavesNothingWhenItIsRemoved) {
  Add(IdOf('a'), 1, "said");
  Add("", 1, "said");
  Logs().Remove();
  EXPECT_TRUE(std::filesystem::is_empty(top_));
}

}  // namespace
}  // namespace burrow::control
