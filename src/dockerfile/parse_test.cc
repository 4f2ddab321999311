#include "dockerfile/parse.h"

#include <gmock/gmock.h>

#include "dockerfile/testing/parsing.h"

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;
using testing::First;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::Parsed;
using testing::ParseError;
using testing::RunKind;

TEST(Parse, StagesAndTheArgumentsBeforeThem) {
  Dockerfile file =
      Parsed("ARG A=1 B\nARG C=\"x y\"\nFROM --platform=linux/amd64 one:$A AS First\nRUN a\nfrom two as b.2\n");
  ASSERT_EQ(file.global_args.size(), 3u);
  EXPECT_EQ(file.global_args[0].value, "1");
  EXPECT_FALSE(file.global_args[1].value);
  EXPECT_EQ(file.global_args[2].value, "\"x y\"");
  ASSERT_EQ(file.stages.size(), 2u);
  EXPECT_EQ(file.stages[0].from.base, "one:$A");
  EXPECT_EQ(file.stages[0].from.platform, "linux/amd64");
  EXPECT_EQ(file.stages[0].name, "first");
  EXPECT_EQ(file.stages[0].from.position.line, 3u);
  EXPECT_EQ(file.stages[1].name, "b.2");
}

TEST(Parse, CommandsHaveTwoForms) {
  EXPECT_EQ(First<RunKind>("RUN echo \"$x\"").command.text, "echo \"$x\"");
  EXPECT_THAT(First<RunKind>("run [ \"a\", \"b c\\n\" ]").command.args, ElementsAre("a", "b c\n"));
  EXPECT_TRUE(First<RunKind>("RUN [ -f /x ] && echo").command.shell_form);
  EXPECT_TRUE(First<RunKind>("RUN ['a']").command.shell_form);
  EXPECT_FALSE(First<Cmd>("CMD []").command.shell_form);
  EXPECT_EQ(First<Entrypoint>("ENTRYPOINT exec top").command.text, "exec top");
  EXPECT_THAT(First<Shell>("SHELL [\"/bin/bash\", \"-c\"]").args, ElementsAre("/bin/bash", "-c"));
}

TEST(Parse, FlagsOfRun) {
  RunKind run = First<RunKind>("RUN --network=none --security=sandbox --mount=target=/a -- --x");
  EXPECT_EQ(run.network, Network::kNone);
  EXPECT_EQ(run.command.text, "--x");
  EXPECT_EQ(run.mounts[0].target, "/a");
  EXPECT_EQ(First<RunKind>("RUN --network=DEFAULT a").network, Network::kDefault);
}

TEST(Parse, FlagsOfCopyAndAdd) {
  Copy copy =
      First<Copy>("COPY --from=0 --chown=a:b --chmod=755 --link --parents=true --exclude=*.o --exclude=b a b /c/");
  EXPECT_EQ(copy.from, "0");
  EXPECT_EQ(copy.chown, "a:b");
  EXPECT_EQ(copy.chmod, "755");
  EXPECT_TRUE(copy.link && copy.parents && !copy.add);
  EXPECT_THAT(copy.excludes, ElementsAre("*.o", "b"));
  EXPECT_THAT(copy.sources, ElementsAre("a", "b"));
  EXPECT_EQ(copy.destination, "/c/");
  Copy add = First<Copy>("ADD --unpack=false --checksum=sha256:00 --link=false [\"a b\", \"/c d\"]");
  EXPECT_TRUE(add.add && !add.link);
  EXPECT_EQ(add.unpack, false);
  EXPECT_THAT(add.sources, ElementsAre("a b"));
  EXPECT_EQ(add.destination, "/c d");
  EXPECT_FALSE(First<Copy>("ADD a /b").unpack);
}

TEST(Parse, VariablesComeInTwoForms) {
  EXPECT_THAT(First<Env>("ENV A=1 B=\"x y\" C=a\\ b D=").variables,
              ElementsAre(Pair("A", "1"), Pair("B", "\"x y\""), Pair("C", "a\\ b"), Pair("D", "")));
  EXPECT_THAT(First<Env>("ENV ONE TWO= THREE=world").variables, ElementsAre(Pair("ONE", "TWO= THREE=world")));
  EXPECT_THAT(First<Env>("ENV A   b c ").variables, ElementsAre(Pair("A", "b c")));
  EXPECT_THAT(First<Label>("LABEL \"a.b\"=c d='e f'").labels, ElementsAre(Pair("\"a.b\"", "c"), Pair("d", "'e f'")));
  Dockerfile file = Parsed("FROM x\nARG A B=2");
  ASSERT_EQ(file.stages[0].instructions.size(), 2u);
  EXPECT_EQ(std::get<Arg>(file.stages[0].instructions[1].kind).value, "2");
}

TEST(Parse, TheOtherInstructions) {
  EXPECT_EQ(First<Workdir>("WORKDIR /a b").path, "/a b");
  EXPECT_EQ(First<User>("USER a:b").user, "a:b");
  EXPECT_THAT(First<Expose>("EXPOSE 80 90-91/udp $P").ports, ElementsAre("80", "90-91/udp", "$P"));
  EXPECT_THAT(First<Volume>("VOLUME /a /b").paths, ElementsAre("/a", "/b"));
  EXPECT_THAT(First<Volume>("VOLUME [\"/a b\"]").paths, ElementsAre("/a b"));
  EXPECT_EQ(First<StopSignal>("STOPSIGNAL SIGINT").signal, "SIGINT");
  EXPECT_EQ(First<OnBuild>("ONBUILD  COPY . /x").instruction, "COPY . /x");
  EXPECT_EQ(First<Maintainer>("MAINTAINER some one").name, "some one");
  EXPECT_THAT(Parsed("FROM x\nMAINTAINER me").notes, ElementsAre(HasSubstr("line 2: MAINTAINER is deprecated")));
}

TEST(Parse, HealthChecks) {
  EXPECT_THAT(First<HealthCheck>("HEALTHCHECK none").test, ElementsAre("NONE"));
  HealthCheck check = First<HealthCheck>(
      "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=5ms --retries=4 CMD curl -f x");
  EXPECT_THAT(check.test, ElementsAre("CMD-SHELL", "curl -f x"));
  EXPECT_EQ(check.interval_ns, 90'000'000'000u);
  EXPECT_EQ(check.timeout_ns, 1'500'000'000u);
  EXPECT_EQ(check.start_period_ns, 0u);
  EXPECT_EQ(check.start_interval_ns, 5'000'000u);
  EXPECT_EQ(check.retries, 4u);
  EXPECT_THAT(First<HealthCheck>("HEALTHCHECK CMD [\"a\", \"b\"]").test, ElementsAre("CMD", "a", "b"));
}

struct ErrorCase {
  const char* text;  // below "FROM x"
  const char* error;
};

TEST(ParseErrors, SayWhereAndWhat) {
  for (const ErrorCase& c : std::initializer_list<ErrorCase>{
           {"RNU apt-get update", "Dockerfile:2:1: unknown instruction RNU\nRNU apt-get update\n^\ndid you mean RUN?"},
           {"  COPPY a b", "Dockerfile:2:3: unknown instruction COPPY\n  COPPY a b\n  ^\ndid you mean COPY?"},
           {"FORM x", "did you mean FROM?"},
           {"\tMAKEITSO", "Dockerfile:2:2: unknown instruction MAKEITSO\n\tMAKEITSO\n\t^"},
           {"RUN", "2:1: RUN needs a command"},
           {"RUN []", "2:5: RUN needs a command"},
           {"RUN [1]", "2:5: a list in brackets may hold nothing but strings"},
           {"RUN [[\"a\"]]", "nothing but strings"},
           {"RUN --mont=x a", "2:5: RUN has no flag --mont\nRUN --mont=x a\n    ^\ndid you mean --mount?"},
           {"RUN --mount a", "2:5: the flag --mount needs a value"},
           {"RUN --network=host a", "2:5: Burrow has no host network for builds"},
           {"RUN --network=nono a", "did you mean none?"},
           {"RUN --security=insecure a", "without its sandbox"},
           {"RUN --network=none --network=none a", "2:20: the flag comes a second time"},
           {"RUN --mount=type=cash,target=/a x", "there is no mount of type \"cash\""},
           {"RUN --mount=type=cache,targt=/a x", "2:5: a mount has no targt"},
           {"RUN --mount=type=cache,targt=/a x", "did you mean target?"},
           {"RUN --mount=type=cache x", "a mount of type cache needs a target"},
           {"RUN --mount=from=$x,target=/a x", "takes no variables"},
           {"RUN --mount=type=secret x", "a secret needs an id"},
           {"RUN --mount=target=/a,mode=777 x", "a mount of type bind has no mode"},
           {"RUN --mount=type=cache,target=/a,mode=9 x", "\"9\" is no value for the mount's mode"},
           {"RUN --mount=type=cache,target=/a,sharing=lokced x", "did you mean locked?"},
           {"RUN --mount=type=tmpfs,target=/a,sharing=locked x", "a mount of type tmpfs has no sharing"},
           {"RUN --mount=target x", "needs a value"},
           {"COPY a", "2:6: COPY needs a destination after its source"},
           {"COPY --form=x a b", "did you mean --from?"},
           {"COPY --from=$x a b", "2:6: --from takes no variables"},
           {"COPY --link=maybe a b", "is true or false"},
           {"COPY --chown=a --chown=b a b", "2:16: the flag --chown comes a second time"},
           {"ADD --from=x a b", "ADD has no flag --from"},
           {"ADD --parents a b", "ADD has no flag --parents"},
           {"COPY --checksum=x a b", "COPY has no flag --checksum"},
           {"ENV A", "2:5: ENV needs a value for A\nENV A\n    ^\nwrite ENV A=VALUE"},
           {"ENV A=1 B", "2:9: \"B\" is no NAME=VALUE"},
           {"ENV A=1 \\\n  =2", "3:3: the name before = is empty"},
           {"LABEL --x a=b", "LABEL has no flag --x"},
           {"ARG", "ARG needs a name"},
           {"ARG =1", "2:5: the name before = is empty"},
           {"SHELL /bin/sh", "write SHELL [\"/bin/sh\", \"-c\"]"},
           {"VOLUME []", "VOLUME needs a path"},
           {"HEALTHCHECK NONE x", "takes no arguments"},
           {"HEALTHCHECK CMT x", "did you mean CMD?"},
           {"HEALTHCHECK CMD", "needs a command"},
           {"HEALTHCHECK --interval=5 CMD x", "\"5\" is no duration"},
           {"HEALTHCHECK --interval=1us CMD x", "shorter than a millisecond"},
           {"HEALTHCHECK --retries=-1 CMD x", "no number of retries"},
           {"ONBUILD FROM y", "2:9: ONBUILD may hold no FROM"},
           {"ONBUILD ONBUILD RUN x", "may hold no ONBUILD"},
           {"ONBUILD MAINTAINER x", "may hold no MAINTAINER"},
           {"ONBUILD RNU x", "2:9: unknown instruction RNU"},
           {"FROM a b", "2:8: FROM takes an image, or IMAGE AS NAME"},
           {"FROM a AS 1b", "2:11: \"1b\" cannot name a stage"},
           {"FROM", "FROM needs an image"},
           {"FROM --plattform=x a", "did you mean --platform?"}}) {
    EXPECT_THAT(ParseError("FROM x\n" + std::string(c.text)), HasSubstr(c.error)) << c.text;
  }
}

TEST(ParseErrors, OfTheFileAsAWhole) {
  EXPECT_THAT(ParseError(""), HasSubstr("Dockerfile:1:1: the file has no FROM"));
  EXPECT_THAT(ParseError("# only a comment\n"), HasSubstr("has no FROM"));
  EXPECT_THAT(ParseError("ARG x\nRUN y\nFROM z"), HasSubstr("2:1: RUN comes before the first FROM"));
  EXPECT_THAT(ParseError(std::string(kMaxText + 1, 'a')), HasSubstr("is larger than"));
  std::string stages, instructions = "FROM x\n";
  for (size_t i = 0; i <= kMaxStages; ++i) stages += "FROM x\n";
  for (size_t i = 0; i <= kMaxInstructions; ++i) instructions += "USER x\n";
  EXPECT_THAT(ParseError(stages), HasSubstr("more than 200 stages"));
  EXPECT_THAT(ParseError(instructions), HasSubstr("more than 10000 instructions"));
  EXPECT_THAT(ParseError(std::string(300'000, '\n')), HasSubstr("more than 200000 lines"));
}

TEST(ParseErrors, ShowNoControlCharactersAndOnlyAPartOfALongLine) {
  EXPECT_THAT(ParseError("FROM x\nRNU \x1b[2J"), HasSubstr("\nRNU  [2J\n^"));
  std::string error = ParseError("FROM x\nENV " + std::string(5000, 'a') + "=1 b");
  EXPECT_LT(error.size(), 600u);
  EXPECT_THAT(error, HasSubstr("=1 b\n"));
  EXPECT_THAT(ParseError("FROM x\nENV \xc3\xa4=1 b"),
              HasSubstr("2:10: \"b\" is no NAME=VALUE\nENV \xc3\xa4=1 b\n        ^"));
}

TEST(ParseFragment, HasInstructionsAndNoFrom) {
  auto fragment = ParseFragment("RUN a\nENV b=c\nARG d", "commands");
  ASSERT_TRUE(fragment) << fragment.error().message();
  ASSERT_EQ(fragment->stages.size(), 1u);
  EXPECT_EQ(fragment->stages[0].instructions.size(), 3u);
  EXPECT_TRUE(fragment->stages[0].from.base.empty());
  EXPECT_THAT(ParseFragment("RUN a\nFROM x", "commands").error().message(),
              HasSubstr("commands:2:1: FROM cannot stand here"));
}

}  // namespace
}  // namespace burrow::dockerfile
