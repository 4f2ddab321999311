#include "dockerfile/patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace burrow::dockerfile {
namespace {

using ::testing::HasSubstr;

struct ComponentCase {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(MatchComponent, FollowsTheRulesOfFilepathMatch) {
  for (const ComponentCase& c : std::initializer_list<ComponentCase>{{"abc", "abc", true},
                                                                     {"*", "abc", true},
                                                                     {"*c", "abc", true},
                                                                     {"a*", "a", true},
                                                                     {"a*", "abc", true},
                                                                     {"a*b*c*d*e*", "axbxcxdxe", true},
                                                                     {"a*b*c*d*e*f", "axbxcxdxexxxf", true},
                                                                     {"a*b?c*x", "abxbbxdbxebxczzx", true},
                                                                     {"a*b?c*x", "abxbbxdbxebxczzy", false},
                                                                     {"ab[c]", "abc", true},
                                                                     {"ab[b-d]", "abc", true},
                                                                     {"ab[e-g]", "abc", false},
                                                                     {"ab[^c]", "abc", false},
                                                                     {"ab[^b-d]", "abc", false},
                                                                     {"ab[^e-g]", "abc", true},
                                                                     {"a\\*b", "a*b", true},
                                                                     {"a\\*b", "ab", false},
                                                                     {"a?b", "a☺b", true},
                                                                     {"a[^a]b", "a☺b", true},
                                                                     {"a???b", "a☺b", false},
                                                                     {"a[^a][^a][^a]b", "a☺b", false},
                                                                     {"[a-ζ]*", "α", true},
                                                                     {"*[a-ζ]", "A", false},
                                                                     {"[\\]a]", "]", true},
                                                                     {"[\\-]", "-", true},
                                                                     {"[x\\-]", "x", true},
                                                                     {"[x\\-]", "z", false},
                                                                     {"[\\-x]", "-", true},
                                                                     {"", "", true},
                                                                     {"", "a", false},
                                                                     {"a", "", false},
                                                                     {"***", "", true},
                                                                     {"*x", "xxx", true},
                                                                     {"[z-a]", "m", false},
                                                                     {"**a**", "bab", true},
                                                                     {"a]", "a]", true},
                                                                     {".*", ".git", true},
                                                                     {"\xff?", "\xff\xfe", true}}) {
    auto matched = MatchComponent(c.pattern, c.name);
    ASSERT_TRUE(matched) << c.pattern << ": " << matched.error().message();
    EXPECT_EQ(*matched, c.matches) << c.pattern << " and " << c.name;
  }
}

TEST(MatchComponent, RefusesWhatIsNoPattern) {
  for (const char* pattern : {"[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "a\\", "[a-b-c]", "[\\", "[a-"}) {
    EXPECT_EQ(MatchComponent(pattern, "a").error().code(), Code::kInvalidArgument) << pattern;
  }
}

TEST(MatchComponent, ManyStarsTakeNoLongTime) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "*a";
  EXPECT_FALSE(*MatchComponent(pattern + "b", std::string(2000, 'a')));
}

TEST(HasWildcard, SeesStarsQuestionsClassesAndBackslashes) {
  for (const char* text : {"*", "a?", "[a", "\\"}) EXPECT_TRUE(HasWildcard(text)) << text;
  for (const char* text : {"", "a/b", "]", "!x"}) EXPECT_FALSE(HasWildcard(text)) << text;
}

struct FilterCase {
  std::vector<std::string> patterns;
  const char* path;
  bool left_out;
};

TEST(PathFilter, MatchesAsDockerDoes) {
  for (const FilterCase& c : std::initializer_list<FilterCase>{{{"**"}, "file", true},
                                                               {{"**"}, "dir/file", true},
                                                               {{"**/"}, "dir/file", true},
                                                               {{"**/**"}, "dir/file", true},
                                                               {{"dir/**"}, "dir/file", true},
                                                               {{"dir/**"}, "dir/dir2/file", true},
                                                               {{"dir/**"}, "dir", false},
                                                               {{"**/dir"}, "dir", true},
                                                               {{"**/dir"}, "a/b/dir/file", true},
                                                               {{"**/dir2/*"}, "dir/dir2/file", true},
                                                               {{"**/dir2/*"}, "dir/dir2/file/x", true},
                                                               {{"**/dir2/**"}, "dir/dir2/dir2/file", true},
                                                               {{"**file"}, "file", true},
                                                               {{"**file"}, "dir/file", true},
                                                               {{"**file"}, "dir/dirfile", true},
                                                               {{"**/file"}, "dir/dir/afile", false},
                                                               {{"**/file*txt"}, "dir/dir/file.txt", true},
                                                               {{"**/**/*.txt"}, "dir/dir/file.txt", true},
                                                               {{"a**/*.txt"}, "a/file.txt", true},
                                                               {{"a/*/b"}, "a/x/b", true},
                                                               {{"a/*/b"}, "a/x/y/b", false},
                                                               {{"a/**/b"}, "a/b", true},
                                                               {{"a/**/b"}, "a/x/y/b", true},
                                                               {{"a/**/b"}, "ab", false},
                                                               {{"**/.foo"}, "bar.foo", false},
                                                               {{"./bin"}, "bin/x", true},
                                                               {{"/bin/"}, "bin", true},
                                                               {{"a/../b"}, "b", true},
                                                               {{" spaced "}, "spaced", true},
                                                               {{"node_modules"}, "src/node_modules", false},
                                                               {{"*"}, "a/b/c", true},
                                                               {{"*.md"}, "docs/x.md", false},
                                                               {{"a.c"}, "abc", false},
                                                               {{"a+(b)|{c}$"}, "a+(b)|{c}$", true},
                                                               {{"[a-c]x"}, "bx/deep", true},
                                                               {{"a\\*"}, "a*", true},
                                                               {{"a\\*"}, "ab", false},
                                                               {{"?"}, "é", true},
                                                               {{"dir"}, "dirname", false},
                                                               {{"foo**"}, "foobar/x", true},
                                                               {{"."}, "a", false},
                                                               {{""}, "a", false}}) {
    auto filter = PathFilter::Create(c.patterns);
    ASSERT_TRUE(filter) << c.patterns[0];
    EXPECT_EQ(filter->Matches(c.path), c.left_out) << c.patterns[0] << " and " << c.path;
  }
}

TEST(PathFilter, TheLastPatternThatMatchesDecides) {
  for (const FilterCase& c :
       std::initializer_list<FilterCase>{{{"*.md", "!README.md"}, "README.md", false},
                                         {{"*.md", "!README.md"}, "other.md", true},
                                         {{"*.md", "!README*.md", "README-secret.md"}, "README-secret.md", true},
                                         {{"*.md", "README-secret.md", "!README*.md"}, "README-secret.md", false},
                                         {{"docs", "!docs/README.md"}, "docs/README.md", false},
                                         {{"docs", "!docs/README.md"}, "docs/other", true},
                                         {{"docs", "!docs"}, "docs/a/b", false},
                                         {{"**", "!src"}, "src/a/b", false},
                                         {{"**", "! src"}, "src/a/b", false},
                                         {{"!a", "a"}, "a", true},
                                         {{"*", "!a/**/b"}, "a/x/y/b", false}}) {
    auto filter = PathFilter::Create(c.patterns);
    ASSERT_TRUE(filter);
    EXPECT_EQ(filter->Matches(c.path), c.left_out) << ::testing::PrintToString(c.patterns) << " and " << c.path;
  }
}

TEST(PathFilter, TellsWhichDirectoriesMustBeLookedInto) {
  auto filter = PathFilter::Create({"*", "!docs/*/keep", "!src/[ab]/x"});
  ASSERT_TRUE(filter);
  for (const char* path : {"", ".", "docs", "docs/any", "src", "src/a"})
    EXPECT_TRUE(filter->MayKeepBelow(path)) << path;
  for (const char* path : {"doc", "docs2", "docs/any/keep", "docs/any/more", "src/c", "other"}) {
    EXPECT_FALSE(filter->MayKeepBelow(path)) << path;
  }
  EXPECT_TRUE(PathFilter::Create({"*", "!**/x"})->MayKeepBelow("any/where"));
  EXPECT_FALSE(PathFilter::Create({"a", "b"})->MayKeepBelow("a"));
}

TEST(PathFilter, NamesThePatternThatIsNone) {
  for (const char* pattern : {"a/[b", "!", "! ", "x\\", "[z-a]"}) {
    auto filter = PathFilter::Create({"good", pattern});
    ASSERT_FALSE(filter) << pattern;
    EXPECT_EQ(filter.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(filter.error().message(), HasSubstr(pattern));
  }
}

TEST(PathFilter, ManyStarsTakeNoLongTime) {
  std::string pattern, path;
  for (int i = 0; i < 300; ++i) pattern += "**/*a*/", path += "aaaa/";
  auto filter = PathFilter::Create({pattern + "b"});
  ASSERT_TRUE(filter);
  EXPECT_FALSE(filter->Matches(path + "c"));
}

}  // namespace
}  // namespace burrow::dockerfile
