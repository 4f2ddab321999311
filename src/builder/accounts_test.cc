#include "builder/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace burrow::builder {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kUsers =
    "#root:x:9:9\n"
    "\n"
    "short:x:1\n"
    "bad:x:one:1\n"
    "nobody:x:4294967295:1\n"
    "web:x:33:34:web:/srv/web:/bin/sh\r\n"
    "web:x:35:36::/second\n"
    "bare:x:4294967294:51";
constexpr std::string_view kGroups = "adm:x:4:root,web\nwww:x:34\nodd:x::web\n#video:x:44:web\n";

std::string NamesIn(std::string_view passwd) {
  std::string names;
  FindUserEntry(passwd, [&](const UserEntry& entry) {
    names += std::string(entry.name) + " ";
    return false;
  });
  return names;
}

TEST(Accounts, PassOverWhatIsNoEntry) { EXPECT_EQ(NamesIn(kUsers), "web web bare "); }

TEST(Accounts, GiveTheFirstEntryThatIsMeant) {
  const auto web = FindUserEntry(kUsers, [](const UserEntry& entry) { return entry.name == "web"; });
  ASSERT_TRUE(web);
  EXPECT_EQ(web->uid, 33u);
  EXPECT_EQ(web->gid, 34u);
  EXPECT_EQ(web->home, "/srv/web");
  const auto bare = FindUserEntry(kUsers, [](const UserEntry& entry) { return entry.uid == 4294967294u; });
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->home, "");
  EXPECT_FALSE(FindUserEntry("", [](const UserEntry&) { return true; }));
}

TEST(Accounts, GiveGroupsWithTheirMembers) {
  const auto adm = FindGroupEntry(kGroups, [](const GroupEntry& entry) { return entry.name == "adm"; });
  ASSERT_TRUE(adm);
  EXPECT_THAT(adm->members, ElementsAre("root", "web"));
  const auto last = FindGroupEntry(kGroups, [](const GroupEntry& entry) { return entry.name != "adm"; });
  ASSERT_TRUE(last);
  EXPECT_EQ(last->gid, 34u);
  EXPECT_TRUE(last->members.empty());
}

TEST(Accounts, TakeNumbersButTheLargest) {
  EXPECT_EQ(ParseAccountId("4294967294"), 4294967294u);
  for (const char* text : {"4294967295", "4294967296", "-1", "+1", "", "1 ", "0x1"})
    EXPECT_FALSE(ParseAccountId(text)) << text;
}

}  // namespace
}  // namespace burrow::builder
