#include "control/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "control/near_names.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

using ::testing::ElementsAre;

class LogFile : public ::testing::Test {
 protected:
  LogFile() {
    std::string pattern = ::testing::TempDir() + "/burrow-log-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~LogFile() override { (void)os::RemoveTree(directory_); }
  void Add(const std::string& text, uint64_t time_ms, const std::string& function, const std::string& call) {
    pb::LogLine line;
    line.set_text(text);
    line.set_time_ms(time_ms);
    line.set_function(function);
    line.set_call_id(call);
    line.set_container_id("ct-" + function);
    ASSERT_TRUE(AppendLog(directory_ + "/log", EncodeLogLine(line), 1 << 20));
  }
  std::vector<std::string> Read(uint32_t tail, const LogFilter& filter) {
    std::vector<std::string> texts;
    const auto lines = ReadLog(directory_ + "/log", "ap-1", tail, filter);
    for (const auto& line : *lines) texts.push_back(line.text());
    return texts;
  }
  std::string directory_;
};

TEST_F(LogFile, GivesTheLastLinesThatAreAskedFor) {
  Add("one", 10, "f", "fc-1");
  Add("two", 20, "g", "fc-2");
  Add("three", 30, "f", "fc-3");
  EXPECT_THAT(Read(0, {}), ElementsAre("one", "two", "three"));
  EXPECT_THAT(Read(0, {.function = "f"}), ElementsAre("one", "three"));
  EXPECT_THAT(Read(1, {.function = "f"}), ElementsAre("three"));
  EXPECT_THAT(Read(1, {.function = "g"}), ElementsAre("two"));
  EXPECT_THAT(Read(0, {.call_id = "fc-2"}), ElementsAre("two"));
  EXPECT_THAT(Read(0, {.container_id = "ct-g"}), ElementsAre("two"));
  EXPECT_THAT(Read(0, {.since_ms = 20}), ElementsAre("two", "three"));
  EXPECT_THAT(Read(0, {.function = "f", .since_ms = 20}), ElementsAre("three"));
}

TEST(NearNames, AreThoseOfFewOtherLettersTheNearestFirst) {
  const std::vector<std::string> known = {"square", "squares", "cube", "Root"};
  EXPECT_THAT(NearNames("squaer", known), ElementsAre("square", "squares"));
  EXPECT_THAT(NearNames("squares", known), ElementsAre("squares", "square"));
  EXPECT_THAT(NearNames("root", known), ElementsAre("Root"));
  EXPECT_THAT(NearNames("triangle", known), ElementsAre());
  EXPECT_THAT(NearNames("ucbe", known), ElementsAre("cube"));
  EXPECT_THAT(NearNames("", known), ElementsAre());
  EXPECT_EQ(DidYouMean("triangle", known), "");
  EXPECT_EQ(DidYouMean("squares", known), " (did you mean 'squares' or 'square'?)");
}

}  // namespace
}  // namespace burrow::control
