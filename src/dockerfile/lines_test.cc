#include <gmock/gmock.h>

#include "dockerfile/testing/parsing.h"

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;
using testing::First;
using ::testing::HasSubstr;
using testing::Parsed;
using testing::ParseError;
using testing::RunKind;
using ::testing::StartsWith;

std::string RunText(std::string_view text) { return First<RunKind>(text).command.text; }

TEST(Lines, ContinuationsAreJoined) {
  EXPECT_EQ(RunText("RUN a \\\n  b"), "a   b");
  EXPECT_EQ(RunText("RUN a \\  \t\n  b"), "a   b");
  EXPECT_EQ(RunText("RUN a \\\n# comment\n  # another\n\n   \n b"), "a  b");
  EXPECT_EQ(RunText("RUN a \\"), "a");
  EXPECT_EQ(RunText("RUN a\\\\\nRUN b"), "a\\\\");
  EXPECT_EQ(RunText("RUN \\\n\\\n a"), "a");
  EXPECT_EQ(RunText("ru\\\nn a"), "a");
  EXPECT_EQ(RunText("RUN a \\\r\n b\r\n"), "a  b");
  EXPECT_EQ(RunText("RUN a # no comment"), "a # no comment");
}

TEST(Lines, TheEscapeCanBeABacktick) {
  Dockerfile file = Parsed("# Escape = `\nFROM x\nRUN a `\n b\\\nRUN c");
  EXPECT_EQ(file.escape, '`');
  ASSERT_EQ(file.stages[0].instructions.size(), 2u);
  EXPECT_EQ(std::get<RunKind>(file.stages[0].instructions[0].kind).command.text, "a  b\\");
}

TEST(Lines, OnlyTheFirstLinesAreDirectives) {
  EXPECT_EQ(Parsed("# a comment\n# escape=`\nFROM x").escape, '\\');
  EXPECT_EQ(Parsed("\n# escape=`\nFROM x").escape, '\\');
  EXPECT_EQ(Parsed("# unknown=1\n# escape=`\nFROM x").escape, '\\');
  EXPECT_EQ(Parsed("#syntax=a/b:1\n#check=skip=all\n#escape=`\nFROM x").escape, '`');
  EXPECT_THAT(Parsed("# syntax=a/b:1\nFROM x").notes, ElementsAre(HasSubstr("syntax=a/b:1 is ignored")));
  EXPECT_THAT(ParseError("# escape=x\nFROM x"), StartsWith("Dockerfile:1:10: the escape character must be \\ or `"));
  EXPECT_THAT(ParseError("# escape=`\n# escape=`\nFROM x"),
              HasSubstr("2:10: the directive escape comes a second time"));
}

TEST(Lines, AMarkOfByteOrderIsSkipped) {
  EXPECT_EQ(Parsed("\xef\xbb\xbf# escape=`\nFROM x").escape, '`');
  EXPECT_EQ(Parsed("\xef\xbb\xbf"
                   "FROM x")
                .stages[0]
                .from.base,
            "x");
}

TEST(Lines, ZeroBytesAreRefused) {
  EXPECT_THAT(ParseError(std::string("FROM x\nRUN \0a", 13)), StartsWith("Dockerfile:2:5: a zero byte"));
}

TEST(Lines, PositionsAreThoseOfTheText) {
  Dockerfile file = Parsed("FROM x\n\n  RUN a \\\n b\nRUN <<E\ntext\nE\nRUN c");
  ASSERT_EQ(file.stages[0].instructions.size(), 3u);
  EXPECT_EQ(file.stages[0].instructions[0].position.line, 3u);
  EXPECT_EQ(file.stages[0].instructions[0].position.column, 3u);
  EXPECT_EQ(file.stages[0].instructions[1].position.line, 5u);
  EXPECT_EQ(file.stages[0].instructions[2].position.line, 8u);
  EXPECT_EQ(file.stages[0].instructions[0].original, "RUN a  b");
}

struct HeredocCase {
  const char* text;
  std::vector<Heredoc> heredocs;
};

TEST(Heredocs, AreTakenByTheirNames) {
  for (const HeredocCase& c : std::initializer_list<HeredocCase>{
           {"RUN <<EOF\na\n\nb\nEOF\n", {{"EOF", "a\n\nb\n", true}}},
           {"RUN <<-EOF\n\ta\n\t\tb\n\tEOF\n", {{"EOF", "a\nb\n", true}}},
           {"RUN <<\"EOF\"\n$x\nEOF", {{"EOF", "$x\n", false}}},
           {"RUN <<'EOF'\n$x\nEOF", {{"EOF", "$x\n", false}}},
           {"RUN <<\\EOF\n$x\nEOF", {{"EOF", "$x\n", false}}},
           {"RUN <<'a b'\nx\na b\n", {{"a b", "x\n", false}}},
           {"RUN cat <<A 3<<-B\n1\nA\n2\nB\n", {{"A", "1\n", true}, {"B", "2\n", true}}},
           {"RUN <<EOF\r\na\r\nEOF\r\n", {{"EOF", "a\r\n", true}}},
           {"RUN <<EOF\n# no comment \\\n EOF\nEOF", {{"EOF", "# no comment \\\n EOF\n", true}}},
           {"RUN --network=none <<EOF\nEOF", {{"EOF", "", true}}},
           {"RUN echo <<<word", {}},
           {"RUN echo a<<b", {}},
           {"RUN echo << EOF", {}},
           {"RUN echo \"<<EOF\"", {}},
           {"RUN echo it's <<EOF", {}},
           {"RUN [\"echo\", \"<<EOF\"]", {}}}) {
    RunKind run = First<RunKind>(c.text);
    ASSERT_EQ(run.heredocs.size(), c.heredocs.size()) << c.text;
    for (size_t i = 0; i < c.heredocs.size(); ++i) {
      EXPECT_EQ(run.heredocs[i].name, c.heredocs[i].name) << c.text;
      EXPECT_EQ(run.heredocs[i].content, c.heredocs[i].content) << c.text;
      EXPECT_EQ(run.heredocs[i].expand, c.heredocs[i].expand) << c.text;
    }
  }
}

TEST(Heredocs, BecomeFilesOfCopyAndAdd) {
  Copy copy = First<Copy>("COPY <<a.txt b <<-\"c\" /d/\n1\na.txt\n\t2\nc\n");
  EXPECT_THAT(copy.sources, ElementsAre("b"));
  ASSERT_EQ(copy.heredocs.size(), 2u);
  EXPECT_EQ(copy.heredocs[0].name, "a.txt");
  EXPECT_EQ(copy.heredocs[1].content, "2\n");
  EXPECT_FALSE(copy.heredocs[1].expand);
  EXPECT_EQ(First<Copy>("ADD <<a /b\nx\na").heredocs.size(), 1u);
}

TEST(Heredocs, AreNoneOfOtherInstructions) {
  EXPECT_EQ(First<Cmd>("CMD cat <<EOF").command.text, "cat <<EOF");
  EXPECT_EQ(First<OnBuild>("ONBUILD RUN <<EOF\na\nEOF\n").instruction, "RUN <<EOF\na\nEOF");
}

TEST(Heredocs, MustEnd) {
  EXPECT_THAT(ParseError("FROM x\nRUN cat <<EOF\nfoo\n EOF"),
              StartsWith("Dockerfile:2:9: no line ends the heredoc: it should be EOF alone\nRUN cat <<EOF\n        ^"));
  EXPECT_THAT(ParseError("FROM x\nCOPY a <<E\nE"), HasSubstr("2:8: a heredoc cannot be the destination"));
  EXPECT_THAT(ParseError("FROM x\nCOPY <<a/b /x\na/b"), HasSubstr("may hold no '/'"));
  EXPECT_THAT(ParseError("FROM x\nCOPY <<'a b' /x\na b"), HasSubstr("may hold no blanks"));
}

}  // namespace
}  // namespace burrow::dockerfile
