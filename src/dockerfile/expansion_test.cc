#include "dockerfile/expansion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::optional<std::string_view> Value(std::string_view name) {
  static const std::map<std::string, std::string, std::less<>> kValues = {
      {"x", "foobarbaz"},   {"empty", ""},  {"two", "a b"},          {"path", "/usr/lib/libfoo.so.1.2"},
      {"PATH", "/a:/b:/c"}, {"u", "añbñc"}, {"stars", "a*b?c\\d/e"}, {"P_1", "one"}};
  auto found = kValues.find(name);
  return found == kValues.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

Result<std::string> Expand(std::string_view text, ExpansionRules rules = {}) {
  ExpansionBudget budget;
  return ExpandWord(text, Value, rules, budget);
}

struct Case {
  const char* text;
  const char* expanded;
};

TEST(Expansion, VariablesTakeAllTheirForms) {
  for (const Case& c : std::initializer_list<Case>{{"", ""},
                                                   {"plain", "plain"},
                                                   {"$x", "foobarbaz"},
                                                   {"${x}", "foobarbaz"},
                                                   {"$x.$P_1-${P_1}1", "foobarbaz.one-one1"},
                                                   {"a$none.b", "a.b"},
                                                   {"$", "$"},
                                                   {"a$/b", "a$/b"},
                                                   {"$1x", "x"},
                                                   {"${x:-y}", "foobarbaz"},
                                                   {"${none:-y}", "y"},
                                                   {"${empty:-y}", "y"},
                                                   {"${empty-y}", ""},
                                                   {"${none-y}", "y"},
                                                   {"${x:+y}", "y"},
                                                   {"${empty:+y}", ""},
                                                   {"${empty+y}", "y"},
                                                   {"${none+y}", ""},
                                                   {"${x:?bad}", "foobarbaz"},
                                                   {"${empty?bad}", ""},
                                                   {"${none:-$x}", "foobarbaz"},
                                                   {"${none:-${other:-deep}}", "deep"},
                                                   {"${none:-\"a b\"}", "a b"},
                                                   {"${none:-a\\}b}", "a}b"},
                                                   {"${none:-}", ""},
                                                   {"${x#foo}", "barbaz"},
                                                   {"${x#*b}", "arbaz"},
                                                   {"${x##*b}", "az"},
                                                   {"${x%baz}", "foobar"},
                                                   {"${x%b*}", "foobar"},
                                                   {"${x%%b*}", "foo"},
                                                   {"${x#nothing}", "foobarbaz"},
                                                   {"${x#*}", "foobarbaz"},
                                                   {"${x##*}", ""},
                                                   {"${x%%*}", ""},
                                                   {"${x#???}", "barbaz"},
                                                   {"${x%?}", "foobarba"},
                                                   {"${path##*/}", "libfoo.so.1.2"},
                                                   {"${path%/*}", "/usr/lib"},
                                                   {"${path%%.*}", "/usr/lib/libfoo"},
                                                   {"${x#$none}", "foobarbaz"},
                                                   {"${u#a?}", "bñc"},
                                                   {"${u%?c}", "añb"},
                                                   {"${none#a}", ""},
                                                   {"${stars#a\\*}", "b?c\\d/e"},
                                                   {"${stars%\\\\d/e}", "a*b?c"},
                                                   {"${x/ba/X}", "fooXrbaz"},
                                                   {"${x//ba/X}", "fooXrXz"},
                                                   {"${x/b*z/X}", "fooX"},
                                                   {"${x//?/-}", "---------"},
                                                   {"${x//o/}", "fbarbaz"},
                                                   {"${x/nothing/X}", "foobarbaz"},
                                                   {"${x//*/X}", "X"},
                                                   {"${empty//*/X}", "X"},
                                                   {"${x///X}", "foobarbaz"},
                                                   {"${PATH//:/ }", "/a /b /c"},
                                                   {"${PATH//\\//-}", "-a:-b:-c"},
                                                   {"${stars/\\?/Q}", "a*bQc\\d/e"},
                                                   {"${x/f*o/$P_1}", "onebarbaz"},
                                                   {"${u//ñ/n}", "anbnc"}}) {
    auto expanded = Expand(c.text);
    ASSERT_TRUE(expanded) << c.text << ": " << expanded.error().message();
    EXPECT_EQ(*expanded, c.expanded) << c.text;
  }
}

TEST(Expansion, QuotesAndEscapesAreTakenAway) {
  for (const Case& c : std::initializer_list<Case>{{"'$x'", "$x"},
                                                   {"\"$x\"", "foobarbaz"},
                                                   {"\\$x", "$x"},
                                                   {"\"\\$x\"", "$x"},
                                                   {"\"a\\\"b\"", "a\"b"},
                                                   {"\"a\\nb\"", "a\\nb"},
                                                   {"a\\nb", "anb"},
                                                   {"\\\\", "\\"},
                                                   {"\"\\\\\"", "\\"},
                                                   {"'it'\\''s'", "it's"},
                                                   {"\"it's\"", "it's"},
                                                   {"a b", "a b"},
                                                   {"end\\", "end"},
                                                   {"`$x`", "`foobarbaz`"}}) {
    auto expanded = Expand(c.text);
    ASSERT_TRUE(expanded) << c.text << ": " << expanded.error().message();
    EXPECT_EQ(*expanded, c.expanded) << c.text;
  }
  EXPECT_EQ(*Expand("`$x \\n \"`\"\"", {.escape = '`'}), "$x \\n \"");
  EXPECT_EQ(*Expand("it's \"$x\" \\$x '$x'", {.quotes = false}), "it's \"foobarbaz\" $x 'foobarbaz'");
}

TEST(Expansion, WordsAreSplitAfterIt) {
  ExpansionBudget budget;
  auto words = [&budget](std::string_view text) { return *ExpandWords(text, Value, {}, budget); };
  EXPECT_THAT(words("a  b"), ElementsAre("a", "b"));
  EXPECT_THAT(words("$two"), ElementsAre("a", "b"));
  EXPECT_THAT(words("\"$two\""), ElementsAre("a b"));
  EXPECT_THAT(words("1$two$two"), ElementsAre("1a", "ba", "b"));
  EXPECT_THAT(words("a\\ b 'c d'e"), ElementsAre("a b", "c de"));
  EXPECT_THAT(words("$empty"), ElementsAre());
}

TEST(Expansion, SaysWhatIsWrong) {
  for (const Case& c : std::initializer_list<Case>{{"${none:?is needed}", "none: is needed"},
                                                   {"${empty:?}", "empty must be set and not empty"},
                                                   {"${none?}", "none must be set"},
                                                   {"${x", "\"${x\" lacks a }"},
                                                   {"${", "without a variable's name"},
                                                   {"${}", "without a variable's name"},
                                                   {"${:-x}", "without a variable's name"},
                                                   {"${x:-y", "lacks a }"},
                                                   {"${x/a", "lacks a /"},
                                                   {"${x/a/b", "lacks a }"},
                                                   {"${x=y}", "${x...} that does not exist"},
                                                   {"${x:=y}", "does not exist"},
                                                   {"${x:#y}", "does not exist"},
                                                   {"${x:", "does not exist"},
                                                   {"${x#\\a}", "a backslash before what needs none"},
                                                   {"'a", "lacks a closing '"},
                                                   {"\"a", "lacks a closing \""},
                                                   {"\"a\\", "lacks a closing \""}}) {
    auto expanded = Expand(c.text);
    ASSERT_FALSE(expanded) << c.text << " gave " << *expanded;
    EXPECT_EQ(expanded.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(expanded.error().message(), HasSubstr(c.expanded)) << c.text;
  }
}

TEST(Expansion, HasBounds) {
  std::string deep, wide;
  for (int i = 0; i < 5000; ++i) deep += "${none:-", wide += "${x//?/$x}";
  EXPECT_THAT(Expand(deep + std::string(5000, '}')).error().message(), HasSubstr("nests too deep"));
  ExpansionBudget little{.bytes = 20'000};
  EXPECT_THAT(ExpandWord(wide, Value, {}, little).error().message(), HasSubstr("too large"));
  std::string value(1 << 20, 'a');
  auto find = [&value](std::string_view) -> std::optional<std::string_view> { return value; };
  ExpansionBudget budget;
  EXPECT_THAT(ExpandWord("${a#" + std::string(4000, 'a') + "b}", find, {}, budget).error().message(),
              HasSubstr("take too long"));
  EXPECT_THAT(ExpandWord("${a//a/$a}", find, {}, budget).error().message(), HasSubstr("too large"));
}

}  // namespace
}  // namespace burrow::dockerfile
