#include "dockerfile/expand_stage.h"

#include <gmock/gmock.h>

#include "dockerfile/testing/parsing.h"

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;
using testing::Expanded;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Last;
using ::testing::Pair;
using testing::RunKind;
using testing::TryExpand;

std::string ExpandError(std::string_view text, const BuildArgs& args = {}, const StageStart& start = {}) {
  auto stage = TryExpand(text, args, start);
  return stage ? "" : stage.error().message();
}

// The environment of the last instruction, a RUN.
std::vector<std::string> RunEnv(std::string_view text, const BuildArgs& args = {}, const StageStart& start = {}) {
  ExpandedStage stage = Expanded("ARG G=global\nFROM x\n" + std::string(text) + "\nRUN env", args, start);
  return stage.instructions.empty() ? std::vector<std::string>() : stage.instructions.back().env;
}

TEST(Scopes, EnvComesBeforeArgumentsAndWins) {
  EXPECT_THAT(RunEnv("ARG A=arg\nENV B=1 A=env"), ElementsAre("B=1", "A=env"));
  EXPECT_THAT(RunEnv("ENV A=env\nARG A=arg"), ElementsAre("A=env"));
  EXPECT_THAT(RunEnv("ARG Z=1\nARG C=2\nENV B=3", {{"C", "4"}}, {.env = {"PATH=/bin", "B=0"}}),
              ElementsAre("PATH=/bin", "B=3", "Z=1", "C=4"));
  EXPECT_THAT(RunEnv("ARG PATH=/mine", {}, {.env = {"PATH=/bin"}}), ElementsAre("PATH=/bin"));
}

TEST(Scopes, ArgumentsCountOnceTheyAreDeclared) {
  EXPECT_THAT(RunEnv("", {{"A", "1"}}), IsEmpty());
  EXPECT_THAT(RunEnv("ARG A", {{"A", "1"}}), ElementsAre("A=1"));
  EXPECT_THAT(RunEnv("ARG A"), IsEmpty());
  EXPECT_THAT(RunEnv("ARG A=default", {{"A", "given"}}), ElementsAre("A=given"));
  EXPECT_THAT(RunEnv("ARG A=", {}), ElementsAre("A="));
  EXPECT_EQ(Last<Workdir>("WORKDIR /a$A\nARG A=1\nWORKDIR /b$A").path, "/b1");
}

TEST(Scopes, GlobalArgumentsMustBeDeclaredAgain) {
  EXPECT_THAT(RunEnv("ENV E=x$G"), ElementsAre("E=x"));
  EXPECT_THAT(RunEnv("ARG G"), ElementsAre("G=global"));
  EXPECT_THAT(RunEnv("ARG G=own"), ElementsAre("G=own"));
  EXPECT_THAT(RunEnv("ARG G", {{"G", "given"}}), ElementsAre("G=given"));
  EXPECT_THAT(RunEnv("ARG TARGETARCH"), ElementsAre("TARGETARCH=amd64"));
}

TEST(Scopes, AStageInheritsTheArgumentsOfItsBase) {
  ExpandedStage base = Expanded("FROM x\nARG A=1\nARG B");
  EXPECT_THAT(base.args, ElementsAre(Pair("A", "1")));
  EXPECT_THAT(RunEnv("ENV C=$A", {}, {.args = base.args}), ElementsAre("C=1", "A=1"));
}

TEST(Scopes, ProxiesNeedNoDeclaration) {
  BuildArgs args = {{"http_proxy", "http://p"}, {"OTHER", "x"}};
  EXPECT_THAT(RunEnv("", args), ElementsAre("http_proxy=http://p"));
  EXPECT_THAT(RunEnv("ENV http_proxy=none", args), ElementsAre("http_proxy=none"));
  EXPECT_EQ(Last<Label>("LABEL a=x$http_proxy", args).labels[0].second, "x");
  EXPECT_EQ(Last<Label>("ARG http_proxy\nLABEL a=$http_proxy", args).labels[0].second, "http://p");
}

TEST(Scopes, AnInstructionSeesTheVariablesBeforeIt) {
  EXPECT_THAT(Last<Env>("ENV abc=hello\nENV abc=bye def=$abc").variables,
              ElementsAre(Pair("abc", "bye"), Pair("def", "hello")));
  EXPECT_THAT(Last<Env>("ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc").variables,
              ElementsAre(Pair("ghi", "bye")));
  EXPECT_THAT(RunEnv("ARG A=1\nARG B=${A}2"), ElementsAre("A=1", "B=12"));
}

TEST(ExpandStage, TakesQuotesAndEscapesAway) {
  EXPECT_THAT(Last<Env>("ENV A=\"a b\" B=a\\ b C='$x' D=\\$x E=\"q\\\"q\"").variables,
              ElementsAre(Pair("A", "a b"), Pair("B", "a b"), Pair("C", "$x"), Pair("D", "$x"), Pair("E", "q\"q")));
  EXPECT_THAT(Last<Env>("ENV OLD form of \"it\"").variables, ElementsAre(Pair("OLD", "form of it")));
  EXPECT_THAT(Last<Label>("ENV v=1\nLABEL \"a.b\"=\"c $v\" $v=d").labels,
              ElementsAre(Pair("a.b", "c 1"), Pair("1", "d")));
}

TEST(ExpandStage, WhatIsRunIsNotExpanded) {
  std::string env = "ENV v=1\n";
  EXPECT_EQ(Last<RunKind>(env + "RUN echo $v \"${v:-2}\"").command.text, "echo $v \"${v:-2}\"");
  EXPECT_THAT(Last<Cmd>(env + "CMD [\"$v\"]").command.args, ElementsAre("$v"));
  EXPECT_EQ(Last<Entrypoint>(env + "ENTRYPOINT $v").command.text, "$v");
  EXPECT_THAT(Last<HealthCheck>(env + "HEALTHCHECK CMD $v").test, ElementsAre("CMD-SHELL", "$v"));
  EXPECT_THAT(Last<Shell>(env + "SHELL [\"$v\"]").args, ElementsAre("$v"));
  EXPECT_EQ(Last<OnBuild>(env + "ONBUILD WORKDIR $v").instruction, "WORKDIR $v");
  EXPECT_EQ(Last<Maintainer>(env + "MAINTAINER $v").name, "$v");
}

TEST(ExpandStage, TheShellComesBeforeTexts) {
  auto args = [](std::string_view text, const StageStart& start = {}) {
    return Expanded("FROM x\n" + std::string(text), {}, start).instructions.back().args;
  };
  EXPECT_THAT(args("RUN a b"), ElementsAre("/bin/sh", "-c", "a b"));
  EXPECT_THAT(args("RUN [\"a\", \"b\"]"), ElementsAre("a", "b"));
  EXPECT_THAT(args("SHELL [\"bash\", \"-ec\"]\nCMD a"), ElementsAre("bash", "-ec", "a"));
  EXPECT_THAT(args("ENTRYPOINT a", {.shell = {"zsh", "-c"}}), ElementsAre("zsh", "-c", "a"));
}

TEST(ExpandStage, HeredocsOfRunAreScriptsOrGoToTheShell) {
  auto last = [](std::string_view text) { return Expanded("FROM x\n" + std::string(text)).instructions.back(); };
  EXPECT_THAT(last("RUN <<EOF\necho $x\nEOF").args, ElementsAre("/bin/sh", "-c", "echo $x\n"));
  EXPECT_EQ(last("RUN <<EOF\necho $x\nEOF").script, "");
  ExpandedInstruction script = last("RUN <<-'EOF'\n\t#!/usr/bin/env python3\n\tprint(1)\n\tEOF");
  EXPECT_EQ(script.script, "#!/usr/bin/env python3\nprint(1)\n");
  EXPECT_THAT(script.args, IsEmpty());
  EXPECT_THAT(last("RUN python3 <<'A' && cat <<B\n#!x\nA\nb\nB").args,
              ElementsAre("/bin/sh", "-c", "python3 <<'A' && cat <<B\n#!x\nA\nb\nB"));
  EXPECT_THAT(last("RUN cat <<A\n#!x\nA").args, ElementsAre("/bin/sh", "-c", "cat <<A\n#!x\nA"));
}

TEST(ExpandStage, HeredocsOfCopyAreExpandedUnlessTheirNameIsQuoted) {
  Copy copy = Last<Copy>("ENV v=1\nCOPY <<a <<'b' /d/\nit's \"$v\" \\$v\na\n$v\nb");
  ASSERT_EQ(copy.heredocs.size(), 2u);
  EXPECT_EQ(copy.heredocs[0].content, "it's \"1\" $v\n");
  EXPECT_EQ(copy.heredocs[1].content, "$v\n");
}

TEST(ExpandStage, WorkingDirectoriesAddUp) {
  ExpandedStage stage =
      Expanded("FROM x\nWORKDIR a\nWORKDIR ../b/./c\nRUN x\nWORKDIR /d/\nRUN y", {}, {.workdir = "/base"});
  EXPECT_EQ(std::get<Workdir>(stage.instructions[0].instruction.kind).path, "/base/a");
  EXPECT_EQ(std::get<Workdir>(stage.instructions[1].instruction.kind).path, "/base/b/c");
  EXPECT_EQ(stage.instructions[2].workdir, "/base/b/c");
  EXPECT_EQ(stage.instructions[4].workdir, "/d");
  EXPECT_EQ(Last<Workdir>("WORKDIR ../../..").path, "/");
}

TEST(ExpandStage, DestinationsAreAbsolute) {
  auto destination = [](const std::string& written) {
    return Last<Copy>("ENV d=sub e=\nWORKDIR /w\nCOPY a " + written).destination;
  };
  EXPECT_EQ(destination("b"), "/w/b");
  EXPECT_EQ(destination("b/"), "/w/b/");
  EXPECT_EQ(destination("."), "/w/");
  EXPECT_EQ(destination("./"), "/w/");
  EXPECT_EQ(destination("/"), "/");
  EXPECT_EQ(destination("/x/.."), "/");
  EXPECT_EQ(destination("/x/."), "/x/");
  EXPECT_EQ(destination("$d/b"), "/w/sub/b");
  EXPECT_EQ(destination("$e"), "/w/");
  EXPECT_EQ(destination("../../../x"), "/x");
}

TEST(ExpandStage, FlagsOfCopyAreExpanded) {
  Copy copy = Last<Copy>("ARG u=me m=750 p=*.o\nCOPY --chown=$u:$u --chmod=$m --exclude=$p [\"$u b\", \"c\"]");
  EXPECT_EQ(copy.chown, "me:me");
  EXPECT_EQ(copy.chmod, "750");
  EXPECT_THAT(copy.excludes, ElementsAre("*.o"));
  EXPECT_THAT(copy.sources, ElementsAre("me b"));
}

TEST(ExpandStage, MountsAreSettled) {
  RunKind run = Last<RunKind>(
      "ARG id=k m=700\nWORKDIR /w\n"
      "RUN --mount=type=cache,target=c,mode=$m,ro --mount=src=s,dst=/b,rw --mount=type=secret,id=$id/x,required "
      "--mount=type=secret,id=e,env=E --mount=type=secret,target=/t/name,uid=5,mode=0440 --mount=type=ssh "
      "--mount=type=tmpfs,target=/tmp,size=1.5m --mount=type=cache,id=i,sharing=locked,target=/x,from=a,source=/y/../z "
      "r");
  ASSERT_EQ(run.mounts.size(), 8u);
  EXPECT_EQ(run.mounts[0].target, "/w/c");
  EXPECT_EQ(run.mounts[0].id, "/w/c");
  EXPECT_EQ(run.mounts[0].mode, 0700u);
  EXPECT_FALSE(run.mounts[0].read_write);
  EXPECT_EQ(run.mounts[1].source, "/s");
  EXPECT_TRUE(run.mounts[1].read_write);
  EXPECT_EQ(run.mounts[2].target, "/run/secrets/x");
  EXPECT_TRUE(run.mounts[2].required);
  EXPECT_EQ(run.mounts[3].env, "E");
  EXPECT_EQ(run.mounts[3].target, "");
  EXPECT_EQ(run.mounts[4].id, "name");
  EXPECT_EQ(run.mounts[4].mode, 0440u);
  EXPECT_EQ(run.mounts[4].uid, 5u);
  EXPECT_EQ(run.mounts[5].id, "default");
  EXPECT_EQ(run.mounts[6].tmpfs_bytes, 1'572'864u);
  EXPECT_EQ(run.mounts[7].sharing, Sharing::kLocked);
  EXPECT_EQ(run.mounts[7].source, "/z");
  EXPECT_TRUE(run.mounts[7].read_write);
  EXPECT_FALSE(Last<RunKind>("RUN --mount=target=/b x").mounts[0].read_write);
}

TEST(ExpandStage, PortsAreTakenApart) {
  EXPECT_THAT(Last<Expose>("ENV p=\"70 71/udp\"\nEXPOSE 80 90-92/UDP $p 5/sctp").ports,
              ElementsAre("80/tcp", "90/udp", "91/udp", "92/udp", "70/tcp", "71/udp", "5/sctp"));
  for (const char* port : {"x", "65536", "2-1", "80/ip", "80:80", "-1", "80/"}) {
    EXPECT_THAT(ExpandError("FROM x\nEXPOSE " + std::string(port)), HasSubstr("Dockerfile:2:8: ")) << port;
  }
}

TEST(ExpandStage, SignalsAreKnown) {
  for (const char* signal : {"SIGTERM", "term", "9", "SIGRTMIN+3", "$s"}) {
    EXPECT_EQ(ExpandError("FROM x\nENV s=INT\nSTOPSIGNAL " + std::string(signal)), "") << signal;
  }
  for (const char* signal : {"SIGNONE", "0", "65", "SIGRTMIN+31", "$none"}) {
    EXPECT_THAT(ExpandError("FROM x\nSTOPSIGNAL " + std::string(signal)), HasSubstr("2:12: ")) << signal;
  }
}

TEST(ExpandStage, UsersAndVolumes) {
  ExpandedStage stage = Expanded("FROM x\nRUN a\nARG u=me\nUSER $u\nRUN b\nVOLUME /$u");
  EXPECT_EQ(stage.instructions[0].user, "");
  EXPECT_EQ(stage.instructions[2].user, "me");
  EXPECT_THAT(std::get<Volume>(stage.instructions[3].instruction.kind).paths, ElementsAre("/me"));
}

TEST(ExpandStage, TriggersOfTheBaseComeFirst) {
  StageStart start{.on_build = {"ARG A=1", "COPY <<f /\n$A\nf", "WORKDIR sub"}};
  ExpandedStage stage = Expanded("ARG x\nFROM x\nRUN a", {}, start);
  ASSERT_EQ(stage.instructions.size(), 3u);
  EXPECT_EQ(std::get<Copy>(stage.instructions[0].instruction.kind).heredocs[0].content, "1\n");
  EXPECT_EQ(stage.instructions[0].instruction.position.line, 2u);
  EXPECT_EQ(stage.instructions[2].workdir, "/sub");
  EXPECT_THAT(stage.instructions[2].env, ElementsAre("A=1"));
  EXPECT_THAT(ExpandError("FROM base", {}, {.on_build = {"RNU x"}}),
              HasSubstr("ONBUILD of base:1:1: unknown instruction RNU"));
  EXPECT_THAT(ExpandError("FROM base", {}, {.on_build = {"FROM x"}}), HasSubstr("FROM cannot stand here"));
}

TEST(ExpandStage, TheEscapeCharacterCountsInExpansions) {
  ExpandedStage stage = Expanded("# escape=`\nFROM x\nENV A=`$x B=a` b C=c\\d");
  EXPECT_THAT(std::get<Env>(stage.instructions[0].instruction.kind).variables,
              ElementsAre(Pair("A", "$x"), Pair("B", "a b"), Pair("C", "c\\d")));
}

struct StageErrorCase {
  const char* text;
  const char* error;
};

TEST(ExpandStageErrors, PointAtTheText) {
  for (const StageErrorCase& c : std::initializer_list<StageErrorCase>{
           {"ENV A=1 B=${A", "Dockerfile:2:11: \"${A\" lacks a }\nENV A=1 B=${A\n          ^"},
           {"LABEL a=1 \\\n  b=${X:?missing}", "Dockerfile:3:5: X: missing\n  b=${X:?missing}\n    ^"},
           {"WORKDIR $X", "2:9: the working directory is empty"},
           {"USER $X", "2:6: the user is empty"},
           {"VOLUME $X", "a volume's path is empty"},
           {"COPY $X /x", "a source is empty"},
           {"COPY \"a b\" /c", "2:6: \"\"a\" lacks a closing \""},
           {"COPY https://a.b/c /c", "COPY takes no URL"},
           {"ADD https://a.b/c.git#main /c", "ADD of a git repository is not supported"},
           {"ADD git@a.b:c /c", "ADD of a git repository is not supported"},
           {"ADD --checksum=sha256:12 https://a.b/c /c", "sha256: and 64 hexadecimal digits"},
           {"ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 a /c",
            "--checksum is for downloads: a is none"},
           {"ENV $X=1", "2:5: the name is empty"},
           {"RUN --mount=type=$X,target=/a b", "there is no mount of type \"\""},
           {"RUN --mount=type=secret,id=$X b", "a secret needs an id"}}) {
    EXPECT_THAT(ExpandError("FROM x\n" + std::string(c.text)), HasSubstr(c.error)) << c.text;
  }
}

TEST(ExpandStageErrors, VariablesCannotGrowWithoutEnd) {
  std::string text = "FROM x\nENV A=aaaaaaaaaaaaaaaa\n";
  for (int i = 0; i < 60; ++i) text += "ENV A=$A$A\n";
  EXPECT_THAT(ExpandError(text), HasSubstr("what the variables expand to is too large"));
  std::string runs = "FROM x\nENV A=" + std::string(100'000, 'a') + "\n";
  for (int i = 0; i < 1000; ++i) runs += "RUN x\n";
  EXPECT_THAT(ExpandError(runs), HasSubstr("too large"));
}

}  // namespace
}  // namespace burrow::dockerfile
