// The parts of the builder that touch nothing: commands, sources, output, trees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "builder/add_python.h"
#include "builder/apt_install.h"
#include "builder/base_image.h"
#include "builder/debian_sources.h"
#include "builder/output_tail.h"
#include "builder/pip_install.h"
#include "builder/run_commands.h"
#include "builder/tree_edits.h"

namespace burrow::builder {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(AptInstall, TakesNamesOfPackagesAndNothingElse) {
  for (const char* good : {"python3-sklearn", "g++", "libc6=2.36-9+deb12u10", "libc6:i386", "curl/bookworm-updates",
                           "0ad", "xul-ext.a=1:2.0~rc1-1"}) {
    EXPECT_TRUE(IsDebianPackage(good)) << good;
  }
  for (const char* bad : {"", "a", "-y", "--option", "Curl", "curl;reboot", "curl $(id)", "curl&", "../x",
                          "curl=", "curl=1 2", "curl/", "curl-", "a b", "libc6:", "curl=$(id)", "curl\n"}) {
    EXPECT_FALSE(IsDebianPackage(bad)) << bad;
  }
  EXPECT_FALSE(IsDebianPackage(std::string(300, 'a')));
}

TEST(AptInstall, PassesPackagesAsArgumentsOfAFixedScript) {
  auto argv = AptInstallCommand({"curl", "git=1:2.39"});
  ASSERT_TRUE(argv);
  ASSERT_EQ(argv->size(), 6u);
  EXPECT_EQ((*argv)[4], "curl");
  EXPECT_EQ((*argv)[5], "git=1:2.39");
  EXPECT_THAT((*argv)[2], ::testing::Not(HasSubstr("curl")));
  auto refused = AptInstallCommand({"curl", "rm -rf"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("'rm -rf'"));
}

TEST(DebianSources, KeepsBinaryArchivesOfDebianAndMergesComponents) {
  auto sources = ParseIndexTargets(
      "Packages|Debian|http://mirror.example/debian/|bookworm|bookworm|main\n"
      "Packages|Debian|http://mirror.example/debian/|bookworm|bookworm|contrib\n"
      "Packages|Debian|http://mirror.example/debian/|bookworm|bookworm|main\n"
      "Translations|Debian|http://mirror.example/debian/|bookworm|bookworm|main\n"
      "Packages|Debian|http://mirror.example/security/|bookworm-security|bookworm-security|main\n"
      "Packages|Other|http://other.example/apt/|stable|stable|main\n");
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->codename, "bookworm");
  EXPECT_THAT(sources->lines, ElementsAre("deb http://mirror.example/debian/ bookworm main contrib",
                                          "deb http://mirror.example/security/ bookworm-security main"));
}

TEST(DebianSources, SaysWhatToDoWhereThereIsNoDebianArchive) {
  auto sources = ParseIndexTargets("Packages|Other|http://other.example/apt/|stable|stable|main\ngarbage\n|||\n");
  ASSERT_FALSE(sources);
  EXPECT_THAT(sources.error().message(), HasSubstr("/etc/apt/sources.list"));
}

TEST(DebianSources, RefusesAnArchiveThatWouldAddOptionsToItsLine) {
  EXPECT_FALSE(ParseIndexTargets("Packages|Debian|[trusted=yes]http://x/|bookworm|bookworm|main\n"));
  EXPECT_FALSE(ParseIndexTargets("Packages|Debian|http://x/ y|bookworm|bookworm|main\n"));
}

TEST(BaseImage, BootstrapsWithTheMachinesArchives) {
  auto argv =
      BootstrapCommand({.codename = "bookworm", .lines = {"deb http://mirror.example/debian/ bookworm main"}}, "/tree");
  EXPECT_THAT(argv, Contains("--include=python3,ca-certificates"));
  EXPECT_EQ(argv.back(), "deb http://mirror.example/debian/ bookworm main");
  EXPECT_EQ(argv[argv.size() - 2], "/tree");
}

TEST(DebianSources, GivesTheReleaseOfAPythonFromTheSameArchives) {
  const DebianSources own{.codename = "bookworm",
                          .lines = {"deb http://mirror.example/debian/ bookworm main non-free-firmware",
                                    "deb http://mirror.example/debian/ bookworm-updates main",
                                    "deb http://mirror.example/security/ bookworm-security main"}};
  auto old = SourcesForPython(own, "3.9");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->codename, "bullseye");
  EXPECT_THAT(old->lines, ElementsAre("deb http://mirror.example/debian/ bullseye main",
                                      "deb http://mirror.example/security/ bullseye-security main"));
  EXPECT_EQ(SourcesForPython(own, "3.13")->lines.front(),
            "deb http://mirror.example/debian/ trixie main non-free-firmware");
  EXPECT_EQ(SourcesForPython(own, "3.11")->lines, own.lines);
  EXPECT_EQ(SourcesForPython(own, "")->lines, own.lines);
  auto other = SourcesForPython(own, "3.12");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(),
              ::testing::AllOf(HasSubstr("3.12"), HasSubstr("3.9"), HasSubstr("3.11"), HasSubstr("3.13"),
                               HasSubstr("Image.from_registry(\"HOST/python:3.12-slim\")")));
}

TEST(PipInstall, TakesRequirementsAndNoOptionsAmongThem) {
  for (const char* good : {"six", "six==1.16.0", "a[b]>=1,<2; python_version < '3.9'", "./wheels/x.whl",
                           "x @ https://host.example/x.whl"}) {
    EXPECT_TRUE(IsRequirement(good)) << good;
  }
  for (const char* bad : {"", "-r", "--index-url=http://x", "six\n--pre"}) EXPECT_FALSE(IsRequirement(bad)) << bad;
  burrow::v1::PipInstallStep step;
  EXPECT_FALSE(PipInstallCommand(step)) << "nothing to install";
  step.add_packages("--pre");
  auto refused = PipInstallCommand(step);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("'--pre'"));
}

TEST(PipInstall, PassesEverythingAsArgumentsOfAFixedScript) {
  burrow::v1::PipInstallStep step;
  step.add_packages("six; $(reboot)");
  step.set_find_links("/wheels; x");
  step.add_extra_index_urls("https://other.example/simple");
  step.set_no_index(true);
  step.add_extra_options("--no-deps");
  auto argv = PipInstallCommand(step);
  ASSERT_TRUE(argv);
  EXPECT_THAT(std::vector<std::string>(argv->begin() + 4, argv->end()),
              ElementsAre("--extra-index-url=https://other.example/simple", "--find-links=/wheels; x", "--no-index",
                          "--no-deps", "--", "six; $(reboot)"));
  EXPECT_THAT((*argv)[2], ::testing::Not(HasSubstr("reboot")));
  step.set_uv(true);
  EXPECT_THAT((*PipInstallCommand(step))[2], HasSubstr("uv pip install --system"));
  EXPECT_THAT(DescribePipFailure(step, 0, "failed with exit code 1"),
              HasSubstr("uv_pip_install(six; $(reboot)) failed with exit code 1"));
}

TEST(AddPython, TakesVersionsOfPython3) {
  for (const char* good : {"", "3.9", "3.11", "3.11.2"}) EXPECT_TRUE(AddPythonCommand(good)) << good;
  for (const char* bad : {"3", "3.", "2.7", "3.11; x", "3..1", "3.x", "*"}) EXPECT_FALSE(AddPythonCommand(bad)) << bad;
}

TEST(RunCommands, PassesEachCommandAsOneExactArgument) {
  auto argv = RunCommandsCommand({"echo 'a b' && x", "second"});
  ASSERT_TRUE(argv);
  EXPECT_THAT(std::vector<std::string>(argv->begin() + 3, argv->end()),
              ElementsAre("run_commands", "/bin/sh", "-c", "echo 'a b' && x", "second"));
  EXPECT_FALSE(RunCommandsCommand({}));
  EXPECT_FALSE(RunCommandsCommand({""}));
  EXPECT_FALSE(RunCommandsCommand({std::string(200'000, 'x')}));
  EXPECT_FALSE(RunCommandsCommand({std::string("a\0b", 3)}));
}

TEST(RunCommands, PutsNoWordOfTheShellIntoItsScript) {
  auto argv = RunCommandsCommand({"x"}, {"$(evil)", "`evil`", "'\"; evil"});
  ASSERT_TRUE(argv);
  EXPECT_THAT((*argv)[2], Not(HasSubstr("evil")));
  EXPECT_THAT(std::vector<std::string>(argv->begin() + 4, argv->end()),
              ElementsAre("$(evil)", "`evil`", "'\"; evil", "x"));
  EXPECT_FALSE(RunCommandsCommand({"x"}, {std::string("a\0b", 3)}));
  EXPECT_FALSE(RunCommandsCommand({"x"}, {std::string(200'000, 'x')}));
  EXPECT_FALSE(RunCommandsCommand({"x"}, std::vector<std::string>(101, "x")));
}

TEST(OutputTail, CutsLinesAndKeepsTheLastOnes) {
  std::vector<std::string> seen;
  OutputTail tail([&](std::string_view line) { seen.emplace_back(line); });
  tail.Feed("one\ntw");
  tail.Feed("o\n10%\r20%\r\nrest");
  tail.Finish();
  EXPECT_THAT(seen, ElementsAre("one", "two", "20%", "rest"));
  for (int i = 0; i < 100; ++i) tail.Feed(std::to_string(i) + "\n");
  EXPECT_THAT(tail.Last(), ::testing::StartsWith("80\n81\n"));
  EXPECT_THAT(tail.Last(), ::testing::EndsWith("98\n99\n"));
}

TEST(OutputTail, HidesSecretsLineByLine) {
  std::vector<std::string> seen;
  OutputTail tail([&](std::string_view line) { seen.emplace_back(line); },
                  {"hunter2\nsecond line\n", "hunter2-long", "abc"});
  tail.Feed("a hunter2, hunter2-long and abc\nthe second line hunter");
  tail.Feed("2\n");
  EXPECT_EQ(seen, (std::vector<std::string>{"a ***, *** and abc", "the *** ***"}));
  EXPECT_EQ(tail.Last(), "a ***, *** and abc\nthe *** ***\n");
}

TEST(OutputTail, BoundsALineWithoutEnd) {
  size_t longest = 0, total = 0;
  OutputTail tail([&](std::string_view line) {
    longest = std::max(longest, line.size());
    total += line.size();
  });
  for (int i = 0; i < 100; ++i) tail.Feed(std::string(1000, 'x'));
  tail.Finish();
  EXPECT_EQ(longest, OutputTail::kMaxLine);
  EXPECT_EQ(total, 100'000u);
}

burrow::v1::AddFilesStep FilesStep(const std::string& destination, const std::vector<std::string>& paths) {
  burrow::v1::AddFilesStep step;
  step.set_destination(destination);
  for (const auto& path : paths) {
    auto& file = *step.add_files();
    file.set_path(path);
    file.set_digest(cas::Digest::Of(path).Hex());
    file.set_size(path.size());
    file.set_mode(0755);
  }
  return step;
}

TEST(TreeEdits, LaysFilesUnderTheirDestination) {
  image::Tree tree;
  ASSERT_TRUE(AddFiles(tree, FilesStep("/opt/app/", {"a.py", "sub/b.py"})));
  auto& app = *tree.root().children.at("opt")->children.at("app");
  const auto& inode = *app.children.at("sub")->children.at("b.py")->inode;
  EXPECT_EQ(inode.mode, S_IFREG | 0755u);
  EXPECT_EQ(inode.digest, cas::Digest::Of("sub/b.py"));
  EXPECT_EQ(inode.mtime, kAddedFileTime);
  EXPECT_EQ(MeasureTree(tree).files, 2u);
  EXPECT_EQ(MeasureTree(tree).bytes, 12u);
}

TEST(TreeEdits, LaysASingleFileAsItsDestination) {
  image::Tree tree;
  auto step = FilesStep("/etc/app.conf", {"whatever"});
  step.set_single_file(true);
  ASSERT_TRUE(AddFiles(tree, step));
  EXPECT_TRUE(tree.root().children.at("etc")->children.contains("app.conf"));
}

TEST(TreeEdits, RefusesPlacesThatAreNone) {
  image::Tree tree;
  EXPECT_FALSE(AddFiles(tree, FilesStep("/opt", {"../etc/passwd"})));
  EXPECT_FALSE(AddFiles(tree, FilesStep("/opt/../etc", {"x"})));
  EXPECT_FALSE(AddFiles(tree, FilesStep("opt", {"x"})));
  EXPECT_FALSE(AddFiles(tree, FilesStep("/opt", {"/etc/passwd", "x"})) && tree.root().children.contains("etc"));
  EXPECT_FALSE(AddFiles(tree, FilesStep("/opt", {"a", "a/b"})));
  ASSERT_TRUE(AddFiles(tree, FilesStep("/opt", {"dir/x"})));
  EXPECT_FALSE(AddFiles(tree, FilesStep("/opt", {"dir"})));
}

TEST(TreeEdits, SetsVariablesOverOlderOnes) {
  burrow::link::v1::Image image;
  image.add_env("B=old");
  image.add_env("A=1");
  burrow::v1::EnvStep step;
  (*step.mutable_variables())["B"] = "new=value";
  ASSERT_TRUE(SetEnvironment(image, step));
  EXPECT_THAT(image.env(), ElementsAre("A=1", "B=new=value"));
  (*step.mutable_variables())["1X"] = "";
  EXPECT_FALSE(SetEnvironment(image, step));
}

TEST(TreeEdits, MakesTheWorkingDirectory) {
  image::Tree tree;
  burrow::link::v1::Image image;
  burrow::v1::WorkdirStep step;
  step.set_path("/srv/app");
  ASSERT_TRUE(SetWorkdir(tree, image, step));
  EXPECT_EQ(image.workdir(), "/srv/app");
  EXPECT_TRUE(tree.root().children.at("srv")->children.contains("app"));
  step.set_path("relative");
  EXPECT_FALSE(SetWorkdir(tree, image, step));
}

}  // namespace
}  // namespace burrow::builder
